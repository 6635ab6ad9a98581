import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { todoService } from "../api/src/service.js";
import { apiBase, databaseUrl, port } from "../shared/config.js";
import { todoClient } from "../web/src/api.js";

function storeInMemory() {
  const rows = new Map();
  let last = 0;
  return {
    all: async () => [...rows.values()],
    insert: async (title) => {
      last += 1;
      rows.set(last, { id: last, title, done: false });
      return rows.get(last);
    },
    update: async (id, fields) => {
      if (!rows.has(id)) return undefined;
      rows.set(id, { ...rows.get(id), ...fields });
      return rows.get(id);
    },
    remove: async (id) => rows.delete(id),
  };
}

async function withServer(work) {
  const service = todoService(storeInMemory());
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const id = request.url.split("/")[3];
    const { status, body } = await service.handle(request.method, id && Number(id), text ? JSON.parse(text) : undefined);
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(todoClient(apiBase(`http://127.0.0.1:${server.address().port}`)));
  } finally {
    server.close();
  }
}

test("the frontend's client adds, changes, lists and removes through the backend's service", () =>
  withServer(async (client) => {
    const added = await client.add("  buy milk ");
    assert.deepEqual(added, { id: 1, title: "buy milk", done: false });
    assert.equal((await client.change(1, { done: true })).done, true);
    assert.equal((await client.list()).length, 1);
    await client.remove(1);
    assert.deepEqual(await client.list(), []);
  }));

test("the backend's validation reaches the frontend as a message", () =>
  withServer(async (client) => {
    await assert.rejects(client.add(" "), /title must be a text/);
    await assert.rejects(client.change(7, { done: true }), /there is no todo 7/);
  }));

test("the settings of all parts stand in one place", () => {
  assert.equal(port, 3000);
  assert.match(databaseUrl, /^postgres:/);
});
