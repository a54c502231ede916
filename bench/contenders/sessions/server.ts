import { z } from "zod";
import { createApp } from "../../../src/app.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { route } from "../../../src/platform/http.ts";
import { createLog } from "../../../src/platform/log.ts";
import { startOwnDatabase } from "../../own-database.ts";
import { serveContender } from "../contender.ts";

/** Umpire as it runs in production, with two routes that do nothing: one for anyone, and one for players. */
const database = await startOwnDatabase();
const config = readConfig({
  ...process.env,
  NODE_ENV: "production",
  PORT: "0",
  METRICS_PORT: "0",
  DATABASE_URL: database.url,
  SERVER_SECRET: "only-for-benchmarks-only-for-benchmarks",
  DATA_DIR: database.folder,
  DRAIN_SECONDS: "0",
});
const log = createLog({ level: config.LOG_LEVEL });
const catalogue = { levels: { base: 100, growth: 50, max: 100 } };
const limit = { count: 1_000_000_000, perSeconds: 60 };
const reply = z.strictObject({ ok: z.literal(true) });
const nothing = async () => ({ ok: true }) as const;
const routes = [
  route({ method: "GET", path: "/api/bench/bare", role: "anyone", limit, reply }, nothing),
  route({ method: "GET", path: "/api/bench/checked", role: "player", limit, reply }, nothing),
];
const app = await createApp({ rooms: {}, catalogue, routes, config, log }).catch(async (error: unknown) => {
  await database.remove();
  throw error;
});

serveContender({
  port: app.port,
  companions: [database.pid],
  truth: async () => ({}),
  async stop() {
    await app.stop();
    await database.remove();
  },
});
