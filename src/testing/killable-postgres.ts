import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnPostgres, startOwnPostgres } from "../platform/dev-services.ts";
import { createLog } from "../platform/log.ts";
import { startGuard } from "./postgres.ts";

/** A Postgres that a test may kill: what it has acknowledged, it has written down. */
export interface KillablePostgres {
  /** Stays the same over kills and starts. */
  readonly url: string;
  /** `kill -9` of the server and of everything that it has started. Returns when they are dead. */
  kill(): Promise<void>;
  /** Starts it again, on what it has written down. Returns when it accepts connections. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** In a temporary folder under `parent`, which goes with this process however it ends. */
export async function startKillablePostgres(parent: string = tmpdir()): Promise<KillablePostgres> {
  const folder = await mkdtemp(join(parent, "umpire-chaos-"));
  const guard = startGuard(folder);
  // Root's server runs as nobody, who has to get through.
  await chmod(folder, 0o711);
  const log = createLog({ level: "silent" });
  const start = () => startOwnPostgres({ folder, fsync: true, log });
  const users: OwnPostgres[] = [await start()];
  return {
    url: users[0]?.url ?? "",
    async kill() {
      const [pid = ""] = (await readFile(join(folder, "pg/data/postmaster.pid"), "utf8")).split("\n");
      // Stopped first: a backend that it began between being asked and being killed would outlive it, and keep the next one out.
      signal(Number(pid), "SIGSTOP");
      const backends = childrenOf(Number(pid));
      for (const victim of [Number(pid), ...backends]) signal(victim, "SIGKILL");
      while ([Number(pid), ...backends].some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async start() {
      users.push(await start());
    },
    async stop() {
      for (const user of users) await user.stop();
      await rm(folder, { recursive: true, force: true });
      guard.stdin?.end();
    },
  };
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return rows.flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []));
}

function signal(pid: number, name: "SIGKILL" | "SIGSTOP"): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is dead already.
  }
}

/** A process whose parent was killed stays in the table as Z until somebody takes note; it does not run. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.trim().startsWith("Z");
}
