import { join } from "node:path";
import { z } from "zod";
import { createSystemClock } from "./platform/clock.ts";
import type { Config } from "./platform/config.ts";
import { type Database, databaseNowMs, openDatabase } from "./platform/database.ts";
import { developmentSecret } from "./platform/dev-secret.ts";
import { startOwnPostgres } from "./platform/dev-services.ts";
import { AppError, createErrorTranslator } from "./platform/errors.ts";
import { createRoutes, type Route, route } from "./platform/http.ts";
import { createIds } from "./platform/ids.ts";
import type { Log } from "./platform/log.ts";
import { createMetrics, listenForMetrics } from "./platform/metrics.ts";
import { migrate, pendingMigrations } from "./platform/migrations.ts";
import { cryptoRandom } from "./platform/random.ts";
import { createRateLimit } from "./platform/rate-limit.ts";
import { Activity, catchStrays } from "./realtime/activity.ts";
import type { Pages } from "./realtime/front-door.ts";
import { createGameServer, type RoomTable } from "./realtime/game-server.ts";
import { createLiveSessions } from "./realtime/live-sessions.ts";
import { startWatchdog } from "./realtime/watchdog.ts";
import { accountsRoutes } from "./services/accounts/routes.ts";
import { progressionRoutes } from "./services/progression/routes.ts";
import { type Catalogue, createServices } from "./services/services.ts";

/** The framework's own history of the database; a studio's lies beside it. */
const MIGRATIONS = join(import.meta.dirname, "../migrations");

/** How often sessions that expired unseen are removed, and their sockets closed. */
const SWEEP_MS = 10 * 60_000;

interface AppParts {
  readonly rooms: RoomTable;
  readonly catalogue: Catalogue;
  readonly config: Config;
  readonly log: Log;
  /** Serves the game's pages. Without it the app is API and rooms only. */
  readonly pages?: Pages;
}

export interface App {
  readonly port: number;
  readonly metricsPort: number;
  /** Lets matches end, then stops everything in reverse. */
  stop(): Promise<void>;
}

/** The whole server, from the ground up. Nothing in it knows the game: rooms and catalogue are given. */
export async function createApp({ rooms, catalogue, config, log, pages = noPages }: AppParts): Promise<App> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    const url = config.DATABASE_URL ?? (await ownPostgres(config, log, stops));
    const secret = config.SERVER_SECRET ?? (await developmentSecret(config.DATA_DIR));
    await migrate({ url, folder: MIGRATIONS, log });
    const database = openDatabase({ url, log });
    stops.push(database.close);

    const clock = createSystemClock(await databaseNowMs(database));
    const random = cryptoRandom;
    const ids = createIds({ clock, random });
    const metrics = createMetrics();
    const watchdog = startWatchdog({ clock, log, metrics });
    stops.push(watchdog.stop);
    const activity = new Activity(watchdog.show);
    const removeNet = catchStrays({ activity, log });
    stops.push(async () => removeNet());
    const translate = createErrorTranslator({ ids, log });
    const services = createServices({ db: database.db, clock, ids, random, log, secret, config, catalogue });

    const stopSweeping = clock.every(SWEEP_MS, () => {
      services.accounts.endExpiredSessions().catch((err: unknown) => log.error({ err }, "accounts.sweep_failed"));
    });
    stops.push(async () => stopSweeping());

    const liveSessions = createLiveSessions({ clock });
    services.accounts.onSessionEnded(liveSessions.end);
    const isProduction = config.NODE_ENV === "production";
    const routes = [
      ...healthRoutes(database, () => game.isDraining()),
      ...accountsRoutes(services.accounts, { isProduction }),
      ...progressionRoutes(services.progression),
    ];
    const principalOf = services.accounts.principalOf;
    const game = createGameServer({
      rooms,
      region: config.REGION,
      router: createRoutes(routes, { principalOf, rateLimit: createRateLimit(), translate, metrics }),
      pages,
      services,
      supplies: {
        clock,
        random,
        ids,
        log,
        metrics,
        translate,
        activity,
        liveSessions,
        secret,
        tickets: services.accounts.tickets,
        botFill: config.BOT_FILL,
        reconnectSeconds: config.RECONNECT_SECONDS,
        drainSeconds: config.DRAIN_SECONDS,
      },
    });

    const metricsListener = await listenForMetrics(metrics, { host: config.METRICS_HOST, port: config.METRICS_PORT });
    stops.push(metricsListener.stop);
    const { port } = await game.listen({ host: config.HOST, port: config.PORT });
    stops.push(game.stop);
    return { port, metricsPort: metricsListener.port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ownPostgres(config: Config, log: Log, stops: (() => Promise<void>)[]): Promise<string> {
  const own = await startOwnPostgres({ folder: config.DATA_DIR, fsync: true, log });
  stops.push(own.stop);
  return own.url;
}

/** Brings the database up to date and leaves, for deployments that do so in a step of their own. */
export async function migrateDatabase(config: Config, log: Log): Promise<void> {
  const stops: (() => Promise<void>)[] = [];
  const url = config.DATABASE_URL ?? (await ownPostgres(config, log, stops));
  await migrate({ url, folder: MIGRATIONS, log }).finally(() => Promise.all(stops.map((stop) => stop())));
}

const noPages: Pages = (_request, _response, next) => next();

const ok = z.strictObject({ ok: z.literal(true) });

/** Alive: the process answers. Ready: it should get players. A load balancer asks for the second. */
function healthRoutes(database: Database, isDraining: () => boolean): Route[] {
  const limit = { count: 600, perSeconds: 60 };
  return [
    route({ method: "GET", path: "/healthz", role: "anyone", limit, reply: ok }, async () => ({ ok: true as const })),
    route({ method: "GET", path: "/readyz", role: "anyone", limit, reply: ok }, async () => {
      if (isDraining()) throw new AppError("UNAVAILABLE", { reason: "draining" });
      const pending = await pendingMigrations(database, { folder: MIGRATIONS }).catch((cause: unknown) => {
        throw new AppError("UNAVAILABLE", { reason: "database" }, cause);
      });
      if (pending.length > 0) throw new AppError("UNAVAILABLE", { reason: "migrations" });
      return { ok: true as const };
    }),
  ];
}
