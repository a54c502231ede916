import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sql as statement } from "drizzle-orm";
import { getConstructionPlans } from "pg-boss";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { createTestDatabase } from "../testing/postgres.ts";
import { createSystemClock } from "./clock.ts";
import type { Tx } from "./database.ts";
import { createJobs, type Job, type Jobs } from "./jobs.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";

const database = await createTestDatabase({ connectionsMax: 8 });
const { sql, db } = database;
await sql`create table effects (name text not null, job text not null)`;
const clock = createSystemClock();
const payload = z.strictObject({ name: z.string().max(10) });
const soon = { timeout: 8000, interval: 20 };

/** The jobs of one process, stopped after the test. */
function aProcess() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const metrics = createMetrics();
  const jobs = createJobs({ db, url: database.url, log, clock, metrics, lookSeconds: 0.5 });
  onTestFinished(() => jobs.stop({ withinMs: 1000 }));
  return { jobs, lines, metrics };
}

const apply = (tx: Tx, name: string, job: Job) =>
  tx.execute(statement`insert into effects values (${name}, ${job.id})`);
const effects = async (name: string) => (await sql`select job from effects where name = ${name}`).length;
const doOnce = ({ name }: { name: string }, job: Job) => job.once(async (tx) => void (await apply(tx, name, job)));
const inTransaction = (send: (tx: Tx) => Promise<void>) => db.transaction(send);

test("[JOBS1] a job exists if and when the transaction that sent it commits, and once for each key", async () => {
  const { jobs } = aProcess();
  const kind = jobs.define("atomic", payload, doOnce);
  await jobs.start();
  const undone = inTransaction(async (tx) => {
    await jobs.send(tx, kind, { name: "undone" });
    throw new Error("undo");
  });
  await expect(undone).rejects.toThrow("undo");
  const crowd = Array.from({ length: 8 }, () =>
    inTransaction((tx) => jobs.send(tx, kind, { name: "keyed" }, { key: "k" })),
  );
  await Promise.all(crowd);
  await inTransaction(async (tx) => {
    await jobs.send(tx, kind, { name: "twice" });
    await jobs.send(tx, kind, { name: "twice" });
    await jobs.send(tx, kind, { name: "later" }, { afterSeconds: 3600 });
  });
  await vi.waitFor(async () => expect(await effects("twice")).toBe(2), soon);
  expect(await effects("keyed")).toBe(1);
  // A key is good for ever, also after its job was swept out.
  await sql`delete from umpire_jobs.job where name = 'atomic' and state = 'completed'`;
  await inTransaction((tx) => jobs.send(tx, kind, { name: "keyed" }, { key: "k" }));
  await vi.waitFor(async () => {
    const left = await sql`select state from umpire_jobs.job where name = 'atomic' and data->>'name' = 'keyed'`;
    expect(left).toEqual([{ state: "completed" }]);
  }, soon);
  expect([await effects("keyed"), await effects("undone"), await effects("later")]).toEqual([1, 0, 0]);
});

test("[JOBS2] a handler that fails behind its work is tried again, and its work is not done again", async () => {
  const { jobs, lines } = aProcess();
  const attempts: number[] = [];
  const kind = jobs.define(
    "stumbling",
    payload,
    async (given, job) => {
      attempts.push(job.attempt);
      await doOnce(given, job);
      if (job.attempt < 3) throw new Error("stumbled");
    },
    { pauseSeconds: 0 },
  );
  await jobs.start();
  await inTransaction((tx) => jobs.send(tx, kind, { name: "stumble" }));
  await vi.waitFor(() => expect(attempts).toEqual([1, 2, 3]), soon);
  expect(await effects("stumble")).toBe(1);
  expect(lines.filter(({ msg }) => msg === "jobs.attempt_failed")).toHaveLength(2);
});

test("[JOBS3] what fails for good is kept, counted and told, and can be sent on its way again", async () => {
  const { jobs, lines, metrics } = aProcess();
  let isBroken = true;
  const kind = jobs.define(
    "broken",
    payload,
    async (given, job) => {
      if (isBroken) throw new Error("still broken");
      await doOnce(given, job);
    },
    { triesMax: 2, pauseSeconds: 0 },
  );
  await jobs.start();
  await inTransaction((tx) => jobs.send(tx, kind, { name: "revived" }));
  await vi.waitFor(
    () =>
      expect(lines).toContainEqual(expect.objectContaining({ msg: "jobs.dead", level: "error", dead: { broken: 1 } })),
    soon,
  );
  expect(await metrics.registry.getSingleMetricAsString("umpire_jobs_dead")).toContain(
    'umpire_jobs_dead{job="broken"} 1',
  );
  isBroken = false;
  expect(await jobs.revive("broken")).toBe(1);
  await vi.waitFor(async () => expect(await effects("revived")).toBe(1), soon);
  expect(await metrics.registry.getSingleMetricAsString("umpire_jobs_dead")).not.toContain("broken");
});

