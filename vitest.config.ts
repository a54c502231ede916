import { defineConfig } from "vitest/config";

/** Apart from vite.config.ts, which builds the pages. */
export default defineConfig({
  test: {
    include: ["{src,rooms,schema,loadtest,bench}/**/*.test.ts"],
    globalSetup: ["src/testing/global-setup.ts"],
    // A process per file: the engine's matchmaker is one per process.
    pool: "forks",
    maxWorkers: 2,
    // The engine's SDK talks on the console; what it said is shown for tests that fail.
    silent: "passed-only",
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
