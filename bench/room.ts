import { benchBytes } from "./bytes.ts";
import { canMeasure } from "./machine.ts";
import type { Length, Row, SuiteResult } from "./report.ts";
import { idleRows, joinRows, latencyRows, playedRow, playRows } from "./room-rows.ts";
import { type Bench, CONTENDERS, type Contender, openBench, type Samples, type Workload } from "./side-by-side.ts";
import { median } from "./statistics.ts";

type Plan = Pick<Workload, "contenders" | "repetitions" | "seconds" | "secondTries"> & { readonly clients: number };

const STOCK_AND_US = ["stock-defaults", "stock-best", "umpire"] as const;
/**
 * How much is measured. Quick is a gate on a shared machine: three repetitions, beside the stock engine; with fewer bots
 * than the plan says, what a process does at rest would weigh more than the game.
 */
const PLANS: Readonly<Record<Length, Plan>> = {
  quick: { contenders: STOCK_AND_US, clients: 320, repetitions: 3, seconds: 3, secondTries: 0 },
  usual: { contenders: CONTENDERS, clients: 320, repetitions: 5, seconds: 4, secondTries: 3 },
  full: { contenders: CONTENDERS, clients: 320, repetitions: 5, seconds: 30, secondTries: 5 },
};
/** A compiler that is still at work takes a third of a server's first seconds, and the more code there is the longer. */
const WARM_UP_SECONDS = 6;
const W2_CLIENTS = 128;
/** One wave of joins takes so little CPU that the steps in which it is counted would show. */
const W6_WAVES = 4;
/** Hundreds of bots take long to join, and each repetition gives thousands of latencies. */
const W5_REPETITIONS = 3;
const W5_CLIENTS_MAX = 900;
/** The share of one core that W5 keeps a server at. */
const W5_CPU = 0.6;

/** W1, W2, W4, W5 and W6: what a room costs, beside the stock engine, socket.io and a bare `ws` floor. */
export async function benchRoom({ length }: { length: Length }): Promise<SuiteResult> {
  const suite = { suite: "room", isTimed: true } as const;
  if (!canMeasure()) return { ...suite, void: "CPU time is read from /proc: this needs Linux", rows: [] };
  const plan = PLANS[length];
  const bench = await openBench(plan.contenders);
  try {
    await warmUp(bench, plan);
    const w1 = await bench.measure({ ...plan, name: "W1", size: 16, clients: () => plan.clients, isPlaying: true });
    const rows = [...playRows("W1", w1, { isLenient: length === "quick" }), playedRow("W1", w1)];
    if (length !== "quick") rows.push(...(await measureRest(bench, plan, w1)));
    const bytes = length === "quick" ? null : benchBytes({ length });
    return { ...suite, void: bytes?.void ?? whyVoid(rows), rows: [...rows, ...(bytes?.rows ?? [])] };
  } finally {
    await bench.stop();
  }
}

/** Every contender's code has been compiled before it counts. */
async function warmUp(bench: Bench, plan: Plan): Promise<void> {
  const once = { repetitions: 1, seconds: WARM_UP_SECONDS, secondTries: 0 };
  await bench.measure({ ...plan, ...once, name: "warm-up", size: 16, clients: () => plan.clients, isPlaying: true });
}

async function measureRest(bench: Bench, plan: Plan, w1: Samples): Promise<Row[]> {
  const w2 = await bench.measure({ ...plan, name: "W2", size: 64, clients: () => W2_CLIENTS, isPlaying: true });
  const small = { ...plan, contenders: STOCK_AND_US, size: 16 } as const;
  const filled = { ...small, name: "W6", clients: () => plan.clients, seconds: 1, waves: W6_WAVES, isPlaying: true };
  const joined = await bench.measure(filled);
  const still = { ...small, name: "W4/idle", clients: () => 16, repetitions: 1, isPlaying: false };
  const idle = await bench.measure(still);
  const crowded = { ...small, name: "W5", repetitions: W5_REPETITIONS, clients: busyClients(w1), isPlaying: true };
  const busy = await bench.measure(crowded);
  return [
    ...playRows("W2", w2, { isLenient: false }),
    playedRow("W2", w2),
    ...idleRows(idle),
    ...latencyRows(busy),
    playedRow("W5", busy),
    ...joinRows(joined),
  ];
}

/** How many clients keep a contender's server at W5_CPU, by what W1 has shown. */
function busyClients(w1: Samples): (contender: Contender) => number {
  return (contender) => {
    const cpuPerClient = median((w1.of.get(contender) ?? []).map(({ serverCpu, clients }) => serverCpu / clients));
    return Math.min(W5_CLIENTS_MAX, Math.round(W5_CPU / cpuPerClient) || W5_CLIENTS_MAX);
  };
}

/** A run is void when a gate cannot be judged; another row that is void says so itself. */
function whyVoid(rows: readonly Row[]): string | null {
  const row = rows.find((candidate) => candidate.isGate && candidate.void !== undefined);
  return row === undefined ? null : `${row.id} against ${row.against}: ${row.void}`;
}
