import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whether pgbench is on this machine; as root on Debian it is installed. Says how to get it where it is not. */
export function findPgbench(): string | null {
  if (isThere()) return null;
  try {
    execFileSync("apt-get", ["install", "-y", "-qq", "postgresql-client", "postgresql-contrib"], { stdio: "ignore" });
  } catch {
    // Said below.
  }
  return isThere() ? null : "pgbench is not there: install Postgres's own tools (Debian: postgresql-contrib)";
}

function isThere(): boolean {
  try {
    execFileSync("pgbench", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

interface Pgbench {
  readonly host: string;
  readonly port: string;
  readonly user: string;
  readonly database: string;
}

/** Runs a script with so many connections for so long; returns its transactions a second. */
export async function pgbench(
  { host, port, user, database }: Pgbench,
  { file, clients, seconds }: { file: string; clients: number; seconds: number },
): Promise<number> {
  const place = ["-h", host, "-p", port, "-U", user];
  const load = ["-n", "-M", "prepared", "-c", String(clients), "-j", "1", "-T", String(seconds), "-f", file];
  const { stdout } = await run("pgbench", [...place, ...load, database]);
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
  if (tps === undefined) throw new Error(`pgbench said: ${stdout}`);
  return Number(tps);
}
