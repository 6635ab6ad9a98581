import process from "node:process";
import { URL } from "node:url";

export const environment = process.env.NODE_ENV ?? "development";

// frontend

// backend
export const port = Number(process.env.PORT ?? 3000);

export function publicUrl() {
  return new URL(`http://localhost:${port}/`).href;
}

// database
