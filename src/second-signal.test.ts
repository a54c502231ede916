import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { until } from "./testing/app.ts";
import { joinAt, startServer } from "./testing/cluster.ts";
import { isRunning, postmasterPid } from "./testing/own-postgres.ts";

const ALONE = { NODE_ENV: "test", PORT: "0", METRICS_PORT: "0", DRAIN_SECONDS: "600" };
const A_MATCH_IS_ON = 2;

test.concurrent.each([
  ["one process", []],
  ["several processes", ["--processes", "2"]],
])(
  "[START6] a second signal to %s waits for no match, and leaves no database behind",
  async (_, args) => {
    const folder = await mkdtemp(join(tmpdir(), "umpire-second-signal-"));
    const server = await startServer({ ...ALONE, DATA_DIR: folder }, args);
    const room = await joinAt<{ phase: number }>(server.url, "arena");
    await until(() => room.state?.phase === A_MATCH_IS_ON, 20_000);
    const postmaster = await postmasterPid(folder);
    let code: number | null = null;
    void server.kill("SIGTERM").then((exitCode) => {
      code = exitCode;
    });
    await server.line("server.stopping");
    // One that follows at once is the same Ctrl-C, told by npm.
    await vi.waitFor(
      () => {
        if (code === null) void server.kill("SIGTERM");
        expect(code).toBe(1);
      },
      { timeout: 15_000, interval: 200 },
    );
    await until(() => !isRunning(postmaster), 5_000);
    await rm(folder, { recursive: true, force: true });
  },
  60_000,
);
