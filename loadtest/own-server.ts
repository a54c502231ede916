import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface OwnServer {
  readonly endpoint: string;
  readonly loadtestKey: string;
  /** Of its process, or of the supervisor that says where those of its processes are. */
  readonly metricsUrls: readonly string[];
  /** The processes that play, without the database; empty for several, which only their metrics know. */
  readonly pids: readonly number[];
  /** Ends the server and its database and removes what it has stored. May be called twice. */
  stop(): Promise<void>;
}

export interface OwnServerOptions {
  /** Processes that share its port. */
  readonly processes?: number;
  /** The program, where it is not the game's own. */
  readonly file?: string;
  /** Over the server's own settings, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const MAIN = join(import.meta.dirname, "../src/main.ts");
const PREFLIGHT = join(import.meta.dirname, "../src/preflight.mjs");
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;
const LINES_KEPT = 20;

/**
 * Starts a server as `npm start` would: free ports, a data folder and a Postgres of its own that are thrown away, limits as
 * in production. Only NODE_ENV is not production's, because there a server refuses to bring its own database. Nothing of
 * the environment's settings reaches it: a load test must never fill somebody's database.
 */
export async function startOwnServer(options: OwnServerOptions = {}): Promise<OwnServer> {
  const { processes = 1, file = MAIN, settings = {}, signal } = options;
  signal?.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), "umpire-loadtest-"));
  // Root's Postgres runs as nobody, who has to get through.
  await chmod(folder, 0o711);
  const loadtestKey = randomBytes(32).toString("base64url");
  const words = processes === 1 ? [] : ["--processes", String(processes)];
  const child = spawn(process.execPath, ["--import", PREFLIGHT, file, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    // A Ctrl-C is for the load test, which ends the server when it has heard everything.
    detached: true,
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOST: "127.0.0.1",
      PORT: "0",
      METRICS_PORT: "0",
      DATA_DIR: folder,
      LOADTEST_KEY: loadtestKey,
      DRAIN_SECONDS: "0",
      ...settings,
    },
  });
  const guard = startGuard(child.pid ?? 0, folder);
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopped ??= endServer(child, guard);
    return stopped;
  };
  try {
    const { port, metricsPort } = await readPorts(child, signal);
    return {
      endpoint: `http://127.0.0.1:${port}`,
      loadtestKey,
      metricsUrls: [`http://127.0.0.1:${metricsPort}/metrics`],
      pids: processes === 1 ? [child.pid ?? 0] : [],
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What the server's log says of its ports, in the lines that it writes anyway. */
interface LogLine {
  readonly msg?: string;
  readonly port?: number;
  readonly metricsPort?: number;
  /** A supervisor's, which comes before its port. */
  readonly summaryPort?: number;
}

async function readPorts(child: ChildProcess, signal: AbortSignal | undefined) {
  const lines: string[] = [];
  const found = Promise.withResolvers<{ port: number; metricsPort: number }>();
  let summaryPort: number | undefined;
  const read = (line: string) => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    if (!line.startsWith("{")) return;
    const { msg, port, metricsPort, ...others }: LogLine = JSON.parse(line);
    summaryPort ??= others.summaryPort;
    if (msg === "supervisor.ready" && port !== undefined) found.resolve({ port, metricsPort: summaryPort ?? 0 });
    // Of a supervisor's children each says that it is ready, and none of them is the server yet.
    if (msg !== "server.ready" || summaryPort !== undefined || port === undefined) return;
    found.resolve({ port, metricsPort: metricsPort ?? 0 });
  };
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on("line", read);
  const fail = (why: string) => found.reject(new Error(`${why}. It said last:\n${lines.join("\n")}`));
  const onExit = (code: number | null) => fail(`The server ended with code ${code} before it was ready`);
  const onAbort = () => found.reject(new Error("The run was called off while its server started."));
  child.once("exit", onExit);
  signal?.addEventListener("abort", onAbort);
  const timer = setTimeout(() => fail(`The server was not ready after ${READY_MS_MAX / 1000} s`), READY_MS_MAX);
  return found.promise.finally(() => {
    clearTimeout(timer);
    child.off("exit", onExit);
    signal?.removeEventListener("abort", onAbort);
  });
}

async function endServer(child: ChildProcess, guard: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await ended.finally(() => clearTimeout(timer));
  }
  // It also ends a Postgres whose server was killed, and removes the folder.
  const guarded = once(guard, "exit");
  guard.ref();
  guard.stdin?.end("ended\n");
  await guarded;
}

const GUARD = `
  read -r word
  if [ "$word" != ended ]; then
    kill -TERM "$1" 2>/dev/null
    for turn in $(seq 200); do kill -0 "$1" 2>/dev/null || break; sleep 0.05; done
    kill -KILL "$1" 2>/dev/null
  fi
  lock="$2/pg/data/postmaster.pid"
  [ -e "$lock" ] && kill -QUIT "$(head -n 1 "$lock")"
  for turn in $(seq 100); do [ -e "$lock" ] || break; sleep 0.05; done
  rm -rf "$2"
`;

/** Waits for this process to end, however it ends, kill -9 included, and leaves neither server nor database nor files. */
function startGuard(pid: number, folder: string): ChildProcess {
  const words = ["-c", GUARD, "guard", String(pid), folder];
  const guard = spawn("sh", words, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  guard.unref();
  return guard;
}