test("[JOBS2] what a job did once it does not do again when it is revived", async () => {
  const { jobs, metrics } = aProcess();
  let isBroken = true;
  const ids = new Set<string>();
  const kind = jobs.define(
    "half",
    payload,
    async (given, job) => {
      ids.add(job.id);
      await doOnce(given, job);
      if (isBroken) throw new Error("broken behind it");
    },
    { triesMax: 1 },
  );
  await jobs.start();
  await inTransaction((tx) => jobs.send(tx, kind, { name: "half" }, { key: "half" }));
  const dead = () => metrics.registry.getSingleMetricAsString("umpire_jobs_dead");
  await vi.waitFor(async () => expect(await dead()).toContain('{job="half"} 1'), soon);
  isBroken = false;
  expect(await jobs.revive("half")).toBe(1);
  await vi.waitFor(async () => {
    const done = await sql`select from umpire_jobs.job where name = 'half' and state = 'completed'`;
    expect(done).toHaveLength(1);
  }, soon);
  expect([await effects("half"), ids.size]).toEqual([1, 1]);
});

test("[JOBS4] a payload that does not fit is not sent, and one that was stored by another version is dead at once", async () => {
  const { jobs, lines } = aProcess();
  let calls = 0;
  const kind = jobs.define("strict", payload, async () => void calls++);
  await jobs.start();
  const wrong = inTransaction((tx) => jobs.send(tx, kind, { name: "much too long" }));
  await expect(wrong).rejects.toThrow(z.ZodError);
  await inTransaction((tx) => jobs.send(tx, kind, { name: "old" }));
  await sql`update umpire_jobs.job set data = '{"other": 1}' where name = 'strict'`;
  await vi.waitFor(
    () => expect(lines).toContainEqual(expect.objectContaining({ msg: "jobs.dead", dead: { strict: 1 } })),
    soon,
  );
  expect(calls).toBe(0);
  expect(await jobs.revive("strict")).toBe(1);
});

/** A kind whose handlers end when they are let. */
function gated(jobs: Jobs, name: string) {
  const { promise: open, resolve: release } = Promise.withResolvers<void>();
  const running = { now: 0, most: 0, done: 0, aborted: 0 };
  const handler = async (_: unknown, job: Job) => {
    running.most = Math.max(running.most, ++running.now);
    job.signal.addEventListener("abort", () => running.aborted++);
    await open;
    running.now--;
    running.done++;
  };
  return { kind: jobs.define(name, payload, handler, { concurrency: 2 }), running, release };
}

test("[JOBS5] a process does no more at once than it was told, and its stop waits for them, but not for ever", async () => {
  const one = aProcess();
  const { kind, running, release } = gated(one.jobs, "gated");
  await one.jobs.start();
  await inTransaction(async (tx) => {
    for (let count = 0; count < 5; count++) await one.jobs.send(tx, kind, { name: "gated" });
  });
  await vi.waitFor(() => expect(running.now).toBe(2), soon);
  const stopped = one.jobs.stop();
  release();
  await stopped;
  expect(running).toMatchObject({ most: 2, now: 0, done: 2 });

  const two = aProcess();
  const stuck = gated(two.jobs, "gated");
  await two.jobs.start();
  await vi.waitFor(() => expect(stuck.running.now).toBe(2), soon);
  await two.jobs.stop({ withinMs: 1000 });
  expect(stuck.running).toMatchObject({ done: 0, aborted: 2 });
  stuck.release();
  // Two that were done, two that are to be done again, and one that nobody has begun.
  const states = await sql`select state, count(*)::int from umpire_jobs.job where name = 'gated' group by 1 order by 1`;
  expect(states).toEqual([
    { state: "created", count: 1 },
    { state: "retry", count: 2 },
    { state: "completed", count: 2 },
  ]);
});

test("[JOBS5] while there are more jobs, nobody waits for the next look", async () => {
  const { jobs } = aProcess();
  const kind = jobs.define("many", payload, doOnce);
  await jobs.start();
  await inTransaction(async (tx) => {
    for (let count = 0; count < 100; count++) await jobs.send(tx, kind, { name: "many" });
  });
  // Two at each look, twice a second, would take 25 s.
  await vi.waitFor(async () => expect(await effects("many")).toBe(100), { timeout: 15_000, interval: 20 });
});

