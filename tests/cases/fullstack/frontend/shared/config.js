import process from "node:process";
import { URL } from "node:url";

export const environment = process.env.NODE_ENV ?? "development";

// frontend
export function apiBase(origin = process.env.API_ORIGIN ?? "http://localhost:3000") {
  return new URL("/api/", origin).href;
}

// backend

// database
