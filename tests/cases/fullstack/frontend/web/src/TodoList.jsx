import { AddTodo } from "./AddTodo.jsx";
import { TodoItem } from "./TodoItem.jsx";
import { useTodos } from "./useTodos.js";

export function TodoList() {
  const { todos, problem, add, toggle, remove } = useTodos();
  return (
    <main>
      <h1>Todos</h1>
      {problem && <p role="alert">{problem}</p>}
      <AddTodo onAdd={add} />
      <ul>
        {todos.map((todo) => (
          <TodoItem key={todo.id} todo={todo} onToggle={toggle} onRemove={remove} />
        ))}
      </ul>
    </main>
  );
}
