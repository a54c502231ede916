import { matchMaker } from "@colyseus/core";
import type { Clock } from "../platform/clock.ts";
import type { AppError } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";
import type { Redis } from "../platform/redis.ts";
import { isRedisUnavailable } from "../platform/redis-failures.ts";
import { IS_ALIVE, NOW } from "./directory/redis-directory-scripts.ts";

/** Of what somebody may have only so much at a time: rooms, seats, sockets. */
export interface Quota {
  readonly name: string;
  readonly max: number;
  readonly refusal: () => AppError;
}

/** What counts against a quota, and whose. */
export interface Wanted {
  readonly quota: Quota;
  /** An account or an address. */
  readonly key: string;
}

/**
 * Who has how much of what, over all processes. What a process holds ends with it: with its subscription, as its rooms do.
 * Each knows its own by heart, and goes by that alone while Redis is away; what others did not hear of then is told when it
 * is back.
 */
export interface Holdings {
  /**
   * Counts `thing` against each quota, or against none where one of them is used up, and fails with its refusal. What two
   * processes hold by the same name is one thing. Waits for one trip to Redis at most. Gives what ends it, once.
   */
  take(thing: string, wanted: readonly Wanted[]): Promise<() => void>;
  /** Counts what is there already, however much there is. */
  add(thing: string, wanted: readonly Wanted[]): () => void;
  /** Tells the other processes that this one counts from now on what they hold for somebody, by a word that they know. */
  handOver(word: string): void;
  onHandedOver(listener: (word: string) => void): void;
  stop(): void;
}

interface HoldingsParts {
  /** Null in a process that is alone. */
  readonly redis: Redis | null;
  readonly clock: Pick<Clock, "every">;
  readonly log: Log;
  /** This process's name, by default the engine's, which has one once it starts. */
  readonly processId?: () => string;
  /** What is not written again for so long is no longer held by anybody. */
  readonly heldMs?: number;
}

const HELD_MS = 30_000;
const BEAT_MS = 1000;
/** Everything is written again within so many beats. */
const PARTS = 10;
const BATCH = 200;

/** Ours: process, ms. The first key is the directory's prefix, by which is known who is alive; the others are quotas. */
const PRELUDE = `
local P, self, heldMs = KEYS[1], ARGV[1], tonumber(ARGV[2])
${NOW}
${IS_ALIVE}
local function hold(key, thing)
  redis.call('ZADD', key, NOW + heldMs, self .. ' ' .. thing)
  redis.call('PEXPIRE', key, heldMs)
end
`;

/** thing, then the most of each quota. Answers the place of the first that is used up, or nothing. */
const TAKE = `${PRELUDE}
local mine = ARGV[3]
local function isFull(key, max)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', NOW)
  if redis.call('ZCARD', key) < max then return false end
  local seen, count = {}, 0
  for _, entry in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local pid, thing = string.match(entry, '^(%S+) (.*)$')
    if thing ~= mine and not seen[thing] and (pid == self or isAlive(pid)) then
      seen[thing] = true
      count = count + 1
    end
  end
  return count >= max
end
for i = 2, #KEYS do
  if isFull(KEYS[i], tonumber(ARGV[i + 2])) then return i - 2 end
end
for i = 2, #KEYS do hold(KEYS[i], mine) end
return false
`;

/** For each key a thing. */
const PUT = `${PRELUDE}
for i = 2, #KEYS do hold(KEYS[i], ARGV[i + 1]) end
return 1
`;

/** For each key a thing. */
const DROP = `
for i = 2, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1] .. ' ' .. ARGV[i]) end
return 1
`;

