import { z } from "zod";
import { catalogue } from "../../../rooms/catalogue/index.ts";
import { createApp } from "../../../src/app.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { createLog } from "../../../src/platform/log.ts";
import { startOwnDatabase } from "../../own-database.ts";
import { serveContender } from "../contender.ts";
import { engineTruth } from "../engine-truth.ts";
import { walkRoom } from "./room.ts";

/** Umpire as it runs in production, with a Postgres of its own, or of several such processes, that keeps what it says it has kept. */
const shared = process.env["BENCH_DATABASE_URL"];
const database = shared === undefined ? await startOwnDatabase() : null;
const config = readConfig({
  ...process.env,
  NODE_ENV: "production",
  PORT: process.env["BENCH_PORT"] ?? "0",
  METRICS_PORT: "0",
  DATABASE_URL: database?.url ?? shared,
  SERVER_SECRET: "only-for-benchmarks-only-for-benchmarks",
  ...(database !== null && { DATA_DIR: database.folder }),
  DRAIN_SECONDS: "0",
});
const log = createLog({ level: config.LOG_LEVEL });
const filters = () => z.strictObject({});
const rooms = { room16: { room: walkRoom(16), filters }, room64: { room: walkRoom(64), filters } };
const app = await createApp({ rooms, catalogue, config, log }).catch(async (error: unknown) => {
  await database?.remove();
  throw error;
});

serveContender({
  port: app.port,
  companions: database === null ? [] : [database.pid],
  truth: engineTruth,
  async stop() {
    await app.stop();
    await database?.remove();
  },
});
