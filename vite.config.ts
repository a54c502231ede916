import { join } from "node:path";
import { defineConfig } from "vite";

/** The game's page. The server builds it and serves it; `rooms/page/serve.ts` is the only reader besides Vite's own CLI. */
export default defineConfig(({ command }) => ({
  root: join(import.meta.dirname, "rooms/page"),
  // Everything the page needs is imported by it; nothing is copied along unseen.
  publicDir: false,
  appType: "spa",
  build: {
    outDir: join(import.meta.dirname, "dist/page"),
    emptyOutDir: true,
    target: "es2023",
    sourcemap: false,
    // Each chunk is its own file and each image too: the content security policy allows no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1024,
  },
  // A built page is the one for players, whatever NODE_ENV it was built under.
  define: command === "build" ? { "import.meta.env.DEV": "false", "import.meta.env.PROD": "true" } : {},
}));
