import type { ContentSource } from "../../schema/content.ts";
import type { Clock } from "../platform/clock.ts";
import { type Config, publicUrl } from "../platform/config.ts";
import type { Db } from "../platform/database.ts";
import type { Ids } from "../platform/ids.ts";
import type { Jobs } from "../platform/jobs.ts";
import type { Log } from "../platform/log.ts";
import type { Mail } from "../platform/mail.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Random } from "../platform/random.ts";
import type { Redis } from "../platform/redis.ts";
import { createSharedCounts } from "../platform/shared-counts.ts";
import { createPasswords } from "./accounts/passwords.ts";
import { createAccounts } from "./accounts/service.ts";
import { createAudit } from "./audit/service.ts";
import { createCatalogue } from "./catalogue/service.ts";
import { createInventory } from "./inventory/service.ts";
import { createPostgresRanking } from "./leaderboards/ranking.ts";
import { createRedisRanking } from "./leaderboards/redis-ranking.ts";
import { createLeaderboards } from "./leaderboards/service.ts";
import { createOperators } from "./operators/service.ts";
import type { Provider } from "./payments/provider.ts";
import { createPayments } from "./payments/service.ts";
import { createPersonalData } from "./personal-data/service.ts";
import { createProgression } from "./progression/service.ts";
import { createFulfilment } from "./store/fulfilment.ts";
import { createStore } from "./store/service.ts";
import { createWallet } from "./wallet/service.ts";

interface ServicesParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly log: Log;
  readonly secret: string;
  readonly mail: Mail;
  readonly metrics: Pick<Metrics, "paymentsDead" | "leaderboardReads">;
  /** The ways to pay with money. */
  readonly providers: readonly Provider[];
  /** Null without REDIS_URL: what could be faster with one asks Postgres then. */
  readonly redis: Redis | null;
  readonly jobs: Jobs;
  readonly config: Config;
  /** What the game gives, sells and counts. A studio writes it in `rooms/catalogue/`. */
  readonly catalogue: ContentSource;
}

/** Every service once, each given what it needs from those above it: a cycle cannot be written. */
export function createServices({ config, redis, ...parts }: ServicesParts) {
  const ranking = redis === null ? createPostgresRanking(parts) : createRedisRanking({ ...parts, redis });
  const { changing } = ranking;
  const catalogue = createCatalogue({ ...parts, source: parts.catalogue });
  const { content } = catalogue;
  // One for players and operators, so that together they leave threads to the rest.
  const passwords = createPasswords(parts);
  const accounts = createAccounts({
    ...parts,
    passwords,
    counts: redis && createSharedCounts(redis, "attempts"),
    sessionIdleDays: config.SESSION_IDLE_DAYS,
    sessionAbsoluteDays: config.SESSION_ABSOLUTE_DAYS,
    guestPurgeDays: config.GUEST_PURGE_DAYS,
    personalData: createPersonalData({
      ...parts,
      ...(changing && { beforeErased: (tx, gone) => changing(tx, gone, null) }),
    }),
    isProduction: config.NODE_ENV === "production",
    publicUrl: publicUrl(config),
    registration: registrationOf(config),
  });
  const wallet = createWallet({ ...parts, content });
  const inventory = createInventory({ ...parts, content, contentVersion: catalogue.version });
  const leaderboards = createLeaderboards({ ...parts, ranking, accounts, content });
  const progression = createProgression({ ...parts, content, leaderboards, giveItems: inventory.giveForMatch });
  const store = createStore({ ...parts, catalogue });
  const payments = createPayments({
    ...parts,
    region: config.REGION,
    isProduction: config.NODE_ENV === "production",
    content,
    contentVersion: catalogue.version,
    fulfilment: createFulfilment({ ...parts, catalogue, inventory, wallet }),
    onDeadLetter: (provider) => parts.metrics.paymentsDead.inc({ provider }),
  });
  const audit = createAudit(parts);
  const operators = createOperators({ ...parts, audit, passwords });
  return { accounts, audit, catalogue, inventory, leaderboards, operators, payments, progression, store, wallet };
}

/** In production nobody is told which addresses have accounts, unless a setting says that it does not matter. */
function registrationOf({ REGISTRATION, NODE_ENV }: Config): "open" | "confirmed" {
  if (REGISTRATION !== "auto") return REGISTRATION;
  return NODE_ENV === "production" ? "confirmed" : "open";
}

export type Services = ReturnType<typeof createServices>;
/** What a room may declare in `needs`: nothing of those who run the server. */
export type ServiceName = Exclude<keyof Services, "audit" | "operators">;