/** Ends by itself what a process has not said again, so that nothing that goes unheard counts for ever. */
export function createHoldings({ redis, ...parts }: HoldingsParts): Holdings {
  const own = createOwn();
  if (redis === null) {
    const add: Holdings["add"] = (thing, wanted) => own.add(thing, wanted.map(nameOf));
    return {
      async take(thing, wanted) {
        own.refuse(thing, wanted);
        return add(thing, wanted);
      },
      add,
      handOver() {},
      onHandedOver() {},
      stop() {},
    };
  }
  const shared = createShared(redis, parts);
  const subscriber = redis.subscriber();
  const channel = redis.key("held", "over");
  const releasing = (thing: string, names: readonly string[]) => {
    const release = own.add(thing, names);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      release();
      const gone = names.filter((name) => !own.has(thing, name));
      if (gone.length > 0) shared.drop(gone.map((name) => ({ thing, name })));
    };
  };
  const publish = (isDue: (index: number) => boolean) => void shared.put(own.all(isDue));
  let beats = 0;
  const stops = [
    redis.onBack(() => publish(() => true)),
    parts.clock.every(BEAT_MS, () => {
      beats += 1;
      publish((index) => index % PARTS === beats % PARTS);
    }),
  ];
  return {
    async take(thing, wanted) {
      own.refuse(thing, wanted);
      const names = wanted.map(nameOf);
      // Held from here on: two that ask at once must not both take the last.
      const release = releasing(thing, names);
      const spent = await shared.take(thing, wanted);
      if (spent === null) return release;
      release();
      throw spent.quota.refusal();
    },
    add(thing, wanted) {
      const names = wanted.map(nameOf);
      void shared.put(names.map((name) => ({ thing, name })));
      return releasing(thing, names);
    },
    // Unheard, it lapses by itself. What was counted before has arrived before: Redis takes both in order.
    handOver: (word) => void redis.call((client) => client.publish(channel, word)).catch(() => {}),
    onHandedOver: (listener) => void subscriber.subscribe(channel, listener),
    stop() {
      subscriber.close();
      for (const stop of stops) stop();
    },
  };
}

interface Held {
  readonly thing: string;
  readonly name: string;
}

function nameOf({ quota, key }: Wanted): string {
  return `${quota.name}:${key}`;
}

/** What Redis is told of it. */
function createShared(
  redis: Redis,
  { processId = () => matchMaker.processId, heldMs = HELD_MS, log }: Omit<HoldingsParts, "redis">,
) {
  const [take, put, drop] = [TAKE, PUT, DROP].map((lua) => redis.script(lua)) as [Script, Script, Script];
  const rooms = `${redis.key("rooms")}:`;
  const keysOf = (names: readonly string[]) => [rooms, ...names.map((name) => redis.key("held", name))];
  /** Null where Redis is away. */
  const tolerating = async (work: Promise<unknown>): Promise<unknown> => {
    try {
      return await work;
    } catch (thrown) {
      if (!isRedisUnavailable(thrown)) log.error({ err: thrown }, "holdings.write_failed");
      return null;
    }
  };
  const write = async (script: Script, held: readonly Held[]) => {
    for (let from = 0; from < held.length; from += BATCH) {
      const batch = held.slice(from, from + BATCH);
      const args = batch.map(({ thing }) => thing);
      const ttl = script === put ? [heldMs] : [];
      await tolerating(script(keysOf(batch.map(({ name }) => name)), [processId(), ...ttl, ...args]));
    }
  };
  return {
    /** The first that is used up. */
    async take(thing: string, wanted: readonly Wanted[]): Promise<Wanted | null> {
      const most = wanted.map(({ quota }) => quota.max);
      const at = await tolerating(take(keysOf(wanted.map(nameOf)), [processId(), heldMs, thing, ...most]));
      return typeof at === "number" ? (wanted[at] ?? null) : null;
    },
    put: (held: readonly Held[]) => write(put, held),
    drop: (held: readonly Held[]) => void write(drop, held),
  };
}

type Script = ReturnType<Redis["script"]>;

/** What this process holds. The same thing may be held twice, and counts once. */
function createOwn() {
  const held = new Map<string, Map<string, number>>();
  const has = (thing: string, name: string) => held.get(name)?.has(thing) === true;
  const change = (thing: string, name: string, by: 1 | -1) => {
    const things = held.get(name) ?? new Map<string, number>();
    const count = (things.get(thing) ?? 0) + by;
    if (count > 0) things.set(thing, count);
    else things.delete(thing);
    if (things.size > 0) held.set(name, things);
    else held.delete(name);
  };
  return {
    has,
    refuse(thing: string, wanted: readonly Wanted[]): void {
      for (const each of wanted) {
        const things = held.get(nameOf(each));
        if (things !== undefined && !things.has(thing) && things.size >= each.quota.max) throw each.quota.refusal();
      }
    },
    add(thing: string, names: readonly string[]): () => void {
      for (const name of names) change(thing, name, 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        for (const name of names) change(thing, name, -1);
      };
    },
    /** All that is held by the names whose places are wanted. */
    all(isWanted: (index: number) => boolean): Held[] {
      return [...held].flatMap(([name, things], index) =>
        isWanted(index) ? [...things.keys()].map((thing) => ({ thing, name })) : [],
      );
    },
  };
}
