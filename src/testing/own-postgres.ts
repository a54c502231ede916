import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The process of the Postgres that a server has started in its data folder. */
export async function postmasterPid(folder: string): Promise<number> {
  const lines = (await readFile(join(folder, "pg/data/postmaster.pid"), "utf8")).split("\n");
  return Number(lines[0]);
}

/** A process whose parent was killed stays in the table as Z until somebody takes note; it does not run. */
export function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}
