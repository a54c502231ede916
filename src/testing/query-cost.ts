import type { DatabaseSql } from "../platform/database.ts";

export interface QueryCost {
  /** Tables that were read from one end to the other. */
  readonly scanned: readonly string[];
  /** By table: how many rows of it, or of its indexes, were read. Those of which none were are left out. */
  readonly read: Readonly<Record<string, number>>;
  /** How often any index was looked into. */
  readonly searches: number;
}

/**
 * What a query, and every function and trigger that it sets off, has read: as it was executed, not as it might be. The
 * database must have one connection, so that what it has counted can be asked for at any time.
 */
export async function costOf(sql: DatabaseSql, query: () => Promise<unknown>): Promise<QueryCost> {
  const before = await counts(sql);
  await query();
  const after = await counts(sql);
  const changes = after.map(({ table, ...now }, index) => {
    const then = before[index] ?? { scans: 0n, searches: 0n, read: 0n };
    const change = (name: "scans" | "searches" | "read") => Number(now[name] - then[name]);
    return { table, scans: change("scans"), searches: change("searches"), read: change("read") };
  });
  return {
    scanned: changes.filter(({ scans }) => scans > 0).map(({ table }) => table),
    read: Object.fromEntries(changes.filter(({ read }) => read > 0).map(({ table, read }) => [table, read])),
    searches: changes.reduce((sum, { searches }) => sum + searches, 0),
  };
}

interface Counts {
  readonly table: string;
  readonly scans: bigint;
  readonly searches: bigint;
  readonly read: bigint;
}

/** Since the database was made. */
async function counts(sql: DatabaseSql): Promise<Counts[]> {
  await sql`select pg_stat_force_next_flush()`;
  return sql<Counts[]>`
    select "table".relname as "table", "table".seq_scan as scans, coalesce("table".idx_scan, 0) as searches,
      "table".seq_tup_read + coalesce(indexes.read, 0) as read
    from pg_stat_user_tables as "table"
    left join (
      select relid, sum(idx_tup_read)::bigint as read from pg_stat_user_indexes group by relid
    ) as indexes on indexes.relid = "table".relid
    where "table".schemaname = 'umpire' order by 1`;
}
