import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

import { apiBase } from "../shared/config.js";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api": new URL(apiBase()).origin } },
});
