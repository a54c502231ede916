import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Redis } from "./redis.ts";

interface ConfiguredRedisParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly stops: (() => Promise<void>)[];
}

/** The Redis of the settings; null without one, and then its client is not even loaded. */
export async function openConfiguredRedis(
  { REDIS_URL, REDIS_SENTINELS, REDIS_SENTINEL_PASSWORD, REDIS_PREFIX, NODE_ENV }: Config,
  { stops, ...parts }: ConfiguredRedisParts,
): Promise<Redis | null> {
  if (REDIS_URL === null) return null;
  const { openRedis } = await import("./redis.ts");
  const redis = openRedis({
    ...parts,
    url: REDIS_URL,
    sentinels: REDIS_SENTINELS,
    sentinelPassword: REDIS_SENTINEL_PASSWORD,
    prefix: REDIS_PREFIX ?? `umpire_${NODE_ENV}`,
  });
  stops.push(async () => redis.close());
  return redis;
}
