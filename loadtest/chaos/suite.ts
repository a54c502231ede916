import { createSeededRandom } from "../random.ts";
import { type ChaosRow, crashAt, cutAtCommit, killAtRandom, moneyForSeven, sameKey } from "./economy.ts";
import { canFillDisk, fillDisk } from "./full-disk.ts";
import { verbs } from "./verbs.ts";
import { World } from "./world.ts";

export interface SuiteOptions {
  /** `quick` is a gate of some seconds: one verb, few kills. */
  readonly length: "quick" | "full";
  readonly seed: number;
  /** Only verbs of this name. */
  readonly only?: string | undefined;
  readonly onRow: (row: ChaosRow) => void;
}

export interface SuiteResult {
  readonly suite: "economy";
  readonly seed: number;
  /** Why the run does not count, or null. */
  readonly void: string | null;
  readonly rows: readonly ChaosRow[];
}

const GOLD = 100_000;
const victims = ["server", "postgres"] as const;
/** The two points where most is at stake: everything is done and nothing is committed, and the other way round. */
const quickPoints = { server: "once.committed", postgres: "once.kept" };

/** Every verb through every fault, one after the other, in a world of its own. */
export async function runEconomy({ length, seed, only, onRow }: SuiteOptions): Promise<SuiteResult> {
  const random = createSeededRandom(seed);
  const rows: ChaosRow[] = [];
  const add = async (row: Promise<ChaosRow>) => {
    rows.push(await row);
    for (const done of rows.slice(-1)) onRow(done);
  };
  const chosen = verbs.filter(({ name }) => only === undefined || name === only);
  const isQuick = length === "quick";
  const world = await World.start();
  try {
    const crowd = await world.actors(isQuick ? 8 : 32, GOLD);
    const actors = crowd.slice(0, 8);
    for (const verb of isQuick ? chosen.slice(0, 1) : chosen) {
      const parts = { world, verb, actors };
      await add(sameKey(parts, { times: 200 }));
      if (verb.name === "purchase") await add(moneyForSeven(parts, { times: 200 }));
      for (const point of verb.points) {
        for (const victim of victims) {
          if (isQuick && quickPoints[victim] !== point) continue;
          await add(crashAt(parts, { point, victim, hit: 1 + random.below(2 * actors.length) }));
        }
      }
      if (!isQuick) await add(cutAtCommit(parts, { side: "before", times: 10 }));
      await add(cutAtCommit(parts, { side: "after", times: isQuick ? 2 : 10 }));
      await add(killAtRandom({ ...parts, actors: crowd }, { victim: "postgres", times: isQuick ? 1 : 20, random }));
      if (!isQuick) await add(killAtRandom({ ...parts, actors: crowd }, { victim: "server", times: 20, random }));
    }
  } finally {
    await world.stop();
  }
  for (const verb of isQuick || !canFillDisk() ? [] : chosen.slice(0, 1)) await add(fillDisk(verb));
  return { suite: "economy", seed, void: rows.length === 0 ? "no verb has this name" : null, rows };
}
