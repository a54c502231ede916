/** One process of a swarm: plays its share of the plan and reports each second. Started by workers.ts. */
import { setTimeout as pause } from "node:timers/promises";
import { encodeIntoCompressedBase64 } from "hdr-histogram-js";
import type { BotPlan, BotWorld } from "./bots/bot.ts";
import { playBot } from "./bots/play.ts";
import type { Report } from "./crew.ts";
import { createRecorder, emptyHistogram, recordIn } from "./recorder.ts";

/** What a worker is given. */
export interface WorkerTask {
  /** In the order of arrival. */
  readonly plans: readonly BotPlan[];
  readonly endpoint: string;
  readonly loadtestKey: string | undefined;
  readonly runName: string;
  /** How long the run takes. */
  readonly seconds: number;
}

export type ToWorker =
  | { readonly is: "task"; readonly task: WorkerTask }
  | { readonly is: "start"; readonly beginsAtMs: number }
  | { readonly is: "abort" };
export type FromWorker =
  | { readonly is: "ready" }
  | { readonly is: "report"; readonly report: Report }
  | { readonly is: "done" };

/** Its own timer, by which it sees how late all its timers are. */
const TIMER_MS = 20;
/** Bots that have not left so long after the end are told to, and not waited for much longer. */
const LEAVE_MS_MAX = 10_000;
const LEAVE_AT_ONCE_MS_MAX = 3000;

const recorder = createRecorder();
const abort = new AbortController();
const { signal } = abort;
let late = emptyHistogram();

const tell = (message: FromWorker) => process.send?.(message);
let task: WorkerTask;

process.on("message", (message: ToWorker) => {
  if (message.is === "abort") abort.abort();
  else if (message.is === "start") void run(message.beginsAtMs);
  else {
    ({ task } = message);
    tell({ is: "ready" });
  }
});
// Whoever planned the run is gone, and nobody is left to tell.
process.on("disconnect", () => process.exit(0));

async function run(beginsAtMs: number): Promise<void> {
  // All processes of a machine share one monotonic clock, and each has a faster one of its own.
  const aheadMs = performance.now() - monotonicMs();
  const nowMs = () => performance.now() - aheadMs - beginsAtMs;
  const { endpoint, loadtestKey, runName } = task;
  const world: BotWorld = { endpoint, loadtestKey, runName, recorder, nowMs, signal };
  const over = new AbortController();
  const reporting = reportSeconds(nowMs, over.signal);
  void watchTimers(over.signal);
  await play(world);
  over.abort();
  await reporting;
  tell({ is: "done" });
}

async function play(world: BotWorld): Promise<void> {
  const playing: Promise<void>[] = [];
  for (const plan of task.plans) {
    await wait(plan.arriveMs - world.nowMs(), signal);
    if (signal.aborted) break;
    playing.push(playBot(plan, world).catch((thrown: unknown) => recorder.violation("BOT_FAILED", String(thrown))));
  }
  const rest = task.seconds * 1000 + LEAVE_MS_MAX - world.nowMs();
  const patience = setTimeout(() => abort.abort(), Math.max(0, rest));
  await Promise.race([Promise.all(playing), givenUp()]);
  clearTimeout(patience);
}

/** A bot that cannot leave is a fault of the swarm, and keeps nobody waiting. */
async function givenUp(): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  await pause(LEAVE_AT_ONCE_MS_MAX);
  recorder.error("BOT_FAULT");
}

/** One report for each second until the end of the run, and until the last bot has left. */
async function reportSeconds(nowMs: () => number, over: AbortSignal): Promise<void> {
  let lookedMs = performance.now();
  let cpu = process.threadCpuUsage();
  for (let at = 1; ; at++) {
    // A run that was called off ends with its last bot, and not with the second.
    await wait(at * 1000 - nowMs(), signal.aborted ? over : undefined);
    // Asked before the window is taken, so that nothing is recorded behind the last one.
    const isLast = over.aborted && (at >= task.seconds || signal.aborted);
    const used = process.threadCpuUsage(cpu);
    const elapsedMs = performance.now() - lookedMs;
    lookedMs += elapsedMs;
    cpu = process.threadCpuUsage();
    const share = (used.user + used.system) / 1000 / elapsedMs;
    tell({
      is: "report",
      report: { at, window: recorder.take(), cpu: share, late: encodeIntoCompressedBase64(late), steal: null },
    });
    late = emptyHistogram();
    if (isLast) return;
  }
}

async function watchTimers(over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const dueMs = performance.now() + TIMER_MS;
    await pause(TIMER_MS);
    recordIn(late, Math.max(0, performance.now() - dueMs));
  }
}

async function wait(ms: number, end?: AbortSignal): Promise<void> {
  if (ms > 0) await pause(ms, undefined, end && { signal: end }).catch(() => {});
}

function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
