import type { Presence } from "@colyseus/core";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Redis } from "../platform/redis.ts";
import { createTopics, type TopicListener } from "./topics.ts";

interface PresenceParts {
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "presenceFailed">;
}

/** Beyond the time that a pop waits for an item, its answer may take this long. */
const POP_GRACE_MS = 500;

/**
 * The engine's Presence on Redis: what processes tell one another and keep together. Whatever Redis cannot give now fails
 * within a second with REDIS_UNAVAILABLE. The engine leaves many of these promises alone, so a failure that nobody waits
 * for is counted and harms nobody.
 *
 * Made of closures, because the engine gives rooms objects that inherit from it, to which private fields do not come.
 */
export function createRedisPresence({ redis, clock, log, metrics }: PresenceParts): Presence {
  const topics = createTopics({ redis, clock, log });
  const settled = <T>(answer: Promise<T>): Promise<T> => {
    answer.catch(() => metrics.presenceFailed.inc());
    return answer;
  };
  const ask: Redis["call"] = (work) => settled(redis.call(work));
  const presence = {
    subscribe: (topic: string, listener: TopicListener) => settled(topics.add(topic, listener).then(() => presence)),
    unsubscribe(topic: string, listener?: TopicListener) {
      topics.remove(topic, listener);
      return presence;
    },
    publish: (topic: string, data: unknown) =>
      ask((client) => client.publish(redis.key(topic), JSON.stringify(data === undefined ? false : data))),
    channels(pattern = "*") {
      const start = redis.key("");
      return ask(async (client) => {
        const names = (await client.pubsub("CHANNELS", start + pattern)) as string[];
        return names.map((name) => name.slice(start.length));
      });
    },
    ...createKeys({ redis, ask, settled }),
    ...createPop(redis, ask),
    // Nothing here complains of many listeners: rooms have as many as they like.
    setMaxListeners() {},
    shutdown: topics.close,
    /** By topic, for whoever counts what is held. */
    subscriptions: topics.held,
  };
  return presence as unknown as Presence;
}

interface KeyParts {
  readonly redis: Redis;
  readonly ask: Redis["call"];
  readonly settled: <T>(answer: Promise<T>) => Promise<T>;
}

/** Both or neither: a count without an end would stay for ever. */
const ADD_FOR_A_WHILE = `
local sum = redis.call("HINCRBY", KEYS[1], ARGV[1], ARGV[2])
redis.call("EXPIRE", KEYS[1], ARGV[3])
return sum`;

/** Lists, sets and hashes: as Redis has them, apart from all others' keys. */
function createKeys({ redis, ask, settled }: KeyParts) {
  const addForAWhile = redis.script(ADD_FOR_A_WHILE);
  const keyOf = (key: string) => redis.key("presence", key);
  const isOne = (count: number) => count > 0;
  return {
    exists: (key: string) => ask(async (client) => isOne(await client.exists(keyOf(key)))),
    set: (key: string, value: string) => ask((client) => client.set(keyOf(key), value)),
    setex: (key: string, value: string, seconds: number) => ask((client) => client.setex(keyOf(key), seconds, value)),
    expire: (key: string, seconds: number) => ask((client) => client.expire(keyOf(key), seconds)),
    get: (key: string) => ask((client) => client.get(keyOf(key))),
    del: (key: string) => ask((client) => client.del(keyOf(key))),
    sadd: (key: string, value: string | number) => ask((client) => client.sadd(keyOf(key), value)),
    smembers: (key: string) => ask((client) => client.smembers(keyOf(key))),
    sismember: (key: string, field: string) => ask((client) => client.sismember(keyOf(key), field)),
    srem: (key: string, value: string | number) => ask((client) => client.srem(keyOf(key), value)),
    scard: (key: string) => ask((client) => client.scard(keyOf(key))),
    sinter: (...keys: string[]) => ask((client) => client.sinter(...keys.map(keyOf))),
    hset: (key: string, field: string, value: string) =>
      ask(async (client) => isOne(await client.hset(keyOf(key), field, value))),
    hincrby: (key: string, field: string, value: number) => ask((client) => client.hincrby(keyOf(key), field, value)),
    hincrbyex: (key: string, field: string, value: number, seconds: number) =>
      settled(addForAWhile([keyOf(key)], [field, value, seconds])),
    hget: (key: string, field: string) => ask((client) => client.hget(keyOf(key), field)),
    hgetall: (key: string) => ask((client) => client.hgetall(keyOf(key))),
    hdel: (key: string, field: string) => ask(async (client) => isOne(await client.hdel(keyOf(key), field))),
    hlen: (key: string) => ask((client) => client.hlen(keyOf(key))),
    incr: (key: string) => ask((client) => client.incr(keyOf(key))),
    decr: (key: string) => ask((client) => client.decr(keyOf(key))),
    llen: (key: string) => ask((client) => client.llen(keyOf(key))),
    rpush: (key: string, ...values: string[]) => ask((client) => client.rpush(keyOf(key), ...values)),
    lpush: (key: string, ...values: string[]) => ask((client) => client.lpush(keyOf(key), ...values)),
    rpop: (key: string) => ask((client) => client.rpop(keyOf(key))),
    lpop: (key: string) => ask((client) => client.lpop(keyOf(key))),
  };
}

/** Waits on a connection of its own: on the common one, everything that is asked later would wait behind it. */
function createPop(redis: Redis, ask: Redis["call"]) {
  return {
    brpop(...asked: (string | number)[]): Promise<[string, string] | null> {
      const seconds = Number(asked.at(-1));
      const keys = asked.slice(0, -1).map((key) => redis.key("presence", String(key)));
      return ask(async (client) => {
        const waiting = client.duplicate({
          enableOfflineQueue: true,
          commandTimeout: seconds > 0 ? seconds * 1000 + POP_GRACE_MS : undefined,
          retryStrategy: () => null,
        } as object);
        // Without a listener, errors of a connection would be those of the process.
        waiting.on("error", () => {});
        try {
          const popped = await waiting.brpop(...keys, seconds);
          return popped && [popped[0].slice(redis.key("presence", "").length), popped[1]];
        } finally {
          waiting.disconnect();
        }
      });
    },
  };
}
