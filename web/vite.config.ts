import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The mock server (npm run mock) stands for the head node program while developing.
const backend = process.env.SLURMSCOPE_BACKEND ?? "http://127.0.0.1:3900";

export default defineConfig({
  plugins: [react()],
  // A data: URL would be refused by the content security policy for fonts and scripts.
  build: { assetsInlineLimit: 0, sourcemap: false, target: "es2022" },
  server: { proxy: { "/api": backend, "/login": { target: backend, bypass: getServesPage }, "/logout": backend } },
  test: { include: ["src/**/*.test.ts"] },
});

function getServesPage(req: { method?: string }): string | undefined {
  return req.method === "GET" ? "/index.html" : undefined;
}
