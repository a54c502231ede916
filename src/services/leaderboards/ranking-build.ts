import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/database.ts";
import type { Log } from "../../platform/log.ts";
import { cryptoRandom, secretText } from "../../platform/random.ts";
import type { Redis } from "../../platform/redis.ts";
import { isRedisUnavailable } from "../../platform/redis-failures.ts";
import type { Table } from "./ranking.ts";
import { ADD, BEGIN, FINISH, rankingKeys, toldArguments } from "./ranking-scripts.ts";
import { readPage } from "./ranking-source.ts";

export interface RankingBuild {
  /** Fills this table, in the background and in its turn, unless somebody is at it or has just been. */
  soon(table: Table): void;
  /** Ends the one that is being filled, which counts for nothing then, and begins no other. */
  stop(): Promise<void>;
}

interface BuildParts {
  readonly redis: Redis;
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long a table is kept: what nobody reads any more is gone by then. */
export const KEPT_MS = 2 * 60 * 60_000;
/** One that has less left is filled anew while it is still in use: whatever might have been missed is not for ever. */
export const REPLACED_MS = KEPT_MS / 2;
/** Whoever fills a table and is not heard of for so long has died: another may begin. */
const BUILDER_MS = 15_000;
/** Redis does nothing else meanwhile, so at a time not more than takes it a few milliseconds. */
const ROWS_AT_ONCE = 500;
/** After a first attempt that came to nothing, mostly because another process is at it; longer after each further one. */
const PAUSE_MS = 250;
/** A loss of Redis fails a build once or twice. */
const FAILURES_UNTOLD = 3;

/** Fills tables in Redis from Postgres, one after the other, beside the one in use and in its place when complete. */
export function createRankingBuild(parts: BuildParts): RankingBuild {
  const { redis, clock, log } = parts;
  const build = createFilling(parts);
  const tried = new Map<string, { untilMs: number; failures: number }>();
  const stopping = new AbortController();
  let turn: Promise<void> = Promise.resolve();
  const attempt = async (table: Table, failures: number): Promise<number> => {
    try {
      return (await build(table, stopping.signal)) ? 0 : failures + 1;
    } catch (err) {
      // One that was lost meanwhile is told of elsewhere; one that is full, say, only here.
      const isTold = isRedisUnavailable(err) && failures < FAILURES_UNTOLD;
      if (!isTold && !stopping.signal.aborted) log.warn({ err, ...table }, "leaderboards.build_failed");
      return failures + 1;
    }
  };
  return {
    soon(table) {
      const name = `${table.board} ${table.period}`;
      const { untilMs, failures } = tried.get(name) ?? { untilMs: Number.NEGATIVE_INFINITY, failures: 0 };
      if (stopping.signal.aborted || !redis.isUp() || clock.monotonicMs() < untilMs) return;
      // Until its turn has come and is over, it does not queue again.
      tried.set(name, { untilMs: Number.POSITIVE_INFINITY, failures });
      turn = turn.then(async () => {
        const failed = await attempt(table, failures);
        const nowMs = clock.monotonicMs();
        for (const [other, { untilMs: endedMs }] of tried) if (endedMs < nowMs - BUILDER_MS) tried.delete(other);
        const pauseMs = failed === 0 ? 0 : Math.min(BUILDER_MS, PAUSE_MS * 2 ** (failed - 1));
        tried.set(name, { untilMs: nowMs + pauseMs, failures: failed });
      });
    },
    async stop() {
      stopping.abort();
      await turn;
    },
  };
}

function createFilling({ redis, db, clock, log }: BuildParts) {
  const [begin, add, finish] = [redis.script(BEGIN), redis.script(ADD), redis.script(FINISH)];
  /** Whether it came to its end. */
  return async (table: Table, stopping: AbortSignal): Promise<boolean> => {
    const keys = Object.values(rankingKeys(redis, table));
    const token = secretText(cryptoRandom, 96);
    const startedMs = clock.monotonicMs();
    if (stopping.aborted || (await begin(keys, [redis.runId(), token, BUILDER_MS, REPLACED_MS])) !== 1) return false;
    let rows = 0;
    for (let after: string | undefined = ""; after !== undefined; ) {
      // What changes from here on is refreshed in both: the older of two readings of an account never wins.
      const { position, told } = await readPage(db, table, { after, limit: ROWS_AT_ONCE });
      const page = told.flatMap(toldArguments);
      if (stopping.aborted || (await add(keys, [redis.runId(), token, BUILDER_MS, position, ...page])) !== 1)
        return false;
      rows += told.length;
      after = told.length === ROWS_AT_ONCE ? told.at(-1)?.accountId : undefined;
    }
    if ((await finish(keys, [redis.runId(), token, KEPT_MS])) !== 1) return false;
    log.info({ ...table, rows, tookMs: Math.round(clock.monotonicMs() - startedMs) }, "leaderboards.built");
    return true;
  };
}
