/** What is wrong with the fields of a todo; an empty text where nothing is. */
export function problemWith(fields, { isNew }) {
  if (fields === null || typeof fields !== "object") return "a JSON object is expected";
  const { title, done } = fields;
  if (isNew && title === undefined) return "title is required";
  if (title !== undefined && (typeof title !== "string" || !title.trim())) return "title must be a text";
  if (title !== undefined && title.length > 200) return "title is longer than 200 characters";
  if (done !== undefined && typeof done !== "boolean") return "done must be true or false";
  return "";
}
