import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import { type ConnectionOptions, fromDrizzle, type JobResult, type JobWithMetadata, PgBoss } from "pg-boss";
import type { Clock } from "./clock.ts";
import { type Db, openDatabase, type Tx } from "./database.ts";
import type { Log } from "./log.ts";

/** One kind of job as the queue sees it. */
export interface QueueOptions {
  readonly name: string;
  readonly concurrency: number;
  readonly triesMax: number;
  readonly pauseSeconds: number;
  readonly timeoutSeconds: number;
  /** Whether those that fail for good are kept for an operator. */
  readonly keepsDead: boolean;
  /** How often a process looks for one. */
  readonly lookSeconds: number;
}

export interface TakenJob {
  readonly id: string;
  /** The job as it was sent first: one that was dead and is revived gets another id, and is still the same job. */
  readonly sentId: string;
  readonly data: unknown;
  /** 1 at the first. */
  readonly attempt: number;
  readonly isLast: boolean;
  readonly signal: AbortSignal;
}

/** What became of an attempt; `refused` is not tried again. */
export type AttemptOutcome = { readonly is: "done" } | { readonly is: "failed" | "refused"; readonly reason: string };

export interface JobQueues {
  make(options: QueueOptions): Promise<void>;
  send(tx: Tx, name: string, data: object, options: { key?: string; afterSeconds?: number }): Promise<void>;
  /** Sends one job in each span of so many seconds, whoever and however many call it. Who takes them here looks at once. */
  sendOncePer(seconds: number, name: string): Promise<void>;
  /** Sends one job at each time of a cron line, in UTC. */
  schedule(name: string, cron: string): Promise<void>;
  /** Begins to look after the queues; `take` comes after it. */
  start(): Promise<void>;
  take(options: QueueOptions, attempt: (job: TakenJob) => Promise<AttemptOutcome>): Promise<void>;
  /** How many of each kind have failed for good and wait for an operator. */
  countDead(): Promise<ReadonlyMap<string, number>>;
  revive(name?: string): Promise<number>;
  stop(withinMs: number): Promise<void>;
}

