export function TodoItem({ todo, onToggle, onRemove }) {
  return (
    <li>
      <label>
        <input type="checkbox" checked={todo.done} onChange={() => onToggle(todo)} />
        <span className={todo.done ? "done" : ""}>{todo.title}</span>
      </label>
      <button type="button" onClick={() => onRemove(todo)}>
        Remove
      </button>
    </li>
  );
}
