import { createSecretKey } from "node:crypto";
import { join } from "node:path";
import type { ContentSource } from "../schema/content.ts";
import { type Cluster, openCluster } from "./cluster/cluster.ts";
import type { Connections } from "./cluster/processes/dealing.ts";
import { createClientAddress } from "./platform/client-address.ts";
import { createSystemClock } from "./platform/clock.ts";
import type { Config } from "./platform/config.ts";
import { openConfiguredPostgres } from "./platform/configured-postgres.ts";
import { openConfiguredRedis } from "./platform/configured-redis.ts";
import { armCrashPoint } from "./platform/crash-point.ts";
import { databaseNowMs, openDatabase } from "./platform/database.ts";
import { developmentSecret } from "./platform/dev-secret.ts";
import { createErrorTranslator } from "./platform/errors.ts";
import { healthRoutes } from "./platform/health-routes.ts";
import { createRoutes, type Route } from "./platform/http.ts";
import { createIds } from "./platform/ids.ts";
import { createJobs } from "./platform/jobs.ts";
import type { Log } from "./platform/log.ts";
import { createMail } from "./platform/mail.ts";
import { createMetrics, type Metrics } from "./platform/metrics.ts";
import { migrate } from "./platform/migrations.ts";
import { openApiRoute } from "./platform/openapi.ts";
import { runCommand } from "./platform/operator.ts";
import { createOperatorRoutes, type OperatorPorts, type OperatorRoute } from "./platform/operator-http.ts";
import { createOrigins } from "./platform/origins.ts";
import { listenPrivately } from "./platform/private-listener.ts";
import { cryptoRandom } from "./platform/random.ts";
import { createRateLimit } from "./platform/rate-limit.ts";
import type { Redis } from "./platform/redis.ts";
import { createSharedCounts } from "./platform/shared-counts.ts";
import { readTlsFiles } from "./platform/tls-files.ts";
import type { Pages } from "./realtime/door/front-door.ts";
import { createGameServer, type Door, type GameServer, type RoomTable } from "./realtime/game-server.ts";
import { Activity, catchStrays } from "./realtime/guard/activity.ts";
import { startWatchdog } from "./realtime/guard/watchdog.ts";
import { createLiveSessions } from "./realtime/live-sessions.ts";
import { roomRoutes } from "./realtime/matchmaking/room-routes.ts";
import { createWritePolicy } from "./realtime/sync/strict-writes.ts";
import { accountsCommands } from "./services/accounts/operator.ts";
import { startUpkeep } from "./services/accounts/upkeep.ts";
import { auditCommands } from "./services/audit/operator.ts";
import { operatorsCommands } from "./services/operators/operator.ts";
import { createProviders } from "./services/payments/providers.ts";
import { apiRoutes, operatorRoutesOf } from "./services/routes.ts";
import { createServices, type Services } from "./services/services.ts";
import { keepProperty } from "./services/upkeep.ts";

/** The framework's own history of the database; a studio's lies beside it. */
const MIGRATIONS = join(import.meta.dirname, "../migrations");

interface AppParts {
  readonly rooms: RoomTable;
  readonly catalogue: ContentSource;
  /** The game's own, beside the framework's. */
  readonly routes?: readonly Route[];
  readonly config: Config;
  readonly log: Log;
  /** Where connections come from, instead of a port of this process's own. */
  readonly connections?: Connections | null;
  /** Serves the game's pages. Without it the app is API and rooms only. */
  readonly pages?: Pages;
}

export interface App {
  readonly port: number;
  readonly metricsPort: number;
  /** Every route of the API as data: what it takes, who may call it, how often. */
  readonly routes: readonly Route[];
  /** Likewise every route of the private listener. */
  readonly operatorRoutes: readonly OperatorRoute[];
  /** Lets matches end, then stops everything in reverse. */
  stop(): Promise<void>;
  /** For a process that ends without that: leaves the own Postgres, which stops unless others use it. */
  abandon(): Promise<void>;
}