interface JobQueuesParts {
  readonly url: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** The queue of what failed for good. No kind of job may have this name. */
export const DEAD = "dead";
const DEAD_DAYS = 90;
const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;
const PAUSE_SECONDS_MAX = 900;
/**
 * A process says this often that it is still at a job. One that has not been heard of for MISSED_SECONDS is looked for every
 * SUPERVISE_SECONDS and given to another process, so that it is begun again within ten seconds. Whoever only stood still
 * that long goes on beside the other; what must happen once is in `job.once`.
 */
const BEAT_SECONDS = 1;
const MISSED_SECONDS = 4;
const SUPERVISE_SECONDS = 2;
/** While the database is away every look for a job fails; one line in so long says it. */
const FAULT_LINE_MS = 10_000;

/** pg-boss on two connections of ours. Its tables are a migration like any other, so that processes do not race for them. */
export function openJobQueues({ url, log, clock }: JobQueuesParts): JobQueues {
  const pool = openDatabase({ url, log, applicationName: "umpire jobs", connectionsMax: 2 });
  const boss = new PgBoss({
    db: plainRows(pool.db),
    schema: "umpire_jobs",
    migrate: false,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
    reindex: false,
    // It would ask at each look after the queues whether vacuum keeps up, and every few seconds for jobs that wait for others.
    monitorVacuum: false,
    flowIntervalSeconds: HOUR_SECONDS,
  });
  listenForFaults(boss, { log, clock });
  const workers = new Map<string, string[]>();
  return {
    async make({ name, ...options }) {
      const queue = {
        retryLimit: options.triesMax - 1,
        retryDelay: options.pauseSeconds,
        ...(options.pauseSeconds > 0 && { retryBackoff: true, retryDelayMax: PAUSE_SECONDS_MAX }),
        expireInSeconds: options.timeoutSeconds,
        deleteAfterSeconds: DAY_SECONDS,
        ...(options.keepsDead && { deadLetter: DEAD }),
      };
      if (options.keepsDead) await boss.createQueue(DEAD, { retentionSeconds: DEAD_DAYS * DAY_SECONDS });
      await boss.createQueue(name, queue);
      await boss.updateQueue(name, queue);
      // The library refuses less than ten seconds as its own argument, and abides by whatever its table says.
      await pool.db.execute(sql`
        update umpire_jobs.queue set heartbeat_seconds = ${MISSED_SECONDS}
        where name = ${name} and heartbeat_seconds is distinct from ${MISSED_SECONDS}`);
    },
    async send(tx, name, data, { key, afterSeconds }) {
      await boss.send(name, data, {
        db: plainRows(tx),
        ...(key !== undefined && { id: idOf(name, key) }),
        ...(afterSeconds !== undefined && { startAfter: afterSeconds }),
      });
    },
    async sendOncePer(seconds, name) {
      const sent = await boss.send(name, {}, { singletonKey: name, singletonSeconds: seconds });
      if (sent !== null) for (const worker of workers.get(name) ?? []) boss.notifyWorker(worker);
    },
    schedule: (name, cron) => boss.schedule(name, cron, {}, { tz: "UTC" }),
    start: async () => void (await boss.start()),
    async take({ name, concurrency, lookSeconds }, attempt) {
      const settings = {
        batchSize: 1,
        includeMetadata: true,
        perJobResults: true,
        heartbeatRefreshSeconds: BEAT_SECONDS,
      } as const;
      for (let worker = 0; worker < concurrency; worker++) {
        let id = "";
        const handle = async (taken: JobWithMetadata<object>[]) => {
          const results = await Promise.all(taken.map(async (job) => resultOf(job.id, await attempt(takenJob(job)))));
          // Where there was one there may be more: it looks again at once.
          boss.notifyWorker(id);
          return results;
        };
        id = await boss.work(name, { ...settings, pollingIntervalSeconds: lookSeconds }, handle);
        workers.set(name, [...(workers.get(name) ?? []), id]);
      }
    },
    async countDead() {
      const rows = await pool.db.execute<{ job: string; dead: number }>(sql`
        select coalesce(source_name, name) as job, count(*)::int as dead
        from umpire_jobs.job where name = ${DEAD} and state < 'active' group by 1`);
      return new Map(rows.map(({ job, dead }) => [job, dead]));
    },
    revive: (name) => boss.redrive(DEAD, name === undefined ? {} : { sourceName: name }),
    async stop(withinMs) {
      await boss.stop({ graceful: true, timeout: withinMs, close: false });
      await pool.close();
    },
  };
}

function listenForFaults(boss: PgBoss, { log, clock }: { log: Log; clock: Clock }): void {
  let toldMs = Number.NEGATIVE_INFINITY;
  boss.on("error", (err) => {
    if (clock.monotonicMs() - toldMs < FAULT_LINE_MS) return;
    toldMs = clock.monotonicMs();
    log.warn({ err }, "jobs.queue_failed");
  });
  boss.on("warning", ({ message }) => log.warn({ warning: message }, "jobs.warned"));
}

function takenJob({ id, sourceRootId, data, retryCount, retryLimit, signal }: JobWithMetadata<object>): TakenJob {
  return { id, sentId: sourceRootId ?? id, data, attempt: retryCount + 1, isLast: retryCount >= retryLimit, signal };
}

function resultOf(id: string, outcome: AttemptOutcome): JobResult {
  if (outcome.is === "done") return { id, status: "completed" };
  const { is, reason } = outcome;
  return { id, status: is === "refused" ? "deadletter" : "failed", output: { reason } };
}

/** The queue takes a UUID as the id of a job: the same for the same key, and for no other. */
function idOf(name: string, key: string): string {
  const hex = createHash("sha256").update(`${name}\n${key}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

const OWN_TRANSACTION = /^\s*BEGIN;([\s\S]*)COMMIT;\s*$/;

/**
 * pg-boss expects another driver: one that gives whole numbers of 64 bits as text, and that lets a text begin a transaction.
 * Several statements in one text without parameters are a transaction anyway.
 */
function plainRows(db: Db | Tx): NonNullable<ConnectionOptions["db"]> {
  const adapter = fromDrizzle(db, sql);
  return {
    async executeSql(text, values) {
      const result = await adapter.executeSql(OWN_TRANSACTION.exec(text)?.[1] ?? text, values);
      // Several statements give an array of rows each.
      const rows = result.rows.flat();
      for (const row of rows) {
        for (const [name, value] of Object.entries(row)) if (typeof value === "bigint") row[name] = value.toString();
      }
      return { rows };
    },
  };
}
