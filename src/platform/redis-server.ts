import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

/** A Redis of our own, for development and tests. It keeps nothing over its end unless it is told to. */
export interface OwnRedis {
  /** For `openRedis`: a unix socket in a folder closed to other users. */
  readonly url: string;
  readonly pid: number;
  /** Settled once it no longer runs, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

export interface OwnRedisOptions {
  /** Where programs are kept that had to be fetched. */
  readonly cacheFolder: string;
  /** Of the server's settings, those that differ from ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Its own folder; by default a new one that goes with it. */
  readonly folder?: string;
  /** Whether its folder goes with it: by default the one that was made for it. */
  readonly isFolderRemoved?: boolean;
}

/** How to run the server: whichever of Redis and Valkey there is. */
export interface RedisProgram {
  readonly path: string;
  readonly environment: NodeJS.ProcessEnv;
}

const run = promisify(execFile);
const PACKAGES = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1"];
const FETCH_MS_MAX = 60_000;
const START_MS_MAX = 10_000;
const POLL_MS = 5;

/**
 * Finds a server on PATH, or on Debian fetches the packages and unpacks them into the cache, which needs no right to
 * install anything. Fails with what to do instead.
 */
export async function findRedisProgram(cacheFolder: string): Promise<RedisProgram> {
  const installed = await run("sh", ["-c", "command -v redis-server || command -v valkey-server"]).catch(() => null);
  if (installed !== null) return { path: installed.stdout.trim(), environment: {} };
  const unpacked = resolve(cacheFolder, `debian-${process.arch}`);
  if (!existsSync(unpacked)) await fetchPackages(resolve(cacheFolder), unpacked);
  const libraries = (await readdir(join(unpacked, "usr/lib"))).map((name) => join(unpacked, "usr/lib", name));
  const program = {
    path: join(unpacked, "usr/bin/redis-server"),
    environment: { LD_LIBRARY_PATH: libraries.join(":") },
  };
  await run(program.path, ["--version"], { env: program.environment }).catch((thrown: unknown) => {
    throw unusable(`the one in ${unpacked} does not run.`, thrown);
  });
  return program;
}

/** Starts a server that ends with this process, however that ends, kill -9 included. Returns when it answers. */
export async function startOwnRedis({ cacheFolder, settings = {}, ...given }: OwnRedisOptions): Promise<OwnRedis> {
  const program = await findRedisProgram(cacheFolder);
  const folder = given.folder ?? (await mkdtemp(join(tmpdir(), "umpire-redis-")));
  const { isFolderRemoved = given.folder === undefined } = given;
  const socket = join(folder, "redis.sock");
  // What a killed one has left there would look like one that listens.
  await rm(socket, { force: true });
  const logfile = join(folder, "redis.log");
  const all = { port: "0", unixsocket: socket, unixsocketperm: "700", dir: folder, save: "", logfile, ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  // A process group of its own: Ctrl-C in a terminal is for Umpire.
  const child = spawn(program.path, args, {
    env: program.environment,
    detached: true,
    stdio: "ignore",
  });
  const ended = new Promise<void>((settle) => child.once("exit", () => settle()).once("error", () => settle()));
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  const guard = startGuard(child.pid ?? 0, isFolderRemoved ? folder : null);
  child.unref();
  // Its number may soon be somebody else's: whoever would end it by that goes as well.
  void ended.then(() => guard.kill("SIGKILL"));
  const stop = async () => {
    child.kill("SIGKILL");
    // Whoever has nothing else to wait for waits for this.
    child.ref();
    await ended;
    if (isFolderRemoved) await rm(folder, { recursive: true, force: true });
  };
  const deadline = AbortSignal.timeout(START_MS_MAX);
  while (!existsSync(socket)) {
    if (hasEnded || deadline.aborted) {
      const words = await readFile(logfile, "utf8").catch(() => "");
      await stop();
      throw unusable(`it did not start.\n${words.slice(-2000)}`);
    }
    await pause(POLL_MS);
  }
  return { url: `unix://${socket}`, pid: child.pid ?? 0, ended, stop };
}

const GUARD = `
  read -r nothing
  kill -9 "$1"
  [ -z "$2" ] || rm -rf "$2"
`;

/** Waits for this process to end, and leaves neither the server nor a folder that was made for it behind. */
function startGuard(pid: number, folder: string | null) {
  const args = ["-c", GUARD, "guard", String(pid), folder ?? ""];
  const guard = spawn("sh", args, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  guard.unref();
  return guard;
}

/** Fetched beside its place and moved there when complete: of two that do so at once, one finds the other's. */
async function fetchPackages(cacheFolder: string, place: string): Promise<void> {
  await mkdir(cacheFolder, { recursive: true });
  const fresh = await mkdtemp(join(cacheFolder, "new-"));
  const options = { cwd: fresh, timeout: FETCH_MS_MAX };
  const download = () => run("apt-get", ["download", "-q", ...PACKAGES], options);
  try {
    // On a fresh machine there are no lists of packages yet, and only root may fetch them.
    await download().catch(async (thrown: unknown) => {
      if (process.getuid?.() !== 0) throw thrown;
      await run("apt-get", ["update", "-q"], options);
      await download();
    });
    const unpacked = join(fresh, "unpacked");
    for (const name of (await readdir(fresh)).filter((file) => file.endsWith(".deb")))
      await run("dpkg", ["-x", name, unpacked], options);
    await rename(unpacked, place).catch((thrown: unknown) => {
      if (!existsSync(place)) throw thrown;
    });
  } catch (thrown) {
    throw unusable("there is none on PATH, and its packages cannot be fetched.", thrown);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

function unusable(reason: string, cause?: unknown): Error {
  const message = `Umpire cannot start a Redis here: ${reason}
Set REDIS_URL to use one of yours, or install redis-server or valkey-server.`;
  return new Error(message, { cause });
}
