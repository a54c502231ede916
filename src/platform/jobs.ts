import { z } from "zod";
import type { Clock } from "./clock.ts";
import { crashPoint } from "./crash-point.ts";
import type { Db, Tx } from "./database.ts";
import { AppError, invariant } from "./errors.ts";
import { once } from "./idempotency.ts";
import {
  type AttemptOutcome,
  DEAD,
  type JobQueues,
  openJobQueues,
  type QueueOptions,
  type TakenJob,
} from "./job-queues.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** What a handler is told of its job beside the payload. */
export interface Job {
  /** The same at every attempt, also after the job was dead and is revived. */
  readonly id: string;
  /** 1 at the first. */
  readonly attempt: number;
  /** Aborted when the attempt has used its time up, or the process stops and cannot wait any longer. */
  readonly signal: AbortSignal;
  /** Does `work` in one transaction, and only if no attempt at this job has done so before. Only SQL belongs in it. */
  once(work: (tx: Tx) => Promise<void>): Promise<void>;
}

export type JobHandler<Payload> = (payload: Payload, job: Job) => Promise<void>;

export interface JobOptions {
  /** Jobs of this kind that this process does at once; 2 unless given. */
  readonly concurrency?: number;
  /** Attempts before a job is dead; 12 unless given, which takes about half an hour. */
  readonly triesMax?: number;
  /** Before the second attempt, and twice as long before each further one; 1 unless given. */
  readonly pauseSeconds?: number;
  /** An attempt that takes longer has failed, although it may still be going on; 60 unless given. */
  readonly timeoutSeconds?: number;
}

/** A kind of job: what `define` gives and `send` takes. */
export interface JobKind<Payload> {
  readonly name: string;
  readonly payload: z.ZodType<Payload>;
}

export interface SendOptions {
  /** Two jobs of a kind with the same key are one job, also long after. Without it every call sends one. */
  readonly key?: string;
  /** Not before so many seconds have passed. */
  readonly afterSeconds?: number;
}

export interface Jobs {
  /**
   * Declares a kind of job, before `start`. Each job reaches the handler at least once: again when the handler fails, and
   * when its process dies. What must happen once belongs in `job.once`; what leaves the server needs `job.id` as its key.
   */
  define<Payload>(
    name: string,
    payload: z.ZodType<Payload>,
    handler: JobHandler<Payload>,
    options?: JobOptions,
  ): JobKind<Payload>;
  /** Sends a job as a part of the transaction: it exists if and when that commits. */
  send<Payload>(tx: Tx, kind: JobKind<Payload>, payload: NoInfer<Payload>, options?: SendOptions): Promise<void>;
  /**
   * Does something every so many seconds, or at the times of a cron line (UTC, to the minute): once each time, however many
   * processes there are. A time that is missed, or fails, is not made up for.
   */
  every(name: string, when: number | string, handler: (job: Job) => Promise<void>): void;
  /** Makes the queues and begins to work; with `work: false` only makes them, for a process that does nothing but send. */
  start(options?: { readonly work?: boolean }): Promise<void>;
  /** Takes no more jobs and waits for those under way; what is not done after `withinMs` is done again by another process. */
  stop(options?: { readonly withinMs?: number }): Promise<void>;
  /** Sends the dead of a kind, or all, on their way again, and tells how many. */
  revive(name?: string): Promise<number>;
}

interface JobsParts {
  /** For the work of handlers. The queue's own statements have two connections of their own. */
  readonly db: Db;
  readonly url: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, "jobSeconds" | "jobsDead">;
  /** How often each kind of job is looked for; 1 unless given, and at least 0.5. */
  readonly lookSeconds?: number;
}

interface Definition {
  readonly kind: JobKind<unknown>;
  readonly handler: JobHandler<unknown>;
  readonly queue: QueueOptions;
  /** For what `every` declares. */
  readonly when: number | string | null;
}

const DEFAULTS: Required<JobOptions> = { concurrency: 2, triesMax: 12, pauseSeconds: 1, timeoutSeconds: 60 };
/** How often a process looks for what is done every so often. Each look costs about as much as a step of a small room. */
const LOOK_SECONDS_MAX = 10;
/** How often the dead are counted, and how long after an attempt that was the last. */
const WATCH_MS = 15_000;
const BURY_MS = 1000;
const STOP_MS = 10_000;

