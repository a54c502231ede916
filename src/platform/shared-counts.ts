import type { Redis } from "./redis.ts";
import { isRedisUnavailable } from "./redis-failures.ts";

/** So many by this key within a window that begins with the first. */
export interface SharedCount {
  readonly key: readonly string[];
  readonly max: number;
  readonly perSeconds: number;
}

/** One of the counts is used up. */
export interface Spent {
  /** Which of those that were asked for. */
  readonly at: number;
  readonly msBeforeNext: number;
}

/** Counts that all processes with the same Redis share. */
export interface SharedCounts {
  /**
   * Takes one from each, or none where one is used up: the first such is told. Null where there is enough, and where Redis
   * is away, so whoever asks has counted for itself as well. Takes one trip to Redis, however many counts it is about.
   */
  take(counts: readonly SharedCount[]): Promise<Spent | null>;
  /** The same, and takes none. */
  check(counts: readonly SharedCount[]): Promise<Spent | null>;
}

/** How many are taken, then the most of each and the ms of its window. No key is ever without its end. */
const TAKE = `
local cost = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local used = tonumber(redis.call('GET', key) or '0')
  if used >= tonumber(ARGV[2 * i]) then return { i - 1, redis.call('PTTL', key) } end
end
if cost == 0 then return {} end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, 0, 'PX', ARGV[2 * i + 1], 'NX')
  redis.call('INCRBY', key, cost)
end
return {}
`;

/**
 * `scope` keeps apart what has the same names. The limiter of the library asks once for each key, and by a client of its own,
 * which does not know when Redis is away.
 */
export function createSharedCounts(redis: Redis, scope: string): SharedCounts {
  const script = redis.script(TAKE);
  const ask = async (cost: number, counts: readonly SharedCount[]): Promise<Spent | null> => {
    const keys = counts.map(({ key }) => redis.key("counts", scope, ...key));
    const args = counts.flatMap(({ max, perSeconds }) => [max, perSeconds * 1000]);
    try {
      const [at, msBeforeNext] = (await script(keys, [cost, ...args])) as number[];
      return at === undefined || msBeforeNext === undefined ? null : { at, msBeforeNext };
    } catch (thrown) {
      if (isRedisUnavailable(thrown)) return null;
      throw thrown;
    }
  };
  return { take: (counts) => ask(1, counts), check: (counts) => ask(0, counts) };
}
