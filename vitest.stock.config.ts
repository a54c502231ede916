import { defineConfig } from "vitest/config";

/** The tests of the engine's defects, against the unmodified engine: `npm run test:stock` wants each to fail. */
export default defineConfig({
  test: {
    include: ["src/realtime/defects/*.defect.test.ts"],
    env: { STACK: "stock" },
    pool: "forks",
    maxWorkers: 2,
    silent: true,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // A test of a stream that arrives garbled may also fail beside itself.
    dangerouslyIgnoreUnhandledErrors: true,
  },
});
