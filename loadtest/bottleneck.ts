import { formatNumber, formatValue } from "./figures.ts";
import type { BudgetVerdict, RunResult } from "./result.ts";

/** What was in the way when a budget broke. `unknown` when the server's metrics could not be read. */
export type BottleneckKind =
  | "correctness"
  | "CPU"
  | "loop"
  | "database"
  | "joins"
  | "bandwidth"
  | "memory"
  | "errors"
  | "unknown";

export interface Bottleneck {
  readonly kind: BottleneckKind;
  readonly budgets: readonly string[];
  /** For a person: which budget broke, what the server looked like, and what follows. */
  readonly words: string;
}

/** A loop with so much of its core taken is late because there is too much to do. */
const CPU_FULL = 0.9;
/** From here on chance alone fills a core for a moment: whoever is late above it is late because there is much to do. */
const CPU_BUSY = 0.7;
/** A loop that is so late stands still now and then. */
const LOOP_LATE_MS = 25;
/** Of the most that were seated: before and after it there was less to do. */
const NEARLY_ALL = 0.8;

/**
 * Names what broke first, from the budgets that broke and from what the server said of itself meanwhile. The server's own
 * figures go first: when a core is full, everything else that is late is late because of it.
 */
export function bottleneckOf(result: RunResult): Bottleneck {
  const broken = result.budgets.filter(({ ok }) => !ok);
  const server = serverAtPeak(result);
  const kind = kindOf(broken, server);
  const said = [broken.map(({ words }) => words).join("; "), because(kind, server, result), cures[kind]];
  return { kind, budgets: broken.map(({ budget }) => budget), words: said.filter((each) => each !== "").join(". ") };
}

interface ServerAtPeak {
  readonly cpu: number | null;
  readonly loopMs: number | null;
  readonly lateMs: number | null;
}

function kindOf(broken: readonly BudgetVerdict[], { cpu, loopMs, lateMs }: ServerAtPeak): BottleneckKind {
  const has = (...names: readonly string[]) => broken.some(({ budget }) => names.includes(budget));
  const hasFelt = has("echoMsP99", "patchGapMsP99", "correctionUnitsP95", "reconnectMsP99");
  if (has("violations")) return "correctness";
  if (cpu !== null && cpu >= CPU_FULL) return "CPU";
  const isLate = has("loopMsP99", "tickLateMsP99") || Math.max(loopMs ?? 0, lateMs ?? 0) >= LOOP_LATE_MS;
  if ((isLate || hasFelt) && cpu !== null && cpu >= CPU_BUSY) return "CPU";
  if (isLate) return "loop";
  if (has("cpuMsPerKiloTick")) return "CPU";
  if (has("rssMiBPerMinute") && !hasFelt && !has("joinMsP99", "shopMsP99")) return "memory";
  if (has("bytesPerClientSecond")) return "bandwidth";
  if (cpu === null && loopMs === null) return has("joinMsP99") && !hasFelt ? "joins" : "unknown";
  if (has("shopMsP99")) return "database";
  if (has("joinMsP99")) return "joins";
  // The server sent in time, and it came late.
  if (hasFelt) return "bandwidth";
  return broken.length === 0 ? "unknown" : "errors";
}

function because(kind: BottleneckKind, { cpu, loopMs, lateMs }: ServerAtPeak, { errors }: RunResult): string {
  if (cpu === null && loopMs === null)
    return "The server's metrics could not be read, so this says what broke and not why";
  const core = cpu === null ? "an unknown share" : formatValue(cpu, "share");
  const late = [
    ...(loopMs === null ? [] : [`its loop was ${formatValue(loopMs, "ms")} late`]),
    ...(lateMs === null ? [] : [`its ticks ${formatValue(lateMs, "ms")}`]),
  ].join(", ");
  const state = `The busiest process took ${core} of a core${late === "" ? "" : `, ${late} (p99)`}`;
  const [worst] = Object.entries(errors).sort((a, b) => b[1] - a[1]);
  return kind === "errors" && worst !== undefined
    ? `${state}; the most frequent error was ${worst[0]}, ${formatNumber(worst[1])} times`
    : state;
}

const cures: Readonly<Record<BottleneckKind, string>> = {
  correctness: "Something happened that must never happen: no capacity counts before that is mended",
  CPU: "The processor was the limit: add a process, or make a tick cheaper",
  loop: "Something holds the loop up although the core is not full: `umpire_loop_blocked_total` names the room and hook",
  database: "The loop had time to spare while requests waited: look at the database and its connections",
  joins:
    "Those who played had what they needed, and getting in was slow: look at the door's queue and the database behind it",
  bandwidth: "The server had time to spare: what it sends is too much, or the way to the players too narrow",
  memory: "Memory grows while the population does not: look for what is kept",
  errors: "Players were refused or lost while the server had time to spare: the codes say by whom",
  unknown: "Let the swarm read the server's metrics to know why",
};

/** What is typical of the seconds in which nearly everybody sat. */
function serverAtPeak({ series }: RunResult): ServerAtPeak {
  const peak = series.reduce((most, { seated }) => Math.max(most, seated), 0);
  const busy = series.filter(({ seated }) => seated >= peak * NEARLY_ALL).map(({ server }) => server);
  const middle = (values: readonly (number | null | undefined)[]) => {
    const known = values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
    return known[Math.floor(known.length / 2)] ?? null;
  };
  return {
    cpu: middle(busy.map((server) => server?.cpuBusiest ?? server?.cpu)),
    loopMs: middle(busy.map((server) => server?.loopMsP99)),
    lateMs: middle(busy.map((server) => server?.tickLateMsP99)),
  };
}
