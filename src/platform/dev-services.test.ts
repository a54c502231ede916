import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, afterEach, expect, onTestFinished, test, vi } from "vitest";
import { connect } from "./database.ts";
import { type OwnPostgres, startOwnPostgres } from "./dev-services.ts";
import { createLog } from "./log.ts";

const log = createLog({ level: "silent" });
const scratch = await mkdtemp(join(tmpdir(), "umpire-own-"));
const prepared = await anEmptyFolder();
await (await startOwnPostgres({ folder: prepared, fsync: false, log })).stop();
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** A folder closed to other users, as a home is, so that root's server runs in a user namespace where there are any. */
function anEmptyFolder(): Promise<string> {
  return mkdtemp(join(scratch, "data-"));
}

/** The same with a server's files in it, copied because that is quicker than making them. */
async function aFolder(): Promise<string> {
  const folder = await anEmptyFolder();
  await promisify(execFile)("cp", ["-a", join(prepared, "pg"), folder]);
  return folder;
}

async function start(folder: string, { fsync = false } = {}): Promise<OwnPostgres> {
  const own = await startOwnPostgres({ folder, fsync, log });
  stops.push(own.stop);
  return own;
}

async function query<T extends object>(url: string, statement: string): Promise<T[]> {
  const sql = connect(url, { max: 1 });
  return sql.unsafe<T[]>(statement).finally(() => sql.end());
}

const isUp = (url: string) =>
  query(url, "select 1").then(
    () => true,
    () => false,
  );

const postmasterFile = (folder: string) => join(folder, "pg", "data", "postmaster.pid");

async function postmasterPid(folder: string): Promise<number> {
  return Number.parseInt(await readFile(postmasterFile(folder), "utf8"), 10);
}

interface Neighbour {
  process: ChildProcess;
  url: string;
  shared: boolean;
  /** Ends as an Umpire does: stops what it started. */
  leave(): Promise<void>;
  kill(): Promise<void>;
}

