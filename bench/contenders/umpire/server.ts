import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { catalogue } from "../../../rooms/catalogue/index.ts";
import { createApp } from "../../../src/app.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { startOwnPostgres } from "../../../src/platform/dev-services.ts";
import { createLog } from "../../../src/platform/log.ts";
import { serveContender } from "../contender.ts";
import { engineTruth } from "../engine-truth.ts";
import { walkRoom } from "./room.ts";

/** Umpire as it runs in production, with a Postgres of its own that keeps what it says it has kept. */
const folder = await mkdtemp(join(tmpdir(), "umpire-bench-"));
// Root's server runs as nobody, who has to get through.
await chmod(folder, 0o711);
const silent = createLog({ level: "silent" });
const postgres = await startOwnPostgres({ folder, fsync: true, log: silent });
const removeDatabase = async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
};

const config = readConfig({
  ...process.env,
  NODE_ENV: "production",
  PORT: "0",
  METRICS_PORT: "0",
  DATABASE_URL: postgres.url,
  SERVER_SECRET: "only-for-benchmarks-only-for-benchmarks",
  DATA_DIR: folder,
  DRAIN_SECONDS: "0",
});
const log = createLog({ level: config.LOG_LEVEL });
const filters = () => z.strictObject({});
const rooms = { room16: { room: walkRoom(16), filters }, room64: { room: walkRoom(64), filters } };
const app = await createApp({ rooms, catalogue, config, log }).catch(async (error: unknown) => {
  await removeDatabase();
  throw error;
});
const [postmaster = ""] = (await readFile(join(folder, "pg/data/postmaster.pid"), "utf8")).split("\n");

serveContender({
  port: app.port,
  companions: [Number(postmaster)],
  truth: engineTruth,
  async stop() {
    await app.stop();
    await removeDatabase();
  },
});
