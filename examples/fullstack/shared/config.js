import process from "node:process";

export const environment = process.env.NODE_ENV ?? "development";

// frontend

// backend

// database
