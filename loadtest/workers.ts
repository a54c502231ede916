import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BotPlan } from "./bots/bot.ts";
import { type Crew, type CrewListener, Muster } from "./crew.ts";
import type { FromWorker, ToWorker, WorkerTask } from "./swarm-worker.ts";

export interface WorkersOptions extends Omit<WorkerTask, "plans"> {
  readonly plan: readonly BotPlan[];
  readonly workers: number;
}

/** One that has not ended so long after it should have never will. */
const STUCK_MS = 20_000;

/**
 * The crew of this machine: so many processes, each with every so-manieth bot of the plan. Returns when they have loaded.
 * Threads would be cheaper, but one that ends with requests under way can wait for them for ever, and whoever started it too.
 */
export async function startWorkers({ plan, workers, ...task }: WorkersOptions, listener: CrewListener): Promise<Crew> {
  const names = Array.from({ length: workers }, (_, index) => `worker ${index + 1}`);
  let stolen = machineTimes();
  const muster = new Muster(names, (report) => {
    const before = stolen;
    stolen = machineTimes();
    listener.onReport({ ...report, steal: stealBetween(before, stolen) });
  });
  const crew = names.map((name, index) => {
    const plans = plan.filter((_, place) => place % workers === index);
    return startWorker(
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
  await Promise.all(crew.map(({ ready }) => ready));
  let patience: NodeJS.Timeout | undefined;
  const killAll = () => {
    for (const { kill } of crew) kill();
  };
  const endWithin = (ms: number) => {
    clearTimeout(patience);
    patience = setTimeout(killAll, ms);
  };
  return {
    start(inMs) {
      const [seconds, nanoseconds] = process.hrtime();
      const beginsAtMs = seconds * 1000 + nanoseconds / 1e6 + inMs;
      for (const { tell } of crew) tell({ is: "start", beginsAtMs });
      endWithin(inMs + task.seconds * 1000 + STUCK_MS);
    },
    abort() {
      for (const { tell } of crew) tell({ is: "abort" });
      endWithin(STUCK_MS);
    },
    done: Promise.all(crew.map(({ done }) => done)).then(() => {}),
    async end() {
      clearTimeout(patience);
      killAll();
      await Promise.all(crew.map(({ ended }) => ended));
    },
  };
}

/** How much of what a process says on its way out is shown. */
const LAST_WORDS_MAX = 2000;

function startWorker(task: WorkerTask, listener: CrewListener) {
  const child = fork(join(import.meta.dirname, "swarm-worker.ts"), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // The engine's client talks of each connection that it loses.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // A Ctrl-C is for whoever planned the run, who tells the bots to leave.
    detached: true,
  });
  let isDone = false;
  let settle = { ready: () => {}, done: () => {} };
  const ready = new Promise<void>((resolve) => {
    settle = { ...settle, ready: resolve };
  });
  const done = new Promise<void>((resolve) => {
    settle = { ...settle, done: resolve };
  });
  let lastWords = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString()).slice(-LAST_WORDS_MAX);
  });
  child.on("message", (message: FromWorker) => {
    if (message.is === "ready") settle.ready();
    if (message.is === "report") listener.onReport(message.report);
    if (message.is !== "done") return;
    isDone = true;
    settle.done();
  });
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      lastWords = error.message;
      child.emit("exit", null, null);
    });
    child.once("exit", () => {
      if (!isDone) listener.onLost(lastWords.trim() || "without a word");
      settle.ready();
      settle.done();
      resolve();
    });
  });
  const tell = (message: ToWorker) => void (child.connected && child.send(message));
  tell({ is: "task", task });
  return { ready, done, ended, tell, kill: () => void child.kill("SIGKILL") };
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
