import { createHash } from "node:crypto";
import type { RedisOptions } from "ioredis";
import type { Clock } from "./clock.ts";
import { AppError, invariant } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { parseRedisUrl, type RedisSentinel } from "./redis-address.ts";
import { openConnection, type RedisClient, type RedisConnection, reasonOf } from "./redis-connection.ts";
import { redisFailureOf } from "./redis-failures.ts";

/** What a script takes: keys as `Redis.key` names them, and texts. */
export type RedisScript = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/**
 * A Redis, which may be away, empty or another one at any moment. Nothing waits for it: what cannot be had fails within a
 * second with REDIS_UNAVAILABLE, and whoever asks has to know how to do without.
 */
export interface Redis {
  /** Whether it can be had as far as anybody knows. */
  isUp(): boolean;
  /** What the server calls this run of its process. One that was started again, or took over, has another, and may have
   * forgotten what it said it had kept. Fails with REDIS_UNAVAILABLE. */
  runId(): string;
  /** The name of a key, or of a channel, of this environment. */
  key(...parts: readonly string[]): string;
  /** Asks. Fails with REDIS_UNAVAILABLE where Redis cannot answer now: what was asked may have happened, and may yet. */
  call<T>(work: (client: RedisClient) => Promise<T>): Promise<T>;
  /** A script by its Lua, which Redis is taught again when it has forgotten it. */
  script(lua: string): RedisScript;
  /** Called whenever Redis is there, the first time included. Returns a function that ends it. */
  onBack(listener: () => void): () => void;
  /** A connection that hears what is published. */
  subscriber(): RedisSubscriber;
  close(): void;
}

export interface RedisSubscriber {
  /** Hears what is published on a channel from the next `onHearing` on. Returns a function that ends it. */
  subscribe(channel: string, listener: (message: string) => void): () => void;
  /** Resolves when a channel that was subscribed to is heard. Fails with REDIS_UNAVAILABLE where that cannot be now. */
  hears(channel: string): Promise<void>;
  /** Called whenever every channel is heard, also after a loss: what was published before then went unheard. */
  onHearing(listener: () => void): () => void;
  close(): void;
}

interface RedisParts {
  /** As `parseRedisUrl` reads it. */
  readonly url: string;
  /** They say where the master is that `url` names. */
  readonly sentinels?: readonly RedisSentinel[];
  readonly sentinelPassword?: string | null;
  /** Begins every key, so that environments can share a server. */
  readonly prefix: string;
  readonly clock: Pick<Clock, "every">;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "redisUp">;
}

/** Returns at once and connects by itself, for as long as it takes. */
export function openRedis({ prefix, clock, log, metrics, ...address }: RedisParts): Redis {
  const options = optionsOf(address);
  const contain = containing(log);
  const backs = new Set<() => void>();
  const subscribers = new Set<RedisSubscriber>();
  metrics.redisUp.set(0);
  const connection = openConnection({
    options,
    clock,
    onUp(runId) {
      metrics.redisUp.set(1);
      log.info({ runId }, "redis.back");
      for (const listener of backs) contain(listener);
    },
    onDown(reason) {
      metrics.redisUp.set(0);
      log.warn({ reason }, "redis.lost");
    },
  });
  const call: Redis["call"] = (work) => asking(connection, work);
  return {
    isUp: () => connection.runId() !== null,
    runId() {
      const runId = connection.runId();
      if (runId === null) throw unavailable("not connected");
      return runId;
    },
    key: (...parts) => [prefix, ...parts].join(":"),
    call,
    script: (lua) => createScript(call, lua),
    onBack: (listener) => adding(backs, listener),
    subscriber() {
      const subscriber = openSubscriber({ options, clock, log });
      subscribers.add(subscriber);
      return subscriber;
    },
    close() {
      for (const subscriber of subscribers) subscriber.close();
      connection.close();
      metrics.redisUp.set(0);
    },
  };
}

async function asking<T>(connection: RedisConnection, work: (client: RedisClient) => Promise<T>): Promise<T> {
  if (connection.runId() === null) throw unavailable("not connected");
  try {
    return await work(connection.client);
  } catch (thrown) {
    // The command hangs on it with all its arguments, and an error of ours ends in the log.
    if (thrown instanceof Error) Reflect.deleteProperty(thrown, "command");
    const failure = redisFailureOf(thrown);
    if (failure === "defect") throw thrown;
    // One wait is enough to know: until it answers again, the others fail at once. And one that is no master any more
    // would only say so again.
    if (failure !== "away") connection.giveUp();
    throw unavailable(reasonOf(thrown));
  }
}

function unavailable(reason: string): AppError {
  return new AppError("REDIS_UNAVAILABLE", {}, new Error(`redis: ${reason}`));
}

function createScript(call: Redis["call"], lua: string): RedisScript {
  const sha = createHash("sha1").update(lua).digest("hex");
  return (keys, args) =>
    call(async (client) => {
      try {
        return await client.evalsha(sha, keys.length, ...keys, ...args);
      } catch (thrown) {
        if (!(thrown instanceof Error && thrown.message.startsWith("NOSCRIPT"))) throw thrown;
        return client.eval(lua, keys.length, ...keys, ...args);
      }
    });
}

function openSubscriber({ options, clock, log }: { options: RedisOptions } & Pick<RedisParts, "clock" | "log">) {
  const channels = new Map<string, Set<(message: string) => void>>();
  const hearings = new Set<() => void>();
  const contain = containing(log);
  const connection = openConnection({
    options,
    clock,
    onUp: () => void hear(),
    onDown: (reason) => log.debug({ reason }, "redis.subscriber_lost"),
  });
  const { client } = connection;
  const hear = async (wanted: readonly string[] = [...channels.keys()]) => {
    try {
      if (wanted.length > 0) await client.subscribe(...wanted);
      for (const listener of hearings) contain(listener);
    } catch {
      connection.giveUp();
    }
  };
  client.on("message", (channel: string, message: string) => {
    for (const listener of channels.get(channel) ?? []) contain(() => listener(message));
  });
  const subscriber: RedisSubscriber = {
    subscribe(channel, listener) {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(listener));
      if (listeners.size === 1 && connection.runId() !== null) void hear([channel]);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0 || channels.get(channel) !== listeners) return;
        channels.delete(channel);
        if (connection.runId() !== null) client.unsubscribe(channel).catch(connection.giveUp);
      };
    },
    // Asked for again, which costs nothing, because Redis answers in order.
    hears: (channel) => asking(connection, async () => void (await client.subscribe(channel))),
    onHearing: (listener) => adding(hearings, listener),
    close: connection.close,
  };
  return subscriber;
}

function optionsOf({
  url,
  sentinels = [],
  sentinelPassword,
}: Pick<RedisParts, "url" | "sentinels" | "sentinelPassword">) {
  const options = parseRedisUrl(url);
  invariant(options !== null, "the address of Redis was checked when the settings were read");
  if (sentinels.length === 0) return options;
  const { host = "", port: _, tls, ...account } = options;
  const secured = tls !== undefined && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true };
  return {
    ...account,
    ...secured,
    name: host,
    sentinels: [...sentinels],
    ...(sentinelPassword != null && { sentinelPassword }),
  };
}

function containing(log: Log) {
  return (run: () => void) => {
    try {
      run();
    } catch (err) {
      log.error({ err }, "redis.listener_failed");
    }
  };
}

function adding<T>(set: Set<T>, item: T): () => void {
  set.add(item);
  return () => void set.delete(item);
}
