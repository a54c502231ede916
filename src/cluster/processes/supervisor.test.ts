import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createSystemClock, TestClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { until } from "../../testing/app.ts";
import { joinAt, type RunningServer, startServer, untilAnswered } from "../../testing/cluster.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { type Ending, launchChild } from "./child-process.ts";
import { Slot, type SlotStatus } from "./slot.ts";

const silent = createLog({ level: "silent" });

const folder = await mkdtemp(join(tmpdir(), "umpire-supervisor-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const { url: databaseUrl } = await createTestDatabase();
/** As from a clean clone, with the run's Postgres to save time. Redis is its own. */
const server: RunningServer = await startServer(
  {
    PORT: "0",
    METRICS_PORT: "0",
    DATABASE_URL: databaseUrl,
    DATA_DIR: folder,
    DRAIN_SECONDS: "6",
    SOCKETS_PER_ADDRESS: "500",
  },
  ["--processes", "3"],
);
const { summaryPort } = await server.line("supervisor.started");

async function processes(): Promise<readonly SlotStatus[]> {
  const answer = await fetch(`http://127.0.0.1:${summaryPort}/processes`);
  return ((await answer.json()) as { processes: SlotStatus[] }).processes;
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("[SUPERVISOR1] npm start -- --processes 3 serves a match on one port, and says how its processes are", async () => {
  const room = await joinAt<{ tick: number }>(server.url, "arena");
  await until(() => room.state?.tick > 10);
  await room.leave();
  expect(await processes()).toMatchObject([
    { process: 1, state: "ready", deaths: 0 },
    { process: 2, state: "ready", deaths: 0 },
    { process: 3, state: "ready", deaths: 0 },
  ]);
  expect(new Set((await processes()).map(({ metricsPort }) => metricsPort)).size).toBe(3);
  const metrics = await (await fetch(`http://127.0.0.1:${summaryPort}/metrics`)).text();
  expect(metrics).toContain("umpire_processes_ready 3");
  // Every line says of which process it is.
  expect(await server.line("server.ready", { process: 2 })).toBeDefined();
});

test("[SUPERVISOR2] a process that is killed is replaced in its place, and the others serve meanwhile", async () => {
  const [first] = await processes();
  process.kill(first?.pid ?? 0, "SIGKILL");
  await server.line("process.died", { process: 1, signal: "SIGKILL", wasStuck: false });
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  await untilAnswered(async () => (await processes()).every(({ state }) => state === "ready"), 10_000);
  expect((await processes()).map(({ deaths }) => deaths)).toEqual([1, 0, 0]);
}, 30_000);

test("[SUPERVISOR4] T18: a process whose loop stands still is killed, and one that dies again and again is given up", async () => {
  const clock = createSystemClock();
  const file = join(folder, "child.mjs");
  const blocks = "process.send({ is: 'ready', metricsPort: 2 }); setTimeout(() => { for (;;); }, 50);";
  await writeFile(
    file,
    `if (process.argv[2] === "block") { ${blocks} } else { console.error("no luck"); process.exit(3); }`,
  );
  const launch = (word: string) => launchChild({ file, args: [word], environment: {}, stuckMs: 1_500 }, clock);
  const stuck = launch("block");
  expect(await stuck.ready).toEqual({ metricsPort: 2 });

  const time = new TestClock();
  let givenUp: Ending | null = null;
  const onGivenUp = (ending: Ending) => {
    givenUp = ending;
  };
  const slot = new Slot({
    number: 1,
    launch: () => launch("die"),
    onServes: () => () => {},
    clock: time,
    log: silent,
    leaveMs: 1,
    onGivenUp,
  });
  expect(await slot.start()).toBeNull();
  await until(() => {
    time.advance(100);
    return givenUp;
  });
  expect(givenUp).toMatchObject({ code: 3, lastWords: "no luck" });
  expect(slot.status).toMatchObject({ state: "given up", deaths: 5, pid: null });

  expect(await stuck.ended).toMatchObject({ signal: "SIGKILL", wasStuck: true });
});

const ROLLING = { timeout: 60_000 };

test(
  "[SUPERVISOR3] T20: SIGHUP replaces one process after the other, and nobody who is between matches is turned away",
  ROLLING,
  async () => {
    const before = (await processes()).map(({ pid }) => pid);
    let isOver = false;
    const failures: unknown[] = [];
    let joins = 0;

    const visitor = async () => {
      while (!isOver) {
        try {
          const room = await joinAt<{ tick: number }>(server.url, "arena", { filters: { mode: "ffa" } });
          joins += 1;
          await room.leave();
          // One address may make only so many guests in a minute.
          await new Promise((resolve) => setTimeout(resolve, 250));
        } catch (failure) {
          failures.push(failure);
        }
      }
    };
    const visitors = [visitor(), visitor(), visitor(), visitor()];
    process.kill(server.pid, "SIGHUP");
    await server.line("process.rolled", {}, 40_000);
    isOver = true;
    await Promise.all(visitors);
    expect(failures).toEqual([]);
    expect(joins).toBeGreaterThan(20);
    const after = await processes();
    expect(after.every(({ pid, state }) => state === "ready" && !before.includes(pid))).toBe(true);
  },
);

test("[SUPERVISOR5] nothing is left when the supervisor is killed: the processes hear of it and stop", async () => {
  // They are quick about it: no match is on, and no connection is kept.
  const pids = (await processes()).map(({ pid }) => pid ?? 0);
  const redis = (await server.line("redis.started"))["pid"] as number;
  await server.kill("SIGKILL");
  await until(() => [...pids, redis].every((pid) => !isRunning(pid)), 10_000);
});
