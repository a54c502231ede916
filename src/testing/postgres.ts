import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, inject } from "vitest";
import { connect, type Database, type DatabaseOptions, openDatabase } from "../platform/database.ts";
import { startOwnPostgres } from "../platform/dev-services.ts";
import { createLog } from "../platform/log.ts";
import { migrate } from "../platform/migrations.ts";

/** What a test file needs to make a database of its own. */
export interface TestPostgres {
  /** Of a database that nothing is stored in, on a server where databases may be created. */
  url: string;
  /** Begins the names of all databases of this run. */
  prefix: string;
}

declare module "vitest" {
  interface ProvidedContext {
    postgres: TestPostgres;
  }
}

export interface TestDatabase extends Database {
  url: string;
}

const migrationsFolder = resolve(import.meta.dirname, "../../migrations");
const silent = createLog({ level: "silent" });

/**
 * A database for this test file alone, with all migrations applied, dropped after the last test. Call it at the top of
 * the file: `const database = await createTestDatabase();`
 */
export async function createTestDatabase(options: Partial<DatabaseOptions> = {}): Promise<TestDatabase> {
  return openTestDatabase(`template ${templateName(inject("postgres"))}`, options);
}

/** The same without a single table, for tests of the migrations themselves. */
export async function createEmptyDatabase(options: Partial<DatabaseOptions> = {}): Promise<TestDatabase> {
  return openTestDatabase("", options);
}

async function openTestDatabase(template: string, options: Partial<DatabaseOptions>): Promise<TestDatabase> {
  const postgres = inject("postgres");
  const name = `${postgres.prefix}_${randomBytes(6).toString("hex")}`;
  await administer(postgres.url, `create database ${name} ${template}`);
  const url = databaseUrl(postgres.url, name);
  const database = openDatabase({ url, log: silent, applicationName: "umpire test", connectionsMax: 4, ...options });
  afterAll(async () => {
    await database.close();
    await administer(postgres.url, `drop database ${name} with (force)`);
  });
  return { ...database, url };
}

/** The server of a whole test run: a given one, or our own in a temporary folder, with one migrated database to copy. */
export async function startTestPostgres({ givenUrl }: { givenUrl: string | undefined }) {
  const server = givenUrl === undefined ? await startTemporaryServer() : { url: givenUrl, stop: async () => {} };
  const postgres: TestPostgres = { url: server.url, prefix: `umpire_test_${randomBytes(4).toString("hex")}` };
  const template = templateName(postgres);
  await administer(postgres.url, `create database ${template}`);
  await migrate({ url: databaseUrl(postgres.url, template), folder: migrationsFolder, log: silent });
  return {
    postgres,
    async stop() {
      // On a given server even a file that was interrupted leaves nothing.
      if (givenUrl !== undefined) await dropDatabases(postgres);
      await server.stop();
    },
  };
}

async function startTemporaryServer() {
  const folder = await mkdtemp(join(tmpdir(), "umpire-test-"));
  const guard = startGuard(folder);
  // Root's server runs as nobody, who has to get through.
  await chmod(folder, 0o711);
  const server = await startOwnPostgres({ folder, fsync: false, log: silent });
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
      guard.stdin?.end();
    },
  };
}

const GUARD = `
  read -r nothing
  lock="$1/pg/data/postmaster.pid"
  [ -e "$lock" ] && kill -QUIT "$(head -n 1 "$lock")"
  for turn in $(seq 100); do [ -e "$lock" ] || break; sleep 0.05; done
  rm -rf "$1"
`;

/** Waits for this process to end, however it ends, kill -9 included, and leaves neither the server nor its files behind. */
export function startGuard(folder: string): ChildProcess {
  const guard = spawn("sh", ["-c", GUARD, "guard", folder], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  guard.unref();
  return guard;
}

async function dropDatabases({ url, prefix }: TestPostgres): Promise<void> {
  const sql = connect(url, { max: 1 });
  const found = await sql<{ name: string }[]>`
    select datname as name from pg_database where starts_with(datname, ${prefix})`;
  for (const { name } of found) await sql.unsafe(`drop database if exists ${name} with (force)`);
  await sql.end();
}

async function administer(url: string, statement: string): Promise<void> {
  const sql = connect(url, { max: 1 });
  await sql.unsafe(statement).finally(() => sql.end());
}

function templateName({ prefix }: TestPostgres): string {
  return `${prefix}_template`;
}

function databaseUrl(url: string, name: string): string {
  const address = new URL(url);
  address.pathname = `/${name}`;
  return address.href;
}
