import pg from "pg";

import { databaseUrl } from "../../shared/config.js";

const FIELDS = "id::int AS id, title, done";

/** Todos in PostgreSQL. */
export function openStore(url = databaseUrl) {
  const pool = new pg.Pool({ connectionString: url });
  const first = async (text, values) => (await pool.query(text, values)).rows[0];
  return {
    all: async () => (await pool.query(`SELECT ${FIELDS} FROM todos ORDER BY created_at, id`)).rows,
    insert: (title) => first(`INSERT INTO todos (title) VALUES ($1) RETURNING ${FIELDS}`, [title]),
    update: (id, { title, done }) =>
      first(
        `UPDATE todos SET title = COALESCE($2, title), done = COALESCE($3, done) WHERE id = $1 RETURNING ${FIELDS}`,
        [id, title, done],
      ),
    remove: async (id) => (await pool.query("DELETE FROM todos WHERE id = $1", [id])).rowCount > 0,
  };
}