/** Another Umpire: a process that starts the server of a folder and says so, until its standard input ends. */
async function aNeighbour(folder: string): Promise<Neighbour> {
  const code = `
    import { startOwnPostgres } from "${import.meta.resolve("./dev-services.ts")}";
    import { createLog } from "${import.meta.resolve("./log.ts")}";
    const log = createLog({ level: "silent" });
    const { url, shared, stop } = await startOwnPostgres({ folder: process.argv[1], fsync: false, log });
    console.log(JSON.stringify({ url, shared }));
    process.stdin.resume().on("end", stop);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code, folder]);
  child.stderr.pipe(process.stderr);
  const exit = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(createInterface(child.stdout), "line");
  return {
    process: child,
    ...JSON.parse(line),
    async leave() {
      child.stdin.end();
      await exit;
    },
    async kill() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

test("[DATA1] S40: a server starts in an empty folder, keeps what was written, and is open to nobody else", async () => {
  const folder = await anEmptyFolder();
  const first = await start(folder);
  expect(first.shared).toBe(false);
  await query(first.url, "create table kept (value int)");
  await query(first.url, "insert into kept values (7)");
  expect(await query(first.url, "select current_setting('listen_addresses') as open")).toEqual([{ open: "" }]);
  expect((await stat(join(folder, "pg"))).mode & 0o777).toBe(0o700);
  await first.stop();
  expect(await isUp(first.url)).toBe(false);
  await expect(stat(postmasterFile(folder))).rejects.toThrow("ENOENT");

  const second = await start(folder);
  expect(await query(second.url, "select value from kept")).toEqual([{ value: 7 }]);
  expect(await query(second.url, "select lower('ÄÖ') as text")).toEqual([{ text: "äö" }]);
});

test("[DATA1] S40: a folder whose path is too long for a socket has its socket in a short folder, gone after the stop", async () => {
  const folder = join(await anEmptyFolder(), "long".repeat(30));
  await cp(prepared, folder, { recursive: true });
  const own = await start(folder);
  const socketFolder = decodeURIComponent(new URL(own.url).hostname);
  expect(socketFolder).not.toContain("long");
  expect((await stat(socketFolder)).mode & 0o777).toBe(0o700);
  expect(await isUp(own.url)).toBe(true);
  await own.stop();
  await expect(stat(socketFolder)).rejects.toThrow("ENOENT");
});

test("[DATA2] a server left behind by a killed Umpire is joined, with all that was committed", async () => {
  const folder = await aFolder();
  const killed = await aNeighbour(folder);
  await query(killed.url, "create table kept (value int)");
  const pid = await postmasterPid(folder);
  await killed.kill();

  const own = await start(folder);
  expect(own.shared).toBe(false);
  expect(await postmasterPid(folder)).toBe(pid);
  expect(await query(own.url, "select * from kept")).toEqual([]);
  await own.stop();
  expect(await isUp(own.url)).toBe(false);
});

test("[DATA2] a server that was itself killed is replaced, with all that was committed", async () => {
  const folder = await aFolder();
  const first = await start(folder, { fsync: true });
  await query(first.url, "create table kept (value int)");
  process.kill(await postmasterPid(folder), "SIGKILL");
  await first.stop();

  const second = await start(folder);
  expect(await query(second.url, "select * from kept")).toEqual([]);
});

test("[DATA2] a server whose socket was deleted is stopped and replaced", async () => {
  const folder = await aFolder();
  const first = await aNeighbour(folder);
  await first.kill();
  const pid = await postmasterPid(folder);
  await rm(join(decodeURIComponent(new URL(first.url).hostname), ".s.PGSQL.5432"));

  const second = await start(folder);
  expect(await isUp(second.url)).toBe(true);
  expect(await postmasterPid(folder)).not.toBe(pid);
});

test("[DATA3] a second Umpire on the folder shares the server, and the last one out stops it", async () => {
  const folder = await aFolder();
  const neighbour = await aNeighbour(folder);
  expect(neighbour.shared).toBe(false);
  const own = await start(folder);
  expect(own.shared).toBe(true);
  await neighbour.leave();
  expect(await isUp(own.url)).toBe(true);

  const third = await aNeighbour(folder);
  expect(third.shared).toBe(true);
  await own.stop();
  expect(await isUp(third.url)).toBe(true);
  await third.leave();
  expect(await isUp(third.url)).toBe(false);
});

test("[DATA3] users are still counted after the server has lost all its connections", async () => {
  const folder = await aFolder();
  const first = await start(folder);
  const second = await start(folder);
  const present = "from pg_stat_activity where application_name = 'umpire presence'";
  await query(first.url, `select pg_terminate_backend(pid) ${present}`);
  await vi.waitFor(async () => {
    const held = "select count(*)::int as held from pg_locks where locktype = 'advisory' and objid = 1 and granted";
    expect(await query(first.url, held)).toEqual([{ held: 2 }]);
  });
  await first.stop();
  expect(await isUp(second.url)).toBe(true);
  await second.stop();
  expect(await isUp(second.url)).toBe(false);
});

test("[DATA4] Umpires that start at one instant in an empty folder share one server, and leave nothing half made", async () => {
  const folder = await anEmptyFolder();
  const all = await Promise.all([start(folder), start(folder), aNeighbour(folder)]);
  await query(all[0].url, "create table one (value int)");
  for (const { url } of all) expect(await query(url, "select * from one")).toEqual([]);
  expect((await readdir(join(folder, "pg"))).filter((name) => name.startsWith("new-"))).toEqual([]);
  await all[2].leave();
});

test("[DATA4] one that starts while the other stops gets a server that stays", async () => {
  const folder = await aFolder();
  let last = await start(folder);
  for (let turn = 0; turn < 3; turn++) {
    const [, next] = await Promise.all([last.stop(), start(folder)]);
    expect(await isUp(next.url)).toBe(true);
    last = next;
  }
});

test("[DATA5] the file of a server that is no more does not block the start, whoever has its number by now", async () => {
  const folder = await aFolder();
  const first = await start(folder);
  await copyFile(postmasterFile(folder), join(folder, "stale"));
  await first.stop();
  const stale = (await readFile(join(folder, "stale"), "utf8")).split("\n");
  const aProgram = spawn("sleep", ["60"]);
  onTestFinished(() => void aProgram.kill());

  for (const pid of [2 ** 22 + 1, aProgram.pid, process.pid]) {
    await writeFile(postmasterFile(folder), [pid, ...stale.slice(1)].join("\n"));
    const next = await start(folder);
    expect(await isUp(next.url)).toBe(true);
    await next.stop();
  }
  expect(aProgram.exitCode).toBe(null);
});

test("[DATA5] a copy of a folder that is in use gets a server of its own", async () => {
  const folder = await aFolder();
  const original = await start(folder);
  const copy = await aFolder();
  await copyFile(postmasterFile(folder), postmasterFile(copy));

  const own = await start(copy);
  expect(own.shared).toBe(false);
  await query(own.url, "create table elsewhere (value int)");
  await expect(query(original.url, "select * from elsewhere")).rejects.toThrow("does not exist");
});

test("[DATA6] where no server can run the message says why, and to set DATABASE_URL", async () => {
  const folder = await aFolder();
  await (await start(folder)).stop();
  await writeFile(join(folder, "pg", "data", "PG_VERSION"), "9\n");
  await expect(startOwnPostgres({ folder, fsync: false, log })).rejects.toThrow(
    /incompatible with server[\s\S]*Set DATABASE_URL/,
  );
});
