import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { connect, type DatabaseSql } from "../../src/platform/database.ts";
import { createLog } from "../../src/platform/log.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { copiesShape, migrationsOf, readCopies, writeCopies } from "./table-copies.ts";

const backupShape = z.discriminatedUnion("means", [
  z.strictObject({ means: z.literal("pg_dump"), serverVersion: z.int() }),
  z.strictObject({
    means: z.literal("copy"),
    serverVersion: z.int(),
    migrations: z.array(z.string()),
    copies: copiesShape,
  }),
]);
/** What a backup says of itself, in `backup.json` beside its files. */
type Backup = z.infer<typeof backupShape>;

interface BackupOptions {
  readonly url: string;
  readonly folder: string;
  /** By default pg_dump wherever it will do. */
  readonly means?: Backup["means"];
}

const run = promisify(execFile);
const MIGRATIONS = join(import.meta.dirname, "../../migrations");
const MANIFEST = "backup.json";
const DUMP = "database.dump";
const silent = createLog({ level: "silent" });

/**
 * Writes what the database holds at one moment into a folder, while the servers go on: by pg_dump where the one on PATH
 * is at least as new as the server, otherwise by COPY over our own driver.
 */
export async function takeBackup({ url, folder, ...given }: BackupOptions): Promise<Backup["means"]> {
  // The rows are everybody's accounts.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { serverVersion, migrations } = await withConnection(url, async (sql) => {
    const [row] = await sql<{ version: number }[]>`select current_setting('server_version_num')::int as version`;
    return { serverVersion: row?.version ?? 0, migrations: await migrationsOf(sql) };
  });
  const canDump = (await dumpMajor()) >= Math.floor(serverVersion / 10_000);
  const means = given.means ?? (canDump ? "pg_dump" : "copy");
  let backup: Backup;
  if (means === "pg_dump") {
    await runTool("pg_dump", url, ["--format=custom", "--no-owner", `--file=${join(folder, DUMP)}`]);
    backup = { means, serverVersion };
  } else {
    backup = { means, serverVersion, migrations, copies: await writeCopies(url, folder) };
  }
  // Last, so that a backup that was cut short is none.
  await writeFile(join(folder, MANIFEST), JSON.stringify(backup), { mode: 0o600 });
  return means;
}

/** Brings a backup into an empty database, and that up to date. Throws, saying what to do, where it would not fit. */
export async function restoreBackup({ url, folder }: { url: string; folder: string }): Promise<void> {
  const backup = backupShape.parse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
  const isEmpty = await withConnection(url, async (sql) => {
    const found = await sql`
      select 1 from pg_tables where schemaname not in ('pg_catalog', 'information_schema') limit 1`;
    return found.length === 0;
  });
  if (!isEmpty) throw new Error("The database to restore into has tables already. Give an empty one.");
  if (backup.means === "pg_dump") {
    await runTool("pg_restore", url, ["--no-owner", "--exit-on-error", "--single-transaction", join(folder, DUMP)]);
  } else {
    await migrate({ url, folder: MIGRATIONS, log: silent });
    const migrations = await withConnection(url, migrationsOf);
    if (migrations.join() !== backup.migrations.join()) {
      throw new Error(
        `The backup was written after ${backup.migrations.length} migrations, and this version makes ` +
          `${migrations.length}. Restore it with the version that wrote it, then start this one on it.`,
      );
    }
    await readCopies(url, folder, backup.copies);
  }
  await migrate({ url, folder: MIGRATIONS, log: silent });
}

/** The version of the pg_dump on PATH; 0 without one. */
async function dumpMajor(): Promise<number> {
  const { stdout } = await run("pg_dump", ["--version"]).catch(() => ({ stdout: "" }));
  return Number(/\b(\d+)[.\d]*/.exec(stdout)?.[1] ?? 0);
}

/** The password goes by the environment: everybody on the machine may read a program's arguments. */
async function runTool(tool: "pg_dump" | "pg_restore", url: string, args: readonly string[]): Promise<void> {
  const address = new URL(url);
  const password = decodeURIComponent(address.password);
  address.password = "";
  const env = { ...process.env, ...(password !== "" && { PGPASSWORD: password }) };
  await run(tool, [`--dbname=${address.href}`, ...args], { env });
}

async function withConnection<T>(url: string, ask: (sql: DatabaseSql) => Promise<T>): Promise<T> {
  const sql = connect(url, { max: 1 });
  try {
    return await ask(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
