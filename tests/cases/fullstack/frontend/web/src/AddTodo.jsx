import { useState } from "react";

export function AddTodo({ onAdd }) {
  const [title, setTitle] = useState("");

  function submit(event) {
    event.preventDefault();
    if (title.trim()) {
      onAdd(title.trim());
      setTitle("");
    }
  }

  return (
    <form onSubmit={submit}>
      <input value={title} onChange={(event) => setTitle(event.target.value)} placeholder="What is to be done?" />
      <button type="submit">Add</button>
    </form>
  );
}
