import { setTimeout as pause } from "node:timers/promises";
import type { CrashPoint } from "../../src/platform/crash-point.ts";
import type { SeededRandom } from "../random.ts";
import { startCommitProxy } from "./commit-proxy.ts";
import { isFaultless, judge, troubleOf, type Verdict } from "./judge.ts";
import { watchMatch } from "./match.ts";
import type { Actor, ChaosVerb } from "./verbs.ts";
import type { World } from "./world.ts";
import { runWriters } from "./writers.ts";

/** One line of the crash matrix. */
export interface ChaosRow extends Partial<Verdict> {
  /** The row of the fault list and the verb: `T7/purchase`. */
  readonly id: string;
  /** What was done to whom: `once.kept kills postgres`. */
  readonly fault: string;
  readonly ok: boolean;
  readonly measured: Readonly<Record<string, number>>;
  /** What went wrong, in words. */
  readonly trouble?: string | undefined;
  /** Why this row says nothing, and with it the run. */
  readonly void?: string | undefined;
}

export interface CellParts {
  readonly world: World;
  readonly verb: ChaosVerb;
  readonly actors: readonly Actor[];
}

/** Longest time from Postgres accepting connections again to the next acknowledged write (T7). */
const STALL_MS_MAX = 3000;
/** Two patch intervals: what a match may feel of a database that dies (T7). */
const GAP_MS_MAX = 100;
const CALM_MS = 6000;
const SHORT_CALM_MS = 500;
/** Beside a match writers leave some of the machine to others, so that a match feels Postgres and not the crowd. */
const REST_MS = 50;
const KEYS_EACH = 4;
let labels = 0;
export const aLabel = () => `k${labels++}`;

/** The server, or Postgres under it, dies at a point that `actors` come to at once; all ask again with the same keys. */
export async function crashAt(
  { world, verb, actors }: CellParts,
  { point, victim, hit }: { point: CrashPoint; victim: "server" | "postgres"; hit: number },
): Promise<ChaosRow> {
  await world.startServer({ crashPoint: `${point}#${hit}${victim === "postgres" ? ":postgres" : ""}` });
  const records = await runWriters(world, { verb, actors, label: aLabel(), goesOn: (keys) => keys < KEYS_EACH });
  await waitForCrash(world);
  await world.recovered();
  const verdict = await judge(world, verb, records);
  const { withinSeconds } = verb;
  const effectMs = withinSeconds === undefined ? 0 : performance.now() - world.recoveredMs;
  const isLate = withinSeconds !== undefined && effectMs > withinSeconds * 1000;
  return {
    id: `${verb.name === "reward-job" || verb.name === "match-result" ? "T24" : "T7"}/${verb.name}`,
    fault: `${point} kills ${victim}`,
    ...verdict,
    ok: isFaultless(verdict) && world.crashes === 1 && !isLate,
    measured: { crashes: world.crashes, ...(effectMs > 0 && { effectMs }) },
    trouble: troubleOf(records),
  };
}

/** A job is taken a moment after it was sent. */
async function waitForCrash(world: World): Promise<void> {
  for (let looks = 0; looks < 500 && world.crashes === 0; looks++) await pause(10);
}

/**
 * Someone dies at random moments under writers that never pause; a match that is on does not feel it when it is Postgres
 * (T7). What both felt before and after is the control.
 */
