import { defineConfig } from "vitest/config";

/** What takes minutes, or needs thousands of samples: `npm run soak`, one file after the other on a quiet machine. */
export default defineConfig({
  test: {
    include: ["{src,rooms,loadtest,deploy}/**/*.soak.ts"],
    globalSetup: ["src/testing/global-setup.ts"],
    pool: "forks",
    execArgv: ["--expose-gc"],
    maxWorkers: 1,
    testTimeout: 60 * 60_000,
    hookTimeout: 60_000,
  },
});
