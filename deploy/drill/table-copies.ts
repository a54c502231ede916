import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { TransactionSql } from "postgres";
import { z } from "zod";
import { connect, type DatabaseSql } from "../../src/platform/database.ts";

const table = z.strictObject({ name: z.string(), columns: z.array(z.string()).min(1), file: z.string() });
const partition = z.strictObject({ name: z.string(), of: z.string(), bounds: z.string() });
const sequence = z.strictObject({ name: z.string(), value: z.string(), isCalled: z.boolean() });

/** What lies in a folder of copies beside the rows themselves. Names are quoted as SQL wants them. */
export const copiesShape = z.strictObject({
  tables: z.array(table),
  partitions: z.array(partition),
  sequences: z.array(sequence),
});
type Copies = z.infer<typeof copiesShape>;

/** Every schema but Postgres's own. */
const OURS = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'";

/**
 * Writes the rows of every table as one moment has them, however many write meanwhile: the means where no pg_dump of the
 * server's version is at hand. Tables, functions and triggers are not in it: they come from the migrations.
 */
export async function writeCopies(url: string, folder: string): Promise<Copies> {
  const sql = connect(url, { max: 1, connection: { application_name: "umpire backup", TimeZone: "UTC" } });
  try {
    return await sql.begin("isolation level repeatable read, read only", async (tx) => {
      const tables = await tx.unsafe<{ name: string; columns: string[] }[]>(`
        select format('%I.%I', n.nspname, c.relname) as name,
          array_agg(format('%I', a.attname) order by a.attnum) as columns
        from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
        where ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
          and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        group by 1 order by 1`);
      const written: Copies["tables"] = [];
      for (const { name, columns } of tables) {
        const file = `${name}.copy`;
        // A partitioned table is read as a whole: its parts are made anew where the copy is taken in.
        const rows = await tx.unsafe(`copy (select ${columns.join(", ")} from ${name}) to stdout`).readable();
        await pipeline(rows, createWriteStream(join(folder, file)));
        written.push({ name, columns, file });
      }
      const partitions = await tx.unsafe<Copies["partitions"]>(`
        select c.oid::regclass::text as name, i.inhparent::regclass::text as of,
          pg_get_expr(c.relpartbound, c.oid) as bounds
        from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_inherits i on i.inhrelid = c.oid
        where ${OURS} and c.relispartition and c.relkind = 'r' order by 1`);
      // Sequences stand outside of any snapshot. Read last, they are beyond every row that was read.
      const sequences = await tx.unsafe<Copies["sequences"]>(`
        select format('%I.%I', schemaname, sequencename) as name,
          coalesce(last_value, start_value)::text as value, last_value is not null as "isCalled"
        from pg_sequences order by 1`);
      return { tables: written, partitions: [...partitions], sequences: [...sequences] };
    });
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/**
 * Fills a database that the same migrations have made. All or nothing. Triggers and references rest meanwhile, because
 * what they would do is in the rows already; only a superuser may have it so.
 */
export async function readCopies(
  url: string,
  folder: string,
  { tables, partitions, sequences }: Copies,
): Promise<void> {
  const sql = connect(url, { max: 1, connection: { application_name: "umpire restore", TimeZone: "UTC" } });
  try {
    await sql.begin(async (tx) => {
      await requireTables(tx, tables);
      await tx`set local session_replication_role = replica`;
      for (const { name, of, bounds } of partitions) {
        await tx.unsafe(`create table if not exists ${name} partition of ${of} ${bounds}`);
      }
      if (tables.length > 0) await tx.unsafe(`truncate ${tables.map(({ name }) => name).join(", ")}`);
      for (const { name, columns, file } of tables) {
        const rows = await tx.unsafe(`copy ${name} (${columns.join(", ")}) from stdin`).writable();
        await pipeline(createReadStream(join(folder, file)), rows);
      }
      for (const { name, value, isCalled } of sequences) await tx`select setval(${name}, ${value}, ${isCalled})`;
    });
    await sql`analyze`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function requireTables(tx: TransactionSql<{ bigint: bigint }>, tables: Copies["tables"]): Promise<void> {
  const names = tables.map(({ name }) => name);
  const missing = await tx<{ name: string }[]>`
    select name from unnest(${names}::text[]) as name where to_regclass(name) is null`;
  if (missing.length === 0) return;
  throw new Error(
    `Migrations of your own have to make these tables first: ${missing.map(({ name }) => name).join(", ")}.`,
  );
}

/** The migrations that a database has seen, by which one is known to have the tables of another. */
export async function migrationsOf(sql: DatabaseSql): Promise<string[]> {
  const rows = await sql<{ hash: string }[]>`select hash from umpire.migrations order by created_at`;
  return rows.map(({ hash }) => hash);
}
