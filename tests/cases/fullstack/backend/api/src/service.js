import { problemWith } from "./validate.js";

/** The todos behind the routes. `store` has all(), insert(title), update(id, fields) and remove(id). */
export function todoService(store) {
  return {
    async handle(method, id, fields) {
      if (method === "GET") return { status: 200, body: await store.all() };
      if (method === "DELETE") return (await store.remove(id)) ? { status: 204 } : missing(id);
      const problem = problemWith(fields, { isNew: method === "POST" });
      if (problem) return { status: 400, body: { error: problem } };
      if (method === "POST") return { status: 201, body: await store.insert(fields.title.trim()) };
      const changed = await store.update(id, fields);
      return changed ? { status: 200, body: changed } : missing(id);
    },
  };
}

function missing(id) {
  return { status: 404, body: { error: `there is no todo ${id}` } };
}
