import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import { SCHEMA_VERSION } from "../../schema/tables/migrations.ts";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../testing/postgres.ts";
import { createLog } from "./log.ts";
import { migrate, pendingMigrations, requireCompatible } from "./migrations.ts";

const log = createLog({ level: "silent" });
const ours = resolve(import.meta.dirname, "../../migrations");
const [crowded, killed, resumed, refused] = await Promise.all([
  createEmptyDatabase(),
  createEmptyDatabase(),
  createEmptyDatabase(),
  createEmptyDatabase(),
]);
const migrated = await createTestDatabase();

/** A folder of migrations: name, SQL, and how many seconds after the first it was generated. */
async function aFolder(...files: [name: string, sql: string, second?: number][]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "umpire-migrations-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const entries = files.map(([tag, , second], idx) => {
    return { idx, version: "7", tag, when: 1_767_225_600_000 + 1000 * (second ?? idx), breakpoints: true };
  });
  await mkdir(join(folder, "meta"));
  const journal = JSON.stringify({ version: "7", dialect: "postgresql", entries });
  await writeFile(join(folder, "meta", "_journal.json"), journal);
  await Promise.all(files.map(([name, sql]) => writeFile(join(folder, `${name}.sql`), sql)));
  return folder;
}

/** Another process that migrates and prints the names of what it applied. */
function aProcess(database: TestDatabase, folder: string) {
  const code = `
    import { migrate } from "${import.meta.resolve("./migrations.ts")}";
    import { createLog } from "${import.meta.resolve("./log.ts")}";
    const [url, folder] = process.argv.slice(1);
    console.log(JSON.stringify(await migrate({ url, folder, log: createLog({ level: "silent" }) })));`;
  const preflight = ["--import", import.meta.resolve("../preflight.mjs")];
  const child = spawn(process.execPath, [...preflight, "--input-type=module", "-e", code, database.url, folder]);
  child.stderr.pipe(process.stderr);
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function hasTable({ sql }: TestDatabase, name: string): Promise<boolean> {
  return (await sql`select where to_regclass(${name}) is not null`).length === 1;
}

test("[DATA12] however many connections and processes migrate at once, each migration is applied once", async () => {
  const names = await pendingMigrations(crowded, { folder: ours });
  expect(names[0]).toBe("0000_begin");
  const inProcess = Array.from({ length: 4 }, () => migrate({ url: crowded.url, folder: ours, log }));
  const others = Array.from({ length: 2 }, async () => JSON.parse(await text(aProcess(crowded, ours).stdout)));
  const applied = await Promise.all([...inProcess, ...others]);
  expect(applied.flat()).toEqual(names);
  expect(await crowded.sql`select count(*)::int as rows from umpire.migrations`).toEqual([{ rows: names.length }]);
  expect(await pendingMigrations(crowded, { folder: ours })).toEqual([]);
});

test("[DATA13] a migration killed in the middle leaves nothing, and the next start does all of it", async () => {
  const slow = await aFolder(["0000_first", "create table first (value int)"], ["0001_slow", "select pg_sleep(60)"]);
  const child = aProcess(killed, slow);
  await vi.waitFor(
    async () =>
      expect(await killed.sql`select from pg_stat_activity where query = 'select pg_sleep(60)'`).toHaveLength(1),
    { timeout: 10_000 },
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await hasTable(killed, "first")).toBe(false);
  expect(await pendingMigrations(killed, { folder: slow })).toEqual(["0000_first", "0001_slow"]);

  const quick = await aFolder(["0000_first", "create table first (value int)"], ["0001_quick", "select 1"]);
  expect(await migrate({ url: killed.url, folder: quick, log })).toEqual(["0000_first", "0001_quick"]);
  expect(await hasTable(killed, "first")).toBe(true);
});

test("[DATA13] T25: all of our own, killed behind the last, leaves no table, no function and no queue, and is resumed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "umpire-migrations-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(ours, folder, { recursive: true });
  const file = join(folder, "meta", "_journal.json");
  const journal = JSON.parse(await readFile(file, "utf8"));
  const idx = journal.entries.length;
  journal.entries.push({ idx, version: "7", tag: "9999_slow", when: 2 ** 42, breakpoints: true });
  await writeFile(file, JSON.stringify(journal));
  await writeFile(join(folder, "9999_slow.sql"), "select pg_sleep(59)");
  const child = aProcess(resumed, folder);
  await vi.waitFor(
    async () =>
      expect(await resumed.sql`select from pg_stat_activity where query = 'select pg_sleep(59)'`).toHaveLength(1),
    { timeout: 10_000 },
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  const made = () => resumed.sql`
    select n.nspname as schema, count(*)::int > 0 as functions from pg_proc join pg_namespace n on n.oid = pronamespace
    where n.nspname in ('umpire', 'umpire_jobs') group by 1 order by 1`;
  expect(await pendingMigrations(resumed, { folder: ours })).toHaveLength(idx);
  expect(await made()).toEqual([]);
  const [applied, others] = await Promise.all([
    migrate({ url: resumed.url, folder: ours, log }),
    migrate({ url: resumed.url, folder: ours, log }),
  ]);
  expect([...applied, ...others]).toHaveLength(idx);
  expect(await made()).toEqual([
    { schema: "umpire", functions: true },
    { schema: "umpire_jobs", functions: true },
  ]);
});

test("[DATA13] a migration that fails leaves nothing of itself, nor of those before it", async () => {
  const broken = await aFolder(["0000_first", "create table half (value int)"], ["0001_broken", "select 1 / 0"]);
  await expect(migrate({ url: refused.url, folder: broken, log })).rejects.toMatchObject({ cause: { code: "22012" } });
  expect(await hasTable(refused, "half")).toBe(false);
});

test("[DATA14] a database that has moved on is refused by an older process, and by no other", async () => {
  const needed = SCHEMA_VERSION + 1;
  await migrated.sql`update umpire.compatibility set min_compatible = ${needed}`;
  const tooNew = `too new for this version of Umpire: it needs schema version ${needed} or later, and this one knows ${SCHEMA_VERSION}`;
  await expect(requireCompatible(migrated)).rejects.toThrow(tooNew);
  await expect(migrate({ url: migrated.url, folder: ours, log })).rejects.toThrow(tooNew);
  const newer = { url: migrated.url, folder: ours, log, schemaVersion: needed };
  expect(await migrate(newer)).toEqual([]);
  await migrated.sql`insert into umpire.migrations (hash, created_at) values ('of a newer version', ${2 ** 42})`;
  await expect(migrate(newer)).resolves.toEqual([]);
  await expect(migrated.sql`insert into umpire.compatibility values (false, 1)`).rejects.toThrow(
    "compatibility_one_row",
  );
});

test("[DATA14] a migration that was edited after it was applied, or that would be passed over, is refused", async () => {
  const first = await aFolder(["0000_a", "select 1"], ["0001_b", "select 2", 10]);
  expect(await migrate({ url: refused.url, folder: first, log })).toEqual(["0000_a", "0001_b"]);
  const edited = await aFolder(["0000_a", "select 'other'"], ["0001_b", "select 2", 10]);
  await expect(migrate({ url: refused.url, folder: edited, log })).rejects.toThrow("0000_a was edited");
  const merged = await aFolder(
    ["0000_a", "select 1"],
    ["0001_c", "create table late ()", 5],
    ["0002_b", "select 2", 10],
  );
  await expect(migrate({ url: refused.url, folder: merged, log })).rejects.toThrow("0001_c is older than one");
  expect(await hasTable(refused, "late")).toBe(false);
  const next = await aFolder(
    ["0000_a", "select 1"],
    ["0001_b", "select 2", 10],
    ["0002_c", "create table late ()", 11],
  );
  expect(await pendingMigrations(refused, { folder: next })).toEqual(["0002_c"]);
  expect(await migrate({ url: refused.url, folder: next, log })).toEqual(["0002_c"]);
});