export async function killAtRandom(
  { world, verb, actors }: CellParts,
  { victim, times, random, spectator }: RandomKills,
): Promise<ChaosRow> {
  await world.healServer();
  const match = spectator === undefined ? null : await watchMatch(world, spectator);
  const restMs = match === null ? 0 : REST_MS;
  let isOver = false;
  const heard = { lastMs: performance.now(), pauseMsMax: 0 };
  const hear = () => {
    const nowMs = performance.now();
    heard.pauseMsMax = Math.max(heard.pauseMsMax, nowMs - heard.lastMs);
    heard.lastMs = nowMs;
  };
  const options = { verb, actors, label: aLabel(), goesOn: () => !isOver, onAcknowledged: hear, restMs };
  const running = runWriters(world, options);
  // Its failure is told where it is awaited.
  running.catch(() => {});
  const feelCalm = async (): Promise<Felt> => {
    await match?.gapMsP99();
    heard.pauseMsMax = 0;
    await pause(match === null ? SHORT_CALM_MS : CALM_MS);
    hear();
    return { stallMsMax: heard.pauseMsMax, gapMsP99: (await match?.gapMsP99()) ?? 0 };
  };
  let before = await feelCalm();
  // Another program's spike is not the calm that this is about.
  for (let looks = 1; looks < 3 && isTooLong(before); looks++) before = await feelCalm();
  await match?.gapMsP99();
  const felt = { stallMsMax: 0, gapMsP99: 0 };
  try {
    for (let kills = 0; kills < times; kills++) {
      await pause(50 + random.below(200));
      if (victim === "postgres") await world.restartPostgres();
      else await world.startServer();
      const acceptedMs = performance.now();
      while (heard.lastMs < acceptedMs && performance.now() - acceptedMs < 10_000) await pause(2);
      felt.stallMsMax = Math.max(felt.stallMsMax, performance.now() - acceptedMs);
    }
  } catch (thrown) {
    // Who cannot be raised again is waited for by nobody.
    isOver = true;
    throw thrown;
  }
  felt.gapMsP99 = (await match?.gapMsP99()) ?? 0;
  const after = await feelCalm();
  isOver = true;
  const records = await running;
  await match?.stop();
  const verdict = await judge(world, verb, records);
  const calm = {
    stallMsMax: Math.max(before.stallMsMax, after.stallMsMax),
    gapMsP99: Math.max(before.gapMsP99, after.gapMsP99),
  };
  const gaps = match === null ? {} : { gapMsP99: felt.gapMsP99, calmGapMsP99: calm.gapMsP99 };
  return {
    id: `T7/${match === null ? verb.name : "match"}`,
    fault: `random kill -9 of ${victim} x${times}, ${actors.length} writers`,
    ...verdict,
    ok: isFaultless(verdict) && !isTooLong(felt),
    measured: { kills: times, stallMsMax: felt.stallMsMax, calmStallMsMax: calm.stallMsMax, ...gaps },
    trouble: troubleOf(records),
    void: isTooLong(calm) ? `while nobody died, writers and match were as slow: ${JSON.stringify(calm)}` : undefined,
  };
}

interface RandomKills {
  readonly victim: "server" | "postgres";
  readonly times: number;
  readonly random: SeededRandom;
  /** Plays a match meanwhile. */
  readonly spectator?: Actor | undefined;
}

/** How long the writers, and a player, have waited. */
interface Felt {
  readonly stallMsMax: number;
  /** Between two patches: 99 of 100 came no later. */
  readonly gapMsP99: number;
}

function isTooLong({ stallMsMax, gapMsP99 }: Felt): boolean {
  return stallMsMax > STALL_MS_MAX || gapMsP99 > GAP_MS_MAX;
}

/** The connection is cut at COMMIT, before it is passed on or behind it, so that nobody hears what became of it (T8). */
export async function cutAtCommit(
  { world, verb, actors }: CellParts,
  { side, times }: { side: "before" | "after"; times: number },
): Promise<ChaosRow> {
  const proxy = await startCommitProxy(world.postgres.url);
  try {
    await world.startServer({ databaseUrl: proxy.url });
    const rounds = [];
    for (let round = 1; round <= times; round++) {
      proxy.cutAt(verb.commit, side);
      rounds.push(...(await runWriters(world, { verb, actors, label: aLabel(), goesOn: (keys) => keys < 1 })));
    }
    const verdict = await judge(world, verb, rounds);
    const asked = rounds.reduce((sum, { attempts }) => sum + attempts, 0);
    return {
      id: `T8/${verb.name}`,
      fault: `connection cut ${side} COMMIT x${times}`,
      ...verdict,
      ok: isFaultless(verdict) && proxy.cuts === times,
      measured: { cuts: proxy.cuts, askedAgain: asked - rounds.length },
      trouble: troubleOf(rounds),
    };
  } finally {
    await world.killServer();
    await proxy.stop();
  }
}
