import { type SQL, sql } from "drizzle-orm";
import type { AccountId } from "../../../schema/ids.ts";
import { leaderboardScores } from "../../../schema/tables/leaderboards.ts";
import type { DbOrTx } from "../../platform/database.ts";
import type { Table } from "./ranking.ts";
import type { Told } from "./ranking-scripts.ts";

/** What Postgres tells at one moment, and where in its history that moment is. */
export interface Snapshot<T> {
  readonly position: string;
  readonly told: T;
}

const { board, period, accountId } = leaderboardScores;

/**
 * How many transactions have ended that this statement's snapshot knows of. Every end adds to it, so of two snapshots the
 * one with the higher position is the later one, and with the same position they are equal.
 */
const position = sql`(
  select pg_snapshot_xmax(snapshot)::text::bigint - (select count(*) from pg_snapshot_xip(snapshot))
  from pg_current_snapshot() as snapshot
)`;

/** These accounts in these tables. One that is not in a table is told of, too. */
export async function readAccounts(
  db: DbOrTx,
  tables: readonly Table[],
  accountIds: readonly AccountId[],
): Promise<Snapshot<(table: Table) => Told[]>> {
  const rows = await db.execute<Row>(sql`
    select now.position, board, period, account_id, score, reached_at
    from (select ${position} as position) as now left join ${leaderboardScores}
      on (${board}, ${period}) in (${listOf(tables)}) and ${accountId} = any (${sql.param(accountIds)}::text[])`);
  const found = new Map(rows.map((row) => [`${row.board} ${row.period} ${row.account_id}`, row]));
  return {
    position: String(rows[0]?.position ?? 0),
    told: (table) =>
      accountIds.map((whose) => {
        const row = found.get(`${table.board} ${table.period} ${whose}`);
        return row === undefined ? { accountId: whose, score: null, reachedAt: null } : toldOf(row);
      }),
  };
}

/** So many of a table, in the order of their ids, from behind `after`. */
export async function readPage(
  db: DbOrTx,
  table: Table,
  { after, limit }: { after: string; limit: number },
): Promise<Snapshot<Told[]>> {
  const rows = await db.execute<Row>(sql`
    select ${position} as position, board, period, account_id, score, reached_at from ${leaderboardScores}
    where ${board} = ${table.board} and ${period} = ${table.period} and ${accountId} > ${after}
    order by ${accountId} limit ${limit}`);
  return { position: String(rows[0]?.position ?? 0), told: rows.map(toldOf) };
}

/** The tables in which any of these accounts has a score. */
export async function readTables(db: DbOrTx, accountIds: readonly AccountId[]): Promise<Table[]> {
  const rows = await db.execute<{ board: string; period: string }>(sql`
    select distinct board, period from ${leaderboardScores}
    where ${accountId} = any (${sql.param(accountIds)}::text[])`);
  return rows.map((row) => ({ board: row.board, period: row.period }));
}

interface Row extends Record<string, unknown> {
  readonly position: bigint;
  readonly board: string;
  readonly period: string;
  readonly account_id: string;
  readonly score: bigint;
  readonly reached_at: Date;
}

function toldOf({ account_id, score, reached_at }: Row): Told {
  return { accountId: account_id as AccountId, score: Number(score), reachedAt: reached_at };
}

function listOf(tables: readonly Table[]): SQL {
  return sql.join(
    tables.map((table) => sql`(${table.board}, ${table.period})`),
    sql`, `,
  );
}
