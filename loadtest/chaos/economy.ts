import { setTimeout as pause } from "node:timers/promises";
import type { CrashPoint } from "../../src/platform/crash-point.ts";
import type { SeededRandom } from "../random.ts";
import { startCommitProxy } from "./commit-proxy.ts";
import { type Actor, AMOUNT, type ChaosVerb } from "./verbs.ts";
import type { World } from "./world.ts";
import { answerText, isFaultless, judge, runWriters, type Verdict } from "./writers.ts";

/** One line of the crash matrix. */
export interface ChaosRow extends Partial<Verdict> {
  /** The row of the fault list and the verb: `T7/purchase`. */
  readonly id: string;
  /** What was done to whom: `once.kept kills postgres`. */
  readonly fault: string;
  readonly ok: boolean;
  readonly measured: Readonly<Record<string, number>>;
}

interface CellParts {
  readonly world: World;
  readonly verb: ChaosVerb;
  readonly actors: readonly Actor[];
}

/** Longest time from Postgres accepting connections again to the next acknowledged write (T7). */
const STALL_MS_MAX = 3000;
const KEYS_EACH = 4;
let labels = 0;
const aLabel = () => `k${labels++}`;

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
  const effectMs = verb.withinSeconds === undefined ? 0 : performance.now() - world.recoveredMs;
  return {
    id: `${point.startsWith("job.") || verb.name === "match-result" ? "T24" : "T7"}/${verb.name}`,
    fault: `${point} kills ${victim}`,
    ...verdict,
    ok: isFaultless(verdict) && world.crashes === 1,
    measured: { crashes: world.crashes, ...(effectMs > 0 && { effectMs }) },
  };
}

/** A job is taken a moment after it was sent. */
async function waitForCrash(world: World): Promise<void> {
  for (let looks = 0; looks < 500 && world.crashes === 0; looks++) await pause(10);
}

/** Someone dies at random moments under writers that never pause (T7). */
export async function killAtRandom(
  { world, verb, actors }: CellParts,
  { victim, times, random }: { victim: "server" | "postgres"; times: number; random: SeededRandom },
): Promise<ChaosRow> {
  await world.startServer();
  let isOver = false;
  let acknowledgedMs = 0;
  const running = runWriters(world, {
    verb,
    actors,
    label: aLabel(),
    goesOn: () => !isOver,
    onAcknowledged: () => (acknowledgedMs = performance.now()),
  });
  let stallMsMax = 0;
  for (let kills = 0; kills < times; kills++) {
    await pause(50 + random.below(200));
    if (victim === "postgres") await world.restartPostgres();
    else await world.startServer();
    const acceptedMs = performance.now();
    while (acknowledgedMs < acceptedMs && performance.now() - acceptedMs < 10_000) await pause(2);
    stallMsMax = Math.max(stallMsMax, performance.now() - acceptedMs);
  }
  isOver = true;
  const verdict = await judge(world, verb, await running);
  return {
    id: `T7/${verb.name}`,
    fault: `random kill -9 of ${victim} x${times}, ${actors.length} writers`,
    ...verdict,
    ok: isFaultless(verdict) && stallMsMax <= STALL_MS_MAX,
    measured: { kills: times, stallMsMax },
  };
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
    };
  } finally {
    await world.killServer();
    await proxy.stop();
  }
}

/** The same key so many times at once, and the key with another body (T9). */
export async function sameKey({ world, verb, actors }: CellParts, { times }: { times: number }): Promise<ChaosRow> {
  const [actor, other] = actors;
  if (actor === undefined || other === undefined) throw new Error("two actors are needed");
  const key = verb.name === "match-result" ? `mat_same${aLabel()}` : `same-${aLabel()}`;
  const body = verb.body(key, actor, other);
  const headers = verb.at === "app" ? { authorization: `Bearer ${actor.token}` } : {};
  const replies = await Promise.all(Array.from({ length: times }, () => world.call(verb.at, verb.path, body, headers)));
  const answers = new Set(replies.map((reply) => answerText(reply?.body)));
  const answered = replies.find((reply) => reply?.status === 200);
  const record = { key, actor, other, attempts: times, answer: answerText(answered?.body) };
  const verdict = await judge(world, verb, [record]);
  const conflict = await world.call(verb.at, verb.path, { ...body, amount: AMOUNT + 1 }, headers);
  return {
    id: `T9/${verb.name}`,
    fault: `same key x${times} at once; then with another body`,
    ...verdict,
    ok: isFaultless(verdict) && answers.size === 1 && answered !== undefined && conflict?.status === 409,
    measured: { asked: times, differentAnswers: answers.size, conflictStatus: conflict?.status ?? 0 },
  };
}

/** So many purchases at once with money for exactly seven (T9). */
export async function moneyForSeven({ world, verb }: CellParts, { times }: { times: number }): Promise<ChaosRow> {
  const [actor, other] = await world.actors(2, 7 * AMOUNT);
  if (actor === undefined || other === undefined) throw new Error("two actors are needed");
  const label = aLabel();
  const ask = async (_: unknown, number: number) => {
    const key = `seven-${label}-${number}`;
    const headers = verb.at === "app" ? { authorization: `Bearer ${actor.token}` } : {};
    return { key, reply: await world.call(verb.at, verb.path, verb.body(key, actor, other), headers) };
  };
  const asked = await Promise.all(Array.from({ length: times }, ask));
  const bought = asked.filter(({ reply }) => reply?.status === 200);
  const refused = asked.filter(({ reply }) => reply?.status === 409);
  const records = bought.map(({ key, reply }) => ({
    key,
    actor,
    other,
    attempts: 1,
    answer: answerText(reply?.body),
  }));
  const verdict = await judge(world, verb, records);
  const [row] = await world.sql<{ balance: bigint; effects: number }[]>`
    select balance, (select count(distinct movement_id)::int from umpire.wallet_lines where reference like ${`seven-${label}-%`}) as effects
    from umpire.wallet_balances where account_id = ${actor.accountId} and currency = 'gold'`;
  const isExact = bought.length === 7 && refused.length === times - 7 && row?.effects === 7 && row.balance === 0n;
  return {
    id: `T9/${verb.name}`,
    fault: `${times} different keys at once, money for 7`,
    ...verdict,
    ok: isFaultless(verdict) && isExact,
    measured: {
      bought: bought.length,
      refused: refused.length,
      effects: row?.effects ?? 0,
      balance: Number(row?.balance),
    },
  };
}
