import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { z } from "zod";
import { SCHEMA_VERSION } from "../../schema/tables/migrations.ts";
import { connect, type Database, type DatabaseSql } from "./database.ts";
import type { Log } from "./log.ts";
import { drizzle, runMigrations } from "./postgres-driver.ts";

export interface MigrateOptions {
  url: string;
  /** Where the SQL files and `meta/_journal.json` are. */
  folder: string;
  log: Log;
  /** The version of the tables that this process knows. Only tests give another than their own. */
  schemaVersion?: number;
}

/** Any number that nothing else in the database locks. It must stay the same across versions that run side by side. */
const LOCK = 0x756d7031;
/** A migration that waits for a table stops everybody behind it, so it gives up early and the start is tried again. */
const LOCK_TIMEOUT_MS = 10_000;

/**
 * Brings the database up to date and returns the names of what was applied. However many processes call this at once,
 * one applies and the others wait for it. All that is pending is one transaction: killed in the middle, nothing happened.
 * Throws, with words for the operator, when the database is too new for this process or the files do not fit its history.
 */
export async function migrate({ url, folder, log, schemaVersion = SCHEMA_VERSION }: MigrateOptions): Promise<string[]> {
  const sql = connect(url, {
    // The lock belongs to the connection, so there is one, and it is not renewed on the way.
    max: 1,
    max_lifetime: null,
    connection: { application_name: "umpire migrate", client_connection_check_interval: 1000, TimeZone: "UTC" },
  });
  try {
    await sql`select pg_advisory_lock(${LOCK})`;
    await sql`select set_config('lock_timeout', ${String(LOCK_TIMEOUT_MS)}, false)`;
    await requireCompatible({ sql }, schemaVersion);
    const pending = await findPending(sql, folder);
    if (pending.length > 0) {
      await runMigrations(drizzle(sql), {
        migrationsFolder: folder,
        migrationsSchema: "umpire",
        migrationsTable: "migrations",
      });
      log.info({ migrations: pending }, "migrations.applied");
    }
    await requireCompatible({ sql }, schemaVersion);
    return pending;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** The names of the migrations that the database lacks: /readyz says no while there are any. */
export function pendingMigrations({ sql }: Pick<Database, "sql">, { folder }: { folder: string }): Promise<string[]> {
  return findPending(sql, folder);
}

/** Throws when the database has moved on to where a process of this version would do harm. */
export async function requireCompatible(
  { sql }: Pick<Database, "sql">,
  schemaVersion: number = SCHEMA_VERSION,
): Promise<void> {
  if (!(await hasTable(sql, "umpire.compatibility"))) return;
  const [row] = await sql<{ minCompatible: number }[]>`
    select min_compatible as "minCompatible" from umpire.compatibility`;
  if (row === undefined || row.minCompatible <= schemaVersion) return;
  throw new Error(
    `The database is too new for this version of Umpire: it needs schema version ${row.minCompatible} or later, ` +
      `and this one knows ${schemaVersion}. Start a newer version of Umpire.`,
  );
}

async function findPending(sql: DatabaseSql, folder: string): Promise<string[]> {
  const files = await readMigrations(folder);
  const applied = await readApplied(sql);
  const lastMs = Math.max(0, ...applied.keys());
  for (const { name, whenMs, hash } of files) {
    const appliedHash = applied.get(whenMs);
    if (appliedHash === undefined && whenMs < lastMs) {
      throw new Error(
        `Migration ${name} is older than one that this database already has, so it would be passed over. ` +
          "Delete it and generate it again (migrations/README.md, Merging two branches).",
      );
    }
    if (appliedHash !== undefined && appliedHash !== hash) {
      throw new Error(
        `Migration ${name} was edited after this database applied it. Restore it and write a new one; ` +
          "a development database can be deleted instead (.data/pg).",
      );
    }
  }
  return files.filter(({ whenMs }) => !applied.has(whenMs)).map(({ name }) => name);
}

const journalSchema = z.object({ entries: z.array(z.object({ tag: z.string(), when: z.number() })) });

interface MigrationFile {
  name: string;
  /** When it was generated, in epoch milliseconds: what Drizzle orders by and remembers it by. */
  whenMs: number;
  hash: string;
}

async function readMigrations(folder: string): Promise<MigrationFile[]> {
  const text = await readFile(join(folder, "meta", "_journal.json"), "utf8");
  const { entries } = journalSchema.parse(JSON.parse(text));
  const hashes = new Map(
    readMigrationFiles({ migrationsFolder: folder }).map(({ folderMillis, hash }) => [folderMillis, hash]),
  );
  return entries.map(({ tag, when }) => ({ name: tag, whenMs: when, hash: hashes.get(when) ?? "" }));
}

/** Hash of each applied migration by the time it was generated. */
async function readApplied(sql: DatabaseSql): Promise<Map<number, string>> {
  if (!(await hasTable(sql, "umpire.migrations"))) return new Map();
  const rows = await sql<{ hash: string; createdAt: bigint }[]>`
    select hash, created_at as "createdAt" from umpire.migrations`;
  return new Map(rows.map(({ hash, createdAt }) => [Number(createdAt), hash]));
}

async function hasTable(sql: DatabaseSql, name: string): Promise<boolean> {
  const [row] = await sql<{ found: boolean }[]>`select to_regclass(${name}) is not null as found`;
  return row?.found === true;
}