/** A process that takes the job of a kind, says so, and never comes to its end. */
function aDoomedProcess(name: string) {
  const modules = ["jobs", "clock", "log", "metrics", "database"].map((file) => import.meta.resolve(`./${file}.ts`));
  const code = `
    const [jobs, clock, log, metrics, database] = await Promise.all(${JSON.stringify(modules)}.map((file) => import(file)));
    const { z } = await import(${JSON.stringify(import.meta.resolve("zod"))});
    const url = ${JSON.stringify(database.url)};
    const silent = log.createLog({ level: "silent" });
    const { db } = database.openDatabase({ url, log: silent });
    const parts = { db, url, log: silent, clock: clock.createSystemClock(), metrics: metrics.createMetrics(), lookSeconds: 0.5 };
    const mine = jobs.createJobs(parts);
    mine.define(${JSON.stringify(name)}, z.strictObject({ name: z.string() }), async () => {
      process.send("taken");
      await new Promise(() => {});
    });
    await mine.start();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, taken: once(child, "message") };
}

test("[JOBS8] T24: a job whose process was killed is begun again within ten seconds, and one that takes long is not", async () => {
  const doomed = aDoomedProcess("orphaned");
  const one = aProcess();
  const long = gated(one.jobs, "long");
  const orphaned = one.jobs.define("orphaned", payload, doOnce);
  await one.jobs.start({ work: false });
  await inTransaction((tx) => one.jobs.send(tx, orphaned, { name: "orphan" }));
  await doomed.taken;
  await one.jobs.start();
  await inTransaction((tx) => one.jobs.send(tx, long.kind, { name: "long" }));
  await vi.waitFor(() => expect(long.running.now).toBe(1), soon);
  doomed.child.kill("SIGKILL");
  await once(doomed.child, "exit");
  await vi.waitFor(async () => expect(await effects("orphan")).toBe(1), { timeout: 10_000, interval: 20 });
  // By now it has run for longer than a process may be silent.
  const [held] = await sql`select state, retry_count from umpire_jobs.job where name = 'long'`;
  expect(held).toEqual({ state: "active", retry_count: 0 });
  expect(long.running.aborted).toBe(0);
  long.release();
  await vi.waitFor(() => expect(long.running.done).toBe(1), soon);
});

test("[JOBS6] what is done every so often is done once each time, however many processes there are", async () => {
  let ticks = 0;
  const processes = [aProcess(), aProcess(), aProcess()];
  for (const { jobs } of processes) {
    jobs.every("hourly", 3600, async () => void ticks++);
    jobs.every("at-night", "0 3 * * *", async () => void ticks++);
  }
  await Promise.all(processes.map(({ jobs }) => jobs.start()));
  await vi.waitFor(() => expect(ticks).toBe(1), soon);
  expect(await sql`select name, cron, timezone from umpire_jobs.schedule`).toEqual([
    { name: "at-night", cron: "0 3 * * *", timezone: "UTC" },
  ]);
  expect(await sql`select count(*)::int as jobs from umpire_jobs.job where name = 'hourly'`).toEqual([{ jobs: 1 }]);
});

test("[JOBS7] the queue's tables are a migration, and exactly those of the library that is installed", async () => {
  const folder = join(import.meta.dirname, "../../migrations");
  const file = (await readdir(folder)).find((name) => name.endsWith("_jobs_schema.sql")) ?? "";
  const words = (text: string) =>
    text
      .split(/\s+/)
      .filter((word) => word !== "")
      .join(" ");
  const migration = words((await readFile(join(folder, file), "utf8")).replace(/^--.*$/gm, ""));
  const wrapper = /^\s*(BEGIN;|COMMIT;|SET LOCAL .*|SELECT pg_advisory_xact_lock\(.*)$/gm;
  expect(migration).toBe(words(getConstructionPlans("umpire_jobs").replace(wrapper, "")));
});

test("[JOBS7] the queue's own statements have two connections, and a process that only sends works on nothing", async () => {
  const { jobs } = aProcess();
  let calls = 0;
  const kind = jobs.define("sent-only", payload, async () => void calls++);
  await jobs.start({ work: false });
  await inTransaction((tx) => jobs.send(tx, kind, { name: "sent" }));
  const other = aProcess();
  const { running, release } = gated(other.jobs, "sent-only");
  await other.jobs.start();
  await vi.waitFor(() => expect(running.now).toBe(1), soon);
  const [open] = await sql<{ count: number }[]>`
    select count(*)::int from pg_stat_activity where application_name = 'umpire jobs' and datname = current_database()`;
  expect(open?.count).toBeLessThanOrEqual(4);
  release();
  await vi.waitFor(() => expect(running.done).toBe(1), soon);
  expect(calls).toBe(0);
});
