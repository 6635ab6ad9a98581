import process from "node:process";

export const environment = process.env.NODE_ENV ?? "development";

// frontend

// backend

// database
export const databaseUrl = process.env.DATABASE_URL ?? "postgres://todo:todo@localhost:5432/todo";
