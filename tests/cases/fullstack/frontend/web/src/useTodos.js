import { useCallback, useEffect, useState } from "react";

import { todoClient } from "./api.js";

const client = todoClient();

export function useTodos() {
  const [todos, setTodos] = useState([]);
  const [problem, setProblem] = useState(null);

  const guarded = useCallback(async (work) => {
    try {
      await work();
      setTodos(await client.list());
      setProblem(null);
    } catch (error) {
      setProblem(error.message);
    }
  }, []);

  useEffect(() => {
    guarded(async () => {});
  }, [guarded]);

  return {
    todos,
    problem,
    add: (title) => guarded(() => client.add(title)),
    toggle: (todo) => guarded(() => client.change(todo.id, { done: !todo.done })),
    remove: (todo) => guarded(() => client.remove(todo.id)),
  };
}
