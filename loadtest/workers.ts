import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { BotPlan } from "./bots/bot.ts";
import { type Crew, type CrewListener, Muster } from "./crew.ts";
import type { FromWorker, ToWorker, WorkerTask } from "./swarm-worker.ts";

export interface WorkersOptions extends Omit<WorkerTask, "plans"> {
  readonly plan: readonly BotPlan[];
  readonly workers: number;
}

/** A thread that has not ended so long after it should have never will. */
const STUCK_MS = 20_000;

/** The crew of this process: so many threads, each with every so-manieth bot of the plan. Returns when they have loaded. */
export async function startWorkers({ plan, workers, ...task }: WorkersOptions, listener: CrewListener): Promise<Crew> {
  const names = Array.from({ length: workers }, (_, index) => `worker ${index + 1}`);
  let stolen = machineTimes();
  const muster = new Muster(names, (report) => {
    const before = stolen;
    stolen = machineTimes();
    listener.onReport({ ...report, steal: stealBetween(before, stolen) });
  });
  const threads = names.map((name, index) => {
    const plans = plan.filter((_, place) => place % workers === index);
    return startThread(
      { ...task, plans },
      {
        onReport: (report) => muster.add(name, report),
        onLost(words) {
          listener.onLost(`${name} of ${workers} has ended with its bots: ${words}`);
          muster.remove(name);
        },
      },
    );
  });
  await Promise.all(threads.map(({ ready }) => ready));
  let patience: NodeJS.Timeout | undefined;
  const endWithin = (ms: number) => {
    clearTimeout(patience);
    patience = setTimeout(() => void Promise.all(threads.map(({ worker }) => worker.terminate())), ms);
  };
  return {
    start(inMs) {
      const [seconds, nanoseconds] = process.hrtime();
      const beginsAtMs = seconds * 1000 + nanoseconds / 1e6 + inMs;
      for (const { tell } of threads) tell({ is: "start", beginsAtMs });
      endWithin(inMs + task.seconds * 1000 + STUCK_MS);
    },
    abort() {
      for (const { tell } of threads) tell({ is: "abort" });
      endWithin(STUCK_MS);
    },
    done: Promise.all(threads.map(({ done }) => done)).then(() => {}),
    async end() {
      clearTimeout(patience);
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

function startThread(task: WorkerTask, listener: CrewListener) {
  const worker = new Worker(join(import.meta.dirname, "swarm-worker.ts"), {
    workerData: task,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  let isDone = false;
  let settle = { ready: () => {}, done: () => {} };
  const ready = new Promise<void>((resolve) => {
    settle = { ...settle, ready: resolve };
  });
  const done = new Promise<void>((resolve) => {
    settle = { ...settle, done: resolve };
  });
  let lastWords = "without a word";
  worker.on("message", (message: FromWorker) => {
    if (message.is === "ready") settle.ready();
    if (message.is === "report") listener.onReport(message.report);
    if (message.is !== "done") return;
    // Whatever is still open in it ends with the thread.
    isDone = true;
    settle.done();
  });
  worker.on("error", (error) => {
    lastWords = error.stack ?? String(error);
  });
  worker.on("exit", () => {
    if (!isDone) listener.onLost(lastWords);
    settle.ready();
    settle.done();
  });
  return { worker, ready, done, tell: (message: ToWorker) => worker.postMessage(message) };
}

interface MachineTimes {
  readonly total: number;
  readonly stolen: number;
}

/** The first line of /proc/stat, in clock ticks: user nice system idle iowait irq softirq steal. Null elsewhere than on Linux. */
function machineTimes(): MachineTimes | null {
  try {
    const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n", 1);
    const times = line.trim().split(/\s+/).slice(1, 9).map(Number);
    return { total: times.reduce((sum, time) => sum + time, 0), stolen: times[7] ?? 0 };
  } catch {
    return null;
  }
}

function stealBetween(before: MachineTimes | null, after: MachineTimes | null): number | null {
  if (before === null || after === null || after.total === before.total) return null;
  return (after.stolen - before.stolen) / (after.total - before.total);
}
