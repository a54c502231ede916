import { z } from "zod";
import type { AccountId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/database.ts";
import type { Jobs } from "../../platform/jobs.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Redis } from "../../platform/redis.ts";
import { isRedisUnavailable } from "../../platform/redis-failures.ts";
import { createPostgresRanking, type Ranking, type Standing, type Table } from "./ranking.ts";
import { createRankingBuild, REPLACED_MS } from "./ranking-build.ts";
import { AROUND, REFRESH, rankingKeys, readStandings, TOP, timeText, toldArguments } from "./ranking-scripts.ts";
import { readAccounts, readTables } from "./ranking-source.ts";

export interface RedisRanking extends Ranking {
  readonly changing: NonNullable<Ranking["changing"]>;
}

interface RedisRankingParts {
  readonly redis: Redis;
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "leaderboardReads">;
  /** Before they are started. */
  readonly jobs: Pick<Jobs, "define" | "send">;
}

const ACCOUNTS_AT_ONCE = 200;
/** How often a refresh that failed is tried again. */
const AGAIN_MS = 1000;
/** Of more accounts than this a table does not remember what it missed: it is thrown away. */
const MISSED_MAX = 5000;
/** A job that has failed so often, over two minutes, leaves the rest to the process that was last at it. */
const TRIES_MAX = 8;

const changePayload = z.strictObject({
  tables: z.array(z.strictObject({ board: z.string(), period: z.string() })),
  accountIds: z.array(z.string()),
});

/**
 * The order of the boards in Redis, as long as there is one and it has what it needs; else Postgres answers, which holds the
 * truth, and what is missing is filled from it. A rank takes the same few steps however many there are.
 */
export function createRedisRanking(parts: RedisRankingParts): RedisRanking {
  const { redis, db, clock, jobs, metrics } = parts;
  const postgres = createPostgresRanking({ db });
  const build = createRankingBuild(parts);
  const [top, around] = [redis.script(TOP), redis.script(AROUND)];
  const bring = createBringing(parts);
  const missed = createMissed(parts, bring);
  const stopAgain = clock.every(AGAIN_MS, missed.again);

  const tell = async (
    table: Table,
    ask: (keys: string[], run: string) => Promise<unknown>,
    exact: () => Promise<Standing[]>,
  ) => {
    const { order, places } = rankingKeys(redis, table);
    const known = await unlessAway(async () => readStandings(await ask([order, places], redis.runId())));
    if (known === null || known.leftMs < REPLACED_MS) build.soon(table);
    metrics.leaderboardReads.inc({ by: known === null ? "postgres" : "redis" });
    return known?.standings ?? exact();
  };
  const refresh: Ranking["refresh"] = (tables, accountIds) =>
    bring(tables, accountIds).catch((thrown: unknown) => missed.add(tables, accountIds, thrown));
  const change = jobs.define(
    "leaderboards-change",
    changePayload,
    ({ tables, accountIds }, { attempt }) => (attempt < TRIES_MAX ? bring : refresh)(tables, accountIds as AccountId[]),
    { triesMax: TRIES_MAX },
  );

  return {
    top: (table, page) =>
      tell(
        table,
        (keys, run) => {
          const { from, limit } = page;
          const place = from === null ? [] : [String(-from.score), timeText(from.reachedAt), from.skip];
          return top(keys, [run, limit, ...place]);
        },
        () => postgres.top(table, page),
      ),

    around: (table, whom) =>
      tell(
        table,
        (keys, run) => around(keys, [run, whom.accountId, whom.reach]),
        () => postgres.around(table, whom),
      ),

    refresh,

    async changing(tx, accountIds, given) {
      const tables = given ?? (await readTables(tx, accountIds));
      if (tables.length === 0 || accountIds.length === 0) return;
      await jobs.send(tx, change, { tables: [...tables], accountIds: [...accountIds] });
    },

    async stop() {
      stopAgain();
      await Promise.all([build.stop(), missed.idle()]);
    },
  };
}

type Bring = Ranking["refresh"];

/** Reads what is true now of these accounts, and brings it to whatever Redis has of these tables. */
function createBringing({ redis, db }: Pick<RedisRankingParts, "redis" | "db">): Bring {
  const script = redis.script(REFRESH);
  return async (tables, accountIds) => {
    if (tables.length === 0) return;
    for (let from = 0; from < accountIds.length; from += ACCOUNTS_AT_ONCE) {
      const run = redis.runId();
      const { position, told } = await readAccounts(db, tables, accountIds.slice(from, from + ACCOUNTS_AT_ONCE));
      const bringTo = (table: Table) => {
        const { order, places, newOrder, newPlaces } = rankingKeys(redis, table);
        return script([order, places, newOrder, newPlaces], [run, position, ...told(table).flatMap(toldArguments)]);
      };
      await Promise.all(tables.map(bringTo));
    }
  };
}

/** Changes that could not be brought to Redis. Until they are, others may read a table as it was before. */
function createMissed({ redis, log }: Pick<RedisRankingParts, "redis" | "log">, bring: Bring) {
  const missed = new Map<string, { table: Table; accountIds: Set<AccountId> }>();
  let working: Promise<void> = Promise.resolve();
  let isWorking = false;
  const add = (tables: readonly Table[], accountIds: readonly AccountId[], thrown: unknown) => {
    if (!isRedisUnavailable(thrown)) log.warn({ err: thrown }, "leaderboards.refresh_failed");
    for (const table of tables) {
      const name = `${table.board} ${table.period}`;
      const entry = missed.get(name) ?? { table, accountIds: new Set() };
      missed.set(name, entry);
      if (entry.accountIds.size > MISSED_MAX) continue;
      for (const accountId of accountIds) entry.accountIds.add(accountId);
    }
  };
  const makeUp = async () => {
    for (const [name, { table, accountIds }] of missed) {
      // Whoever misses it from here on is in the next round.
      missed.delete(name);
      try {
        if (accountIds.size <= MISSED_MAX) await bring([table], [...accountIds]);
        else await forget(redis, table);
      } catch (thrown) {
        return add([table], [...accountIds], thrown);
      }
    }
  };
  return {
    add,
    again() {
      if (isWorking || missed.size === 0 || !redis.isUp()) return;
      isWorking = true;
      working = makeUp().finally(() => {
        isWorking = false;
      });
    },
    idle: () => working,
  };
}

/** The next who reads it has it filled anew; whoever is filling it has to begin again. */
async function forget(redis: Redis, table: Table): Promise<void> {
  const { order: _, ...others } = rankingKeys(redis, table);
  await redis.call((client) => client.unlink(...Object.values(others)));
}

async function unlessAway<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (thrown) {
    if (isRedisUnavailable(thrown)) return null;
    throw thrown;
  }
}
