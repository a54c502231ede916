import { defineConfig } from "vitest/config";

/** Apart from vite.config.ts, which builds the pages. */
export default defineConfig({
  test: {
    include: ["{src,rooms,schema,loadtest,bench}/**/*.test.ts"],
    globalSetup: ["src/testing/global-setup.ts"],
    // A process per file: the engine's matchmaker is one per process.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
