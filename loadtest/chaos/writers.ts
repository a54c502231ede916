import { setTimeout as pause } from "node:timers/promises";
import type { Actor, ChaosVerb } from "./verbs.ts";
import type { Reply, World } from "./world.ts";

export interface KeyRecord {
  readonly key: string;
  readonly actor: Actor;
  readonly other: Actor;
  /** What was acknowledged, as text; null while nothing was. */
  answer: string | null;
  attempts: number;
}

interface WritersOptions {
  readonly verb: ChaosVerb;
  readonly actors: readonly Actor[];
  /** Begins the keys, so that no two runs share one. */
  readonly label: string;
  /** Asked before each new key; a writer goes home when it says no. */
  readonly goesOn: (keysOfWriter: number) => boolean;
  readonly onAcknowledged?: () => void;
}

const PAUSE_MS = 20;
/** On a busy machine a server takes seconds to start, and it may be killed as soon as it has. */
const KEY_MS_MAX = 180_000;

/** One writer for each actor. Each does one key after the other, and asks again with the same key until it has an answer. */
export async function runWriters(world: World, options: WritersOptions): Promise<KeyRecord[]> {
  const { verb, actors, label, goesOn, onAcknowledged } = options;
  const records: KeyRecord[] = [];
  await Promise.all(
    actors.map(async (actor, writer) => {
      const other = actors[(writer + 1) % actors.length] ?? actor;
      for (let number = 0; goesOn(number); number++) {
        const key = verb.name === "match-result" ? `mat_${label}w${writer}n${number}` : `${label}-${writer}-${number}`;
        const record: KeyRecord = { key, actor, other, answer: null, attempts: 0 };
        records.push(record);
        await acknowledge(world, verb, record);
        if (record.answer !== null) onAcknowledged?.();
      }
    }),
  );
  return records;
}

async function acknowledge(world: World, verb: ChaosVerb, record: KeyRecord): Promise<void> {
  const deadlineMs = performance.now() + KEY_MS_MAX;
  while (performance.now() < deadlineMs) {
    record.attempts += 1;
    const reply = await ask(world, verb, record);
    if (reply?.status === 200) {
      record.answer = answerText(reply.body);
      return;
    }
    // Whoever writes here may write, so a refusal is a fault of the test or of the server.
    if (reply !== null && reply.status < 500) throw new Error(`${verb.name} was refused: ${JSON.stringify(reply)}`);
    await pause(PAUSE_MS);
  }
}

/** One call for the verb with the key of the record. */
export function ask(world: World, verb: ChaosVerb, { key, actor, other }: KeyRecord): Promise<Reply | null> {
  const headers = verb.at === "app" ? { authorization: `Bearer ${actor.token}` } : {};
  return world.call(verb.at, verb.path, verb.body(key, actor, other), headers);
}

/** An answer as text to compare: what is kept as jsonb comes back with its keys in another order. */
export function answerText(body: unknown): string {
  return JSON.stringify(body, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

export interface Verdict {
  readonly acknowledged: number;
  /** Keys that were never acknowledged, whatever the patience. */
  readonly unanswered: number;
  /** Acknowledged, and not there. */
  readonly lost: number;
  /** There more than once. */
  readonly doubled: number;
  /** Asked once more, and answered differently. */
  readonly changed: number;
  /** Rows of wallet_discrepancies. */
  readonly discrepancies: number;
}

/** What the tables say about these keys; each is asked for once more. */
export async function judge(world: World, verb: ChaosVerb, records: readonly KeyRecord[]): Promise<Verdict> {
  const known = records.filter(({ answer }) => answer !== null);
  const again = await Promise.all(known.map((record) => ask(world, verb, record)));
  const changed = known.filter(({ answer }, index) => answerText(again[index]?.body) !== answer).length;
  const deadlineMs = performance.now() + (verb.withinSeconds ?? 0) * 1000;
  let counts = await countEffects(world, verb, records);
  while (known.some(({ key }) => !counts.has(key)) && performance.now() < deadlineMs) {
    await pause(50);
    counts = await countEffects(world, verb, records);
  }
  const discrepancies = await world.sql`select 1 from umpire.wallet_discrepancies`;
  return {
    acknowledged: known.length,
    unanswered: records.length - known.length,
    lost: known.filter(({ key }) => !counts.has(key)).length,
    doubled: [...counts.values()].filter((effects) => effects > 1).length,
    changed,
    discrepancies: discrepancies.length,
  };
}

async function countEffects(
  world: World,
  verb: ChaosVerb,
  records: readonly KeyRecord[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await world.sql.unsafe<{ key: string; effects: number }[]>(verb.effects, [
    records.map(({ key }) => key),
  ] as never);
  return new Map(rows.map(({ key, effects }) => [key, effects]));
}

export function isFaultless({ unanswered, lost, doubled, changed, discrepancies }: Verdict): boolean {
  return unanswered + lost + doubled + changed + discrepancies === 0;
}
