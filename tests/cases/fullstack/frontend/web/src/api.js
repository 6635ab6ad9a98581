/** Client of the backend. `base` ends in a slash, as in "/api/". */
export function todoClient(base = "/api/", send = fetch) {
  async function call(method, path, body) {
    const answer = await send(`${base}${path}`, {
      method,
      headers: { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new Error(problem.error ?? `the server answered ${answer.status}`);
    }
    return answer.status === 204 ? null : answer.json();
  }

  return {
    list: () => call("GET", "todos"),
    add: (title) => call("POST", "todos", { title }),
    change: (id, fields) => call("PATCH", `todos/${id}`, fields),
    remove: (id) => call("DELETE", `todos/${id}`),
  };
}
