import { join } from "node:path";
import { configDefaults, defineConfig } from "vitest/config";
import { TIMED } from "./src/testing/timed.ts";

/** These take all that the machine has for a while, and measure what is left for others: they have it to themselves. */
const alone = [
  "src/realtime/door/admission-spike.test.ts",
  "src/realtime/guard/flood.test.ts",
  "src/services/accounts/password-flood.test.ts",
  "loadtest/fuzz/fuzz.test.ts",
];

/** What a player feels, and what a browser draws, is measured against time: a processor each, and nothing else beside. */
const measured = [
  "rooms/arena/play-feel.test.ts",
  "rooms/page/page.test.ts",
  "src/realtime/sync/slow-readers.test.ts",
  "loadtest/smoke.test.ts",
];

const PREFLIGHT = join(import.meta.dirname, "src/preflight.mjs");

/** Apart from vite.config.ts, which builds the pages. */
export default defineConfig({
  test: {
    globalSetup: ["src/testing/global-setup.ts"],
    // A process per file: the engine's matchmaker is one per process.
    pool: "forks",
    maxWorkers: 2,
    // A file spends most of its time on loading the server: as `npm start` does, and each package compiled once for all.
    execArgv: ["--import", PREFLIGHT],
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.vitest-cache/compiled") },
    // The engine's SDK talks on the console; what it said is shown for tests that fail.
    silent: "passed-only",
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["{src,rooms,schema,loadtest,bench,deploy}/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...measured, ...alone],
          // Most files wait for something most of their time: a third fills the gaps of two processors.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "measured",
          ...TIMED,
          include: measured,
          // Where memory is measured it grows by what is held, and not by the room that V8 takes for what is new.
          execArgv: ["--import", PREFLIGHT, "--max-semi-space-size=4"],
          sequence: { groupOrder: 1 },
        },
      },
      { extends: true, test: { name: "alone", ...TIMED, include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
