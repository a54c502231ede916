import { createSeededRandom } from "../random.ts";
import { moneyForSeven, sameKey } from "./contention.ts";
import { type CellParts, type ChaosRow, crashAt, cutAtCommit, killAtRandom } from "./economy.ts";
import { canFillDisk, fillDisk } from "./full-disk.ts";
import { type ChaosVerb, verbs } from "./verbs.ts";
import { World } from "./world.ts";

export interface SuiteOptions {
  /** `quick` is a gate of some seconds: every verb, few kills. */
  readonly length: "quick" | "full";
  readonly seed: number;
  /** Only the verb of this name, or `match`. */
  readonly only?: string | undefined;
  readonly onRow: (row: ChaosRow) => void;
}

export interface SuiteResult {
  readonly suite: "economy";
  readonly length: "quick" | "full";
  readonly seed: number;
  /** Why the run does not count, or null. */
  readonly void: string | null;
  readonly rows: readonly ChaosRow[];
}

const GOLD = 900_000;
const WRITERS = 8;
const CROWD = 32;
const victims = ["server", "postgres"] as const;

/** Every verb through every fault, one after the other, in a world of its own. */
export async function runEconomy({ length, seed, only, onRow }: SuiteOptions): Promise<SuiteResult> {
  const rows: ChaosRow[] = [];
  const add = async (row: Promise<ChaosRow>) => {
    rows.push(await row);
    for (const done of rows.slice(-1)) onRow(done);
  };
  const chosen = verbs.filter(({ name }) => only === undefined || name === only);
  const play = length === "quick" ? playQuick : playFull;
  const world = await World.start();
  try {
    await play(world, { chosen, hasMatch: only === undefined || only === "match", seed, add });
  } finally {
    await world.stop();
  }
  for (const verb of length === "quick" || !canFillDisk() ? [] : chosen.slice(0, 1)) await add(fillDisk(verb));
  const emptiness = rows.length === 0 ? "no verb has this name" : null;
  return { suite: "economy", length, seed, void: rows.find((row) => row.void)?.void ?? emptiness, rows };
}

interface Play {
  readonly chosen: readonly ChaosVerb[];
  /** Whether a match is played while Postgres dies. What it feels is the same whoever writes. */
  readonly hasMatch: boolean;
  readonly seed: number;
  readonly add: (row: Promise<ChaosRow>) => Promise<void>;
}

async function playFull(world: World, { chosen, hasMatch, seed, add }: Play): Promise<void> {
  const random = createSeededRandom(seed);
  const crowd = await world.actors(CROWD, GOLD);
  const [spectator] = await world.actors(1, GOLD);
  const [purchase] = verbs;
  if (hasMatch && purchase !== undefined) {
    await add(
      killAtRandom({ world, verb: purchase, actors: crowd }, { victim: "postgres", times: 20, random, spectator }),
    );
  }
  for (const verb of chosen) {
    const parts = { world, verb, actors: crowd.slice(0, WRITERS) };
    await addContention(parts, 200, add);
    for (const point of verb.points) {
      for (const victim of victims) {
        await add(crashAt(parts, { point, victim, hit: 1 + random.below(2 * WRITERS) }));
      }
    }
    await add(cutAtCommit(parts, { side: "before", times: 10 }));
    await add(cutAtCommit(parts, { side: "after", times: 10 }));
    const many = { ...parts, actors: crowd };
    await add(killAtRandom(many, { victim: "postgres", times: 20, random }));
    await add(killAtRandom(many, { victim: "server", times: 20, random }));
  }
}

/** The faults at which most is at stake for the first verb, and one for each of the others. */
async function playQuick(world: World, { chosen, seed, add }: Play): Promise<void> {
  const random = createSeededRandom(seed);
  const actors = await world.actors(WRITERS, GOLD);
  for (const verb of chosen) await addContention({ world, verb, actors }, 40, add);
  const [verb] = chosen;
  if (verb === undefined) return;
  const parts = { world, verb, actors };
  const last = verb.points.at(-1);
  if (last !== undefined) await add(crashAt(parts, { point: last, victim: "server", hit: 1 + random.below(WRITERS) }));
  await add(killAtRandom(parts, { victim: "postgres", times: 1, random }));
  await add(cutAtCommit(parts, { side: "after", times: 2 }));
}

async function addContention(parts: CellParts, times: number, add: Play["add"]): Promise<void> {
  await add(sameKey(parts, { times }));
  if (parts.verb.costs) await add(moneyForSeven(parts, { times }));
}