/** Jobs that are sent with what they belong to, kept in Postgres, and done by whichever process is free. */
export function createJobs({ db, url, log, clock, metrics, lookSeconds = 1 }: JobsParts): Jobs {
  const queues = openJobQueues({ url, log, clock });
  const definitions = new Map<string, Definition>();
  const stops: (() => void)[] = [];
  const watch = watchDead({ queues, metrics, log });
  const attempt = createAttempt({ db, clock, log, metrics });

  const declare = (definition: Definition) => {
    const { name } = definition.kind;
    invariant(!definitions.has(name) && name !== DEAD, `only one kind of job is called ${name}`);
    definitions.set(name, definition);
    // So that its figures are there from the beginning, and do not grow with the first time that each happens.
    for (const outcome of ["done", "failed", "dead"]) metrics.jobSeconds.zero({ job: name, outcome });
  };
  const takeUp = async (definition: Definition) => {
    const { queue, when } = definition;
    const { name } = queue;
    await queues.take(queue, async (job) => {
      const outcome = await attempt(definition, job);
      if (outcome.is === "refused" || (outcome.is === "failed" && job.isLast)) clock.after(BURY_MS, watch);
      return outcome;
    });
    if (typeof when === "string") await queues.schedule(name, when);
    if (typeof when !== "number") return;
    const tick = () =>
      queues.sendOncePer(when, name).catch((err: unknown) => log.warn({ err, job: name }, "jobs.tick_missed"));
    await tick();
    stops.push(clock.every(when * 1000, tick));
  };

  return {
    define(name, payload, handler, options = {}) {
      const kind = { name, payload };
      const queue = { ...DEFAULTS, ...options, name, keepsDead: true, lookSeconds };
      declare({ kind, handler: handler as JobHandler<unknown>, queue, when: null });
      return kind;
    },
    every(name, when, handler) {
      const queue = {
        ...DEFAULTS,
        concurrency: 1,
        triesMax: 1,
        name,
        keepsDead: false,
        // The process that sends it takes it at once; the others look for what that one did not get to.
        lookSeconds: Math.max(
          lookSeconds,
          Math.min(typeof when === "number" ? when / 3 : LOOK_SECONDS_MAX, LOOK_SECONDS_MAX),
        ),
      };
      declare({ kind: { name, payload: z.unknown() }, handler: (_, job) => handler(job), queue, when });
    },
    async send(tx, { name, payload: schema }, payload, options = {}) {
      invariant(definitions.has(name), `${name} is a kind of job that was defined`);
      await queues.send(tx, name, schema.parse(payload) as object, options);
    },
    async start({ work = true } = {}) {
      if (definitions.size === 0) return;
      for (const { queue } of definitions.values()) await queues.make(queue);
      if (!work) return;
      await queues.start();
      for (const definition of definitions.values()) await takeUp(definition);
      stops.push(clock.every(WATCH_MS, watch));
      await watch();
    },
    async stop({ withinMs = STOP_MS } = {}) {
      for (const stop of stops.splice(0)) stop();
      await queues.stop(withinMs);
    },
    async revive(name) {
      const revived = await queues.revive(name);
      await watch();
      return revived;
    },
  };
}

/** One attempt at one job. It never throws: what became of it is told to the queue, and the reason to the log only. */
function createAttempt({ db, clock, log, metrics }: Pick<JobsParts, "db" | "clock" | "log" | "metrics">) {
  return async ({ kind, handler }: Definition, job: TakenJob): Promise<AttemptOutcome> => {
    const { sentId: id, attempt, signal } = job;
    const about = { job: kind.name, jobId: id, attempt };
    const stopTimer = metrics.jobSeconds.startTimer({ job: kind.name });
    crashPoint("job.taken");
    const payload = kind.payload.safeParse(job.data);
    if (!payload.success) {
      stopTimer({ outcome: "dead" });
      log.error({ ...about, problems: z.prettifyError(payload.error) }, "jobs.payload_refused");
      return { is: "refused", reason: "payload" };
    }
    const keyed = { scope: "job", key: id, verb: kind.name, request: null };
    try {
      await handler(payload.data, {
        id,
        attempt,
        signal,
        once: async (work) => void (await once({ db, clock }, keyed, (tx) => work(tx).then(() => true))),
      });
      crashPoint("job.done");
      stopTimer({ outcome: "done" });
      return { is: "done" };
    } catch (err) {
      stopTimer({ outcome: job.isLast ? "dead" : "failed" });
      log[job.isLast ? "error" : "warn"]({ ...about, err }, "jobs.attempt_failed");
      return { is: "failed", reason: err instanceof AppError ? err.code : "INTERNAL" };
    }
  };
}

interface WatchParts extends Pick<JobsParts, "metrics" | "log"> {
  readonly queues: Pick<JobQueues, "countDead">;
}

/** Counts the dead, whoever let them die, and says when there are more than before. */
function watchDead({ queues, metrics, log }: WatchParts): () => Promise<void> {
  let before = 0;
  return async () => {
    try {
      const dead = await queues.countDead();
      metrics.jobsDead.reset();
      for (const [job, count] of dead) metrics.jobsDead.set({ job }, count);
      const now = [...dead.values()].reduce((sum, count) => sum + count, 0);
      if (now > before) log.error({ dead: Object.fromEntries(dead) }, "jobs.dead");
      before = now;
    } catch (err) {
      log.debug({ err }, "jobs.watch_failed");
    }
  };
}
