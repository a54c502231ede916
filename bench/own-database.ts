import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startOwnPostgres } from "../src/platform/dev-services.ts";
import { createLog } from "../src/platform/log.ts";

export interface OwnDatabase {
  readonly url: string;
  /** For whoever needs a folder that goes with the database. */
  readonly folder: string;
  /** The server's process, from which all others of it descend. */
  readonly pid: number;
  /** Stops the server and removes all that it has stored. */
  remove(): Promise<void>;
}

/** A Postgres as in production, which keeps what it says it has kept, in a folder of its own. */
export async function startOwnDatabase(): Promise<OwnDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "umpire-bench-"));
  // Root's server runs as nobody, who has to get through.
  await chmod(folder, 0o711);
  const postgres = await startOwnPostgres({ folder, fsync: true, log: createLog({ level: "silent" }) });
  const [postmaster = ""] = (await readFile(join(folder, "pg/data/postmaster.pid"), "utf8")).split("\n");
  return {
    url: postgres.url,
    folder,
    pid: Number(postmaster),
    async remove() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
