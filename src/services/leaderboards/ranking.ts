import { type SQL, sql } from "drizzle-orm";
import type { AccountId } from "../../../schema/ids.ts";
import { leaderboardCounts, leaderboardScores } from "../../../schema/tables/leaderboards.ts";
import type { Db, Tx } from "../../platform/database.ts";

/** One board in one period. */
export interface Table {
  readonly board: string;
  /** As `periodAt` calls it. */
  readonly period: string;
}

export interface Standing {
  readonly accountId: AccountId;
  /** From 1. No two have the same: of equal scores, the one that was reached first stands higher. */
  readonly rank: number;
  readonly score: number;
  readonly reachedAt: Date;
}

/** A place in the order of a table: behind `skip` of those who reached this score at this time. */
export interface Place {
  readonly score: number;
  readonly reachedAt: Date;
  readonly skip: number;
}

/**
 * The order of the boards. Postgres holds the truth and can always tell; something faster may stand in for it, which is
 * filled from Postgres, may be lost at any time, and keeps to the same contract (`ranking-contract.ts`).
 */
export interface Ranking {
  /** The first `limit` of a table, or those from `from` on. */
  top(table: Table, page: { from: Place | null; limit: number }): Promise<Standing[]>;
  /** An account with up to `reach` on either side, from the top down; empty when it is not in the table. */
  around(table: Table, whom: { accountId: AccountId; reach: number }): Promise<Standing[]>;
  /** The scores of these accounts may have changed in these tables. Called after the commit, and perhaps not at all. */
  refresh(tables: readonly Table[], accountIds: readonly AccountId[]): Promise<void>;
  /**
   * Likewise, within the transaction that changes them, so that it is not missed when this process dies behind the commit.
   * Without tables it is all in which they have a score. Null where nothing can be missed.
   */
  readonly changing:
    | ((tx: Tx, accountIds: readonly AccountId[], tables: readonly Table[] | null) => Promise<void>)
    | null;
  /** Ends what goes on in the background. */
  stop(): Promise<void>;
}

const { board, period, inverse, reachedAt, accountId } = leaderboardScores;

/** Ranks by the index of the order and by the counts of buckets, so that it takes as long at the end of a table as at its top. */
export function createPostgresRanking({ db }: { db: Db }): Ranking {
  return {
    async top(table, { from, limit }) {
      const rows = await db.execute<Row>(sql`
        ${from === null ? sql`with ahead as (select 0 as scores)` : aheadOf(table, from)}
        select account_id, score, reached_at, ahead.scores::bigint + row_number() over (order by ${inOrder}) as rank
        from (
          select account_id, score, inverse, reached_at from ${leaderboardScores}
          where ${isIn(table)} ${from === null ? sql`` : sql`and ${inOrderOfPlaces} >= ${placeRow(from)}`}
          order by ${inOrder} offset ${from?.skip ?? 0} limit ${limit}
        ) as page, ahead
        order by rank`);
      return rows.map(standing);
    },

    async around(table, { accountId: whose, reach }) {
      const mine = sql`(mine.inverse, mine.reached_at, mine.account_id)`;
      const others = (beside: SQL) => sql`
        select other.* from mine cross join lateral (
          select account_id, score, inverse, reached_at from ${leaderboardScores} where ${isIn(table)} and ${beside}
        ) as other`;
      const order = sql`(${inverse}, ${reachedAt}, ${accountId})`;
      const ahead = { order, place: mine, score: sql`mine.score`, bucket: sql`mine.bucket` };
      const rows = await db.execute<Row>(sql`
        with mine as materialized (
          -- The bucket is worked out once, and not again for every row that is looked at.
          select account_id, score, inverse, reached_at, umpire.leaderboard_bucket(score) as bucket from ${leaderboardScores}
          where ${isIn(table)} and ${accountId} = ${whose}
        ), higher as (
          ${others(sql`${order} < ${mine} order by ${inverse} desc, ${reachedAt} desc, ${accountId} desc limit ${reach}`)}
        ), lower as (
          ${others(sql`${order} > ${mine} order by ${inOrder} limit ${reach}`)}
        ), ahead as materialized (
          select ${countAhead(table, ahead)} - (select count(*) from higher) as scores from mine
        )
        select account_id, score, reached_at, ahead.scores::bigint + row_number() over (order by ${inOrder}) as rank
        from (select * from higher union all select ${shown} from mine union all select * from lower) as seen, ahead
        order by rank`);
      return rows.map(standing);
    },

    // What it tells is the truth itself.
    refresh: async () => {},
    changing: null,
    stop: async () => {},
  };
}

const shown = sql`account_id, score, inverse, reached_at`;
const inOrderOfPlaces = sql`(${inverse}, ${reachedAt})`;
const inOrder = sql`inverse, reached_at, account_id`;

function isIn(table: Table): SQL {
  return sql`${board} = ${table.board} and ${period} = ${table.period}`;
}

interface Ahead {
  /** The columns that are compared, and the row that they are compared with. */
  readonly order: SQL;
  readonly place: SQL;
  readonly score: SQL;
  readonly bucket: SQL;
}

/**
 * How many stand before `place`, at this score and in its bucket: those in higher buckets are summed up, those in the same
 * one counted in the index. The upper bounds follow from 20 bits and from the comparison of rows, but Postgres expects few
 * rows only where it sees both bounds, and else reads the whole table.
 */
function countAhead(table: Table, { order, place, score, bucket }: Ahead): SQL {
  return sql`(
    select coalesce(sum(scores), 0) from ${leaderboardCounts}
    where board = ${table.board} and period = ${table.period} and bucket > ${bucket} and bucket < 1 << 20
  ) + (
    select count(*) from ${leaderboardScores}
    where ${isIn(table)} and ${order} < ${place}
      and ${inverse} > -umpire.leaderboard_bucket_end(${bucket}) and ${inverse} <= -${score}
  )`;
}

function aheadOf(table: Table, from: Place): SQL {
  const score = sql`${from.score}::bigint`;
  const bucket = sql`umpire.leaderboard_bucket(${score})`;
  const ahead = { order: inOrderOfPlaces, place: placeRow(from), score, bucket };
  return sql`with ahead as materialized (select ${from.skip}::bigint + ${countAhead(table, ahead)} as scores)`;
}

function placeRow({ score, reachedAt: at }: Place): SQL {
  return sql`(${-score}::bigint, ${at}::timestamptz)`;
}

interface Row extends Record<string, unknown> {
  readonly account_id: string;
  readonly score: bigint;
  readonly reached_at: Date;
  readonly rank: bigint;
}

function standing({ account_id, score, reached_at, rank }: Row): Standing {
  return { accountId: account_id as AccountId, rank: Number(rank), score: Number(score), reachedAt: reached_at };
}