/** The whole server, from the ground up. Nothing in it knows the game: rooms and catalogue are given. */
export async function createApp(parts: AppParts): Promise<App> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    return { ...(await start(parts, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A straight line, from what needs nothing to what needs everything before it. */
async function start(
  { rooms, catalogue, routes: own = [], config, log, pages = noPages, connections = null }: AppParts,
  stops: (() => Promise<void>)[],
): Promise<Omit<App, "stop">> {
  armCrashPoint(config);
  const metrics = createMetrics();
  const activity = watchOver({ log, metrics, stops });

  const { url, stop: abandon } = await openConfiguredPostgres(config, { log, stops });
  await migrate({ url, folder: MIGRATIONS, log });
  const parts = { catalogue, config, log, metrics, url, stops };
  const { database, redis, clock, ids, secret, jobs, services } = await openServices(parts);
  // Before any job runs: what is given refers to the version of the content.
  await services.catalogue.bring();
  stops.push(keepProperty({ db: database.db, services, jobs, clock, log }));
  await jobs.start();
  const translate = createErrorTranslator({ ids, log });

  const liveSessions = createLiveSessions({ clock });
  const { accounts } = services;
  accounts.onSessionEnded(liveSessions.end);
  stops.push(startUpkeep({ accounts, heldSessions: liveSessions.held, databaseUrl: url, clock, log }));
  const cluster = await openCluster({
    redis,
    secret,
    config,
    clock,
    random: cryptoRandom,
    log,
    metrics,
    stops,
    connections,
  });
  const isProduction = config.NODE_ENV === "production";
  const routes: readonly Route[] = [
    ...healthRoutes({ database, redis, migrations: MIGRATIONS }, () => game.isDraining()),
    ...(config.ROLE === "game"
      ? []
      : [...playerRoutes(services, cluster, { isProduction, game: () => game }), openApiRoute(() => routes), ...own]),
  ];
  const principalOf = services.accounts.principalOf;
  const rateLimit = createRateLimit({ shared: redis && createSharedCounts(redis, "players") });
  const game = createGameServer({
    rooms,
    cluster,
    region: config.REGION,
    routes: createRoutes(routes, { principalOf, rateLimit, translate, metrics }),
    pages: config.ROLE === "game" ? noPages : pages,
    services,
    door: { rateLimit, ...(await createDoor(config, log)) },
    supplies: {
      clock,
      random: cryptoRandom,
      ids,
      log,
      metrics,
      translate,
      activity,
      liveSessions,
      onWriteFault: createWritePolicy({ isProduction, clock, log, metrics }),
      secret: createSecretKey(Buffer.from(secret)),
      directory: cluster.directory,
      admit: services.accounts.admit,
      tickets: services.accounts.tickets,
      botFill: config.BOT_FILL,
      reconnectSeconds: config.RECONNECT_SECONDS,
      drainSeconds: config.DRAIN_SECONDS,
    },
  });

  const operatorRoutes = operatorRoutesOf(services);
  const privateListener = await listenForOperators(services, operatorRoutes, {
    ...{ config, translate, metrics, cluster, redis },
  });
  stops.push(privateListener.stop);
  const { port } = await game.listen({ host: config.HOST, port: config.PORT });
  stops.push(game.stop);
  return { port, metricsPort: privateListener.port, routes, operatorRoutes, abandon };
}

function playerRoutes(
  services: Services,
  cluster: Cluster,
  { isProduction, game }: { isProduction: boolean; game: () => GameServer },
): readonly Route[] {
  return [...apiRoutes(services, { isProduction }), ...cluster.routes, ...roomRoutes(() => game().publicRooms)];
}

/** Whoever blocks the loop is named, and what nobody catches is told of. */
function watchOver({ log, metrics, stops }: Pick<ServicesParts, "log" | "metrics" | "stops">): Activity {
  const watchdog = startWatchdog({ clock: createSystemClock(), log, metrics });
  stops.push(watchdog.stop);
  const activity = new Activity(watchdog.show);
  const removeNet = catchStrays({ activity, log });
  stops.push(async () => removeNet());
  return activity;
}

type PrivateParts = Pick<OperatorPorts, "translate" | "metrics"> & {
  readonly config: Config;
  readonly cluster: Cluster;
  readonly redis: Redis | null;
};

/** The listener for those who run the server, with allowances of its own. */
function listenForOperators(
  { audit, operators }: Services,
  routes: readonly OperatorRoute[],
  { config, translate, metrics, redis, cluster: { autoscale } }: PrivateParts,
) {
  const rateLimit = createRateLimit({ shared: redis && createSharedCounts(redis, "operators") });
  const { operatorOf } = operators;
  const ports = { operatorOf, perform: audit.perform, rateLimit, translate, metrics };
  return listenPrivately(
    { metrics, autoscale, routes: createOperatorRoutes(routes, ports), rateLimit, translate },
    { host: config.METRICS_HOST, port: config.METRICS_PORT },
  );
}

interface ServicesParts extends Pick<AppParts, "catalogue" | "config" | "log"> {
  readonly url: string;
  readonly metrics: Metrics;
  readonly stops: (() => Promise<void>)[];
}

/** What a server and an operator's command both stand on. */
async function openServices({ catalogue, config, log, metrics, url, stops }: ServicesParts) {
  const secret = config.SERVER_SECRET ?? (await developmentSecret(config.DATA_DIR));
  const database = openDatabase({ url, log });
  stops.push(database.close);
  const clock = createSystemClock(await databaseNowMs(database));
  const random = cryptoRandom;
  const ids = createIds({ clock, random });
  const jobs = createJobs({ db: database.db, url, log, clock, metrics });
  stops.push(jobs.stop);
  const isProduction = config.NODE_ENV === "production";
  const mail = createMail({ smtpUrl: config.SMTP_URL, from: config.MAIL_FROM, isProduction, clock, random, log });
  stops.push(mail.stop);
  const providers = await createProviders({ config, secret, clock });
  const given = { clock, ids, random, log, mail, metrics, secret, config, catalogue, providers };
  const redis = await openConfiguredRedis(config, { clock, log, metrics, stops });
  const services = createServices({ db: database.db, redis, jobs, ...given });
  stops.push(services.leaderboards.stop);
  return { database, redis, clock, ids, secret, jobs, services };
}

/** A browser opens up to six connections beside its socket, and closes them a few seconds later. */
const CONNECTIONS_PER_SOCKET = 8;

/** Who may come in, from where, and by which protocol. */
async function createDoor(config: Config, log: Log): Promise<Omit<Door, "rateLimit">> {
  const { LOADTEST_KEY, PUBLIC_URL } = config;
  if (LOADTEST_KEY !== null) log.warn({}, "loadtest.allowed");
  const tls = await readTlsFiles(config);
  return {
    tls,
    isHttps: tls !== null || PUBLIC_URL?.startsWith("https:") === true,
    clientAddress: createClientAddress({ trustedProxies: config.TRUSTED_PROXIES, loadtestKey: LOADTEST_KEY }),
    origins: createOrigins({ allowed: config.ALLOWED_ORIGINS, publicUrl: PUBLIC_URL }),
    limits: {
      socketsPerAddress: config.SOCKETS_PER_ADDRESS,
      socketsMax: config.SOCKETS_MAX,
      // A machine full of bots is one address before any of them has shown its name.
      connectionsPerAddress:
        LOADTEST_KEY === null ? config.SOCKETS_PER_ADDRESS * CONNECTIONS_PER_SOCKET : Number.POSITIVE_INFINITY,
      roomsPerAccount: config.ROOMS_PER_ACCOUNT,
      roomsPerAddress: config.ROOMS_PER_ADDRESS,
      roomsMax: config.ROOMS_MAX,
    },
  };
}

/** Brings the database up to date and leaves, for deployments that do so in a step of their own. */
export async function migrateDatabase(config: Config, log: Log): Promise<void> {
  const stops: (() => Promise<void>)[] = [];
  const { url } = await openConfiguredPostgres(config, { log, stops });
  await migrate({ url, folder: MIGRATIONS, log }).finally(() => Promise.all(stops.map((stop) => stop())));
}

/**
 * Does what an operator asks for, on the database that the servers use, and gives what to print. Servers that run hear of
 * it at once.
 */
export async function operate(
  parts: Pick<AppParts, "catalogue" | "config" | "log">,
  words: readonly string[],
): Promise<string> {
  const { config, log } = parts;
  const stops: (() => Promise<void>)[] = [];
  try {
    const { url } = await openConfiguredPostgres(config, { log, stops });
    const { jobs, services } = await openServices({ ...parts, metrics: createMetrics(), url, stops });
    await jobs.start({ work: false });
    const { accounts, audit, operators } = services;
    const commands = [
      ...accountsCommands(accounts, audit.perform),
      ...operatorsCommands(operators, audit.perform),
      ...auditCommands(audit),
    ];
    return await runCommand(commands, words);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

const noPages: Pages = (_request, _response, next) => next();
