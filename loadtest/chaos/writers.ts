import { setTimeout as pause } from "node:timers/promises";
import { loadtestHeaders } from "../../src/testing/stacks/stack.ts";
import type { Actor, ChaosVerb } from "./verbs.ts";
import type { Reply, World } from "./world.ts";

export interface KeyRecord {
  readonly key: string;
  readonly actor: Actor;
  readonly other: Actor;
  /** What was acknowledged, as text; null while nothing was. */
  answer: string | null;
  attempts: number;
  /** Why the last attempt was none. */
  trouble: string;
}

interface WritersOptions {
  readonly verb: ChaosVerb;
  readonly actors: readonly Actor[];
  /** Begins the keys, so that no two runs share one. */
  readonly label: string;
  /** Asked before each new key; a writer goes home when it says no. */
  readonly goesOn: (keysOfWriter: number) => boolean;
  readonly onAcknowledged?: () => void;
  /** Between an answer and the next key; none unless given. */
  readonly restMs?: number;
}

const PAUSE_MS = 20;
const ADDRESSES = 1000;
let calls = 0;
/** A key that is not answered although nobody has died, or risen again, for so long never will be. */
const PATIENCE_MS = 30_000;

/** One writer for each actor. Each does one key after the other, and asks again with the same key until it has an answer. */
export async function runWriters(world: World, options: WritersOptions): Promise<KeyRecord[]> {
  const { verb, actors, label, goesOn, onAcknowledged, restMs = 0 } = options;
  const records: KeyRecord[] = [];
  await Promise.all(
    actors.map(async (actor, writer) => {
      const other = actors[(writer + 1) % actors.length] ?? actor;
      for (let number = 0; goesOn(number); number++) {
        const record = aRecord(`${verb.prefix ?? ""}${label}-${writer}-${number}`, actor, other);
        records.push(record);
        await acknowledge(world, verb, record);
        if (record.answer !== null) onAcknowledged?.();
        if (restMs > 0) await pause(restMs);
      }
    }),
  );
  return records;
}

export function aRecord(key: string, actor: Actor, other: Actor): KeyRecord {
  return { key, actor, other, answer: null, attempts: 0, trouble: "" };
}

/** Asks for a key until it is answered, or for as long as there is hope. */
async function acknowledge(world: World, verb: ChaosVerb, record: KeyRecord): Promise<void> {
  await prepare(world, verb, record);
  const beganMs = performance.now();
  while (performance.now() - Math.max(beganMs, world.disturbedMs) < PATIENCE_MS) {
    record.attempts += 1;
    const reply = await ask(world, verb, record);
    if (reply?.status === 200) {
      record.answer = answerText(reply.body);
      return;
    }
    record.trouble = reply === null ? "no answer" : `${reply.status} ${JSON.stringify(reply.body)}`;
    // Whoever writes here may write, so a refusal is a fault of the test or of the server.
    if (reply !== null && reply.status < 500) throw new Error(`${verb.name} was refused: ${record.trouble}`);
    await pause(PAUSE_MS);
  }
}

/** What has to be there before a key is asked for. Postgres may be dead at that moment. */
export async function prepare(world: World, { before }: ChaosVerb, { key, actor }: KeyRecord): Promise<void> {
  if (before === undefined) return;
  const beganMs = performance.now();
  for (;;) {
    try {
      await world.sql.unsafe(before, [key, actor.accountId]);
      return;
    } catch (thrown) {
      if (performance.now() - Math.max(beganMs, world.disturbedMs) > PATIENCE_MS) throw thrown;
      await pause(PAUSE_MS);
    }
  }
}

/** One call for the verb with the key of the record; `body` instead of what the key stands for. */
export function ask(world: World, verb: ChaosVerb, record: KeyRecord, body?: object): Promise<Reply | null> {
  const { key, actor, other } = record;
  const text = JSON.stringify(body ?? verb.body(key, actor, other));
  const proof = verb.sign?.(text) ?? { authorization: `Bearer ${actor.token}` };
  // From addresses of their own: so many at once from one would be turned away at the door.
  const address = loadtestHeaders(`writer-${calls++ % ADDRESSES}`);
  return world.call(verb.at, verb.path, text, { ...proof, ...address });
}

/** An answer as text to compare: what is kept as jsonb comes back with its keys in another order. */
export function answerText(body: unknown): string {
  return JSON.stringify(body, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
