import { configDefaults, defineConfig } from "vitest/config";

/** What a player feels, and what a browser draws, is measured against time: these have the machine to themselves. */
const alone = [
  "rooms/arena/play-feel.test.ts",
  "rooms/page/page.test.ts",
  "src/realtime/admission-spike.test.ts",
  "src/realtime/flood.test.ts",
  "src/services/accounts/password-flood.test.ts",
  "loadtest/fuzz/fuzz.test.ts",
  "loadtest/chaos/economy.test.ts",
  "src/realtime/slow-readers.test.ts",
];

/** Apart from vite.config.ts, which builds the pages. */
export default defineConfig({
  test: {
    globalSetup: ["src/testing/global-setup.ts"],
    // A process per file: the engine's matchmaker is one per process.
    pool: "forks",
    maxWorkers: 2,
    // The engine's SDK talks on the console; what it said is shown for tests that fail.
    silent: "passed-only",
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["{src,rooms,schema,loadtest,bench}/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...alone],
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
