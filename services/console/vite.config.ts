import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the sources as they are saved, in front of a Space that `make run` keeps up.
const space = process.env.SPACE_ORIGIN ?? "http://127.0.0.1:8480";

export default defineConfig({
  plugins: [react()],
  // A page may hold no inline script and no data: URL of code, so nothing is inlined.
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One style sheet, and one file of what several pages use: a first visit over a slow network waits for round trips
    // more than for bytes.
    cssCodeSplit: false,
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: "shared", minShareCount: 4 }] } },
    },
  },
  server: { proxy: { "/api": { target: space, changeOrigin: true, headers: { origin: space } } } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
