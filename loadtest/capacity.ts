import { type Bottleneck, bottleneckOf } from "./bottleneck.ts";
import type { RunResult } from "./result.ts";

export interface CapacityStep {
  readonly bots: number;
  /** `search` looks for the knee, `confirmation` is the long run there. */
  readonly purpose: "search" | "confirmation";
  readonly outcome: "held" | "broken" | "void";
  readonly result: RunResult;
}

export interface Capacity {
  /** The most players that were held for a minute with every budget kept. 0 when not even the smallest crowd was. */
  readonly bots: number;
  /** Where the search ended: at a knee, at the most it was allowed, or where the swarm itself was the limit. */
  readonly end: "knee" | "most allowed" | "swarm" | "nothing held";
  /** What broke first above it. */
  readonly brokenBy: Bottleneck | null;
  /** In words, for a person. */
  readonly words: string;
  readonly steps: readonly CapacityStep[];
}

interface CapacitySearch {
  readonly run: (bots: number, options?: { readonly seconds: number }) => Promise<RunResult>;
  readonly from: number;
  readonly max: number;
  readonly onStep?: (step: CapacityStep) => void;
}

/** Raised by this until something breaks. */
const RAISE = 2;
/** The knee is known when what broke is at most that much above what held. */
const KNEE_WITHIN = 1.07;
const CONFIRMATION_SECONDS = 60;

/**
 * The largest population that a server holds with every budget kept. The load is doubled until a budget breaks, the knee
 * is bisected, and a run of a minute there confirms it. Each step is a run of its own on a population of its own: one long
 * run in steps would be shorter, but what a step has left behind (queues, memory, players who still redial) would be
 * judged with the next, and such a run cannot go down again.
 */
export async function findCapacity(search: CapacitySearch): Promise<Capacity> {
  const { from, max } = search;
  if (!(Number.isInteger(from) && Number.isInteger(max) && from >= 1 && max >= from)) {
    throw new RangeError(`A search goes from a whole number of bots to a larger one, not from ${from} to ${max}.`);
  }
  const steps: CapacityStep[] = [];
  const bracket = await findBracket(search, steps);
  const held = await bisect(search, steps, bracket);
  const confirmed = await confirm(search, steps, held);
  return conclude(confirmed, steps);
}

async function measure(
  { run, onStep }: CapacitySearch,
  steps: CapacityStep[],
  { bots, purpose }: Pick<CapacityStep, "bots" | "purpose">,
): Promise<CapacityStep> {
  const result = await (purpose === "confirmation" ? run(bots, { seconds: CONFIRMATION_SECONDS }) : run(bots));
  const outcome = result.void !== null ? "void" : isKept(result) ? "held" : "broken";
  const step: CapacityStep = { bots, purpose, outcome, result };
  steps.push(step);
  onStep?.(step);
  return step;
}

/** One bad moment of the machine must not halve a capacity: what breaks, or proves nothing, is run again, and that counts. */
async function judge(
  search: CapacitySearch,
  steps: CapacityStep[],
  bots: number,
  purpose: CapacityStep["purpose"] = "search",
): Promise<CapacityStep> {
  const first = await measure(search, steps, { bots, purpose });
  return first.outcome === "held" ? first : measure(search, steps, { bots, purpose });
}

function isKept({ budgets, violations }: RunResult): boolean {
  return (
    budgets.every(({ ok }) => ok) && (violations.length === 0 || budgets.some(({ budget }) => budget === "violations"))
  );
}

interface Bracket {
  /** 0 for none. */
  readonly held: number;
  /** The fewest that were not, because a budget broke or because the swarm could not tell. */
  readonly over: number;
}

async function findBracket(search: CapacitySearch, steps: CapacityStep[]): Promise<Bracket> {
  let held = 0;
  let bots = search.from;
  for (;;) {
    const { outcome } = await judge(search, steps, bots);
    if (outcome !== "held") return held > 0 ? { held, over: bots } : await descend(search, steps, bots);
    held = bots;
    if (bots === search.max) return { held, over: bots };
    bots = Math.min(search.max, bots * RAISE);
  }
}

/** Not even the first crowd was held: smaller ones, down to a single player. */
async function descend(search: CapacitySearch, steps: CapacityStep[], from: number): Promise<Bracket> {
  let over = from;
  while (over > 1) {
    const bots = Math.floor(over / RAISE);
    const { outcome } = await judge(search, steps, bots);
    if (outcome === "held") return { held: bots, over };
    over = bots;
  }
  return { held: 0, over };
}

/** Halves the ratio, because a knee is known to so many per cent, and not to so many players. */
async function bisect(search: CapacitySearch, steps: CapacityStep[], bracket: Bracket): Promise<number> {
  let { held, over } = bracket;
  while (held > 0 && over / held > KNEE_WITHIN && over - held > 1) {
    const bots = Math.min(over - 1, Math.max(held + 1, Math.round(Math.sqrt(held * over))));
    const { outcome } = await judge(search, steps, bots);
    if (outcome === "held") held = bots;
    else over = bots;
  }
  return held;
}

/** A minute at the knee. Whatever does not hold that long is no capacity: one step down, then larger ones. */
async function confirm(search: CapacitySearch, steps: CapacityStep[], knee: number): Promise<number> {
  let bots = knee;
  for (let down = 1; bots >= 1; down++) {
    const { outcome } = await judge(search, steps, bots, "confirmation");
    if (outcome === "held") return bots;
    bots = Math.min(bots - 1, Math.floor(bots / KNEE_WITHIN ** down));
  }
  return 0;
}

function conclude(bots: number, steps: readonly CapacityStep[]): Capacity {
  const above = steps.filter((step) => step.bots > bots).toSorted((a, b) => a.bots - b.bots);
  const broken = above.find(({ outcome }) => outcome === "broken");
  const isVoid = above.find(
    ({ outcome, bots: tried }) => outcome === "void" && (broken === undefined || tried < broken.bots),
  );
  const brokenBy = broken === undefined ? null : bottleneckOf(broken.result);
  const told = { bots, brokenBy, steps };
  if (isVoid !== undefined) {
    const words = `At least ${players(bots)}: with ${isVoid.bots} the swarm was the limit (${isVoid.result.void}): add agents.`;
    return { ...told, end: "swarm", words };
  }
  if (bots === 0)
    return { ...told, end: "nothing held", words: `Not even one player was held. ${brokenBy?.words ?? ""}.` };
  if (broken === undefined) {
    const words = `At least ${players(bots)}: nothing broke up to there. Allow more bots to find the knee.`;
    return { ...told, end: "most allowed", words };
  }
  const first = `With ${broken.bots} this broke first (${brokenBy?.kind}): ${brokenBy?.words}.`;
  return { ...told, end: "knee", words: `${players(bots)} were held for a minute with every budget kept. ${first}` };
}

function players(count: number): string {
  return count === 1 ? "1 player" : `${count} players`;
}
