import type { Clock } from "../platform/clock.ts";
import type { Db } from "../platform/database.ts";
import { removeOldKeys } from "../platform/idempotency.ts";
import type { Jobs } from "../platform/jobs.ts";
import type { Log } from "../platform/log.ts";
import type { Services } from "./services.ts";

const EVERY_SECONDS = 60;
const LEADERBOARDS_EVERY_SECONDS = 3600;
const PAYMENTS_EVERY_SECONDS = 10;
/** Every night, when few play. */
const RECONCILE_AT = "17 3 * * *";
/** Every hour, at a minute of its own. */
const CLEAR_AT = "47 * * * *";
const SCORES_AT_ONCE = 10_000;
const CATALOGUE_LOOK_MS = 5000;

interface UpkeepParts {
  readonly db: Db;
  readonly services: Pick<Services, "wallet" | "inventory" | "leaderboards" | "catalogue" | "payments">;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What goes on beside the requests for players' property, by one process for all: holds and items whose time is over, boards
 * of days long past, payments whose turn has come, once a night what the providers say of all, and once an hour the keys
 * and the providers' messages that nobody needs any more. Which content counts is for each process to see. Called before
 * the jobs start; returns a function that ends the looking.
 */
export function keepProperty({ db, services, jobs, clock, log }: UpkeepParts): () => Promise<void> {
  const { wallet, inventory, leaderboards, catalogue, payments } = services;
  jobs.every("wallet-holds", EVERY_SECONDS, async () => void (await wallet.releaseLapsed()));
  jobs.every("inventory-expiry", EVERY_SECONDS, async () => void (await inventory.expire()));
  jobs.every("leaderboards-old", LEADERBOARDS_EVERY_SECONDS, async () => {
    await leaderboards.removeOldScores(SCORES_AT_ONCE);
  });
  jobs.every("payments-waiting", PAYMENTS_EVERY_SECONDS, async () => void (await payments.applyWaiting()));
  jobs.every("payments-reconcile", RECONCILE_AT, async () => {
    let next: string | null = null;
    do {
      next = (await payments.reconcile(next)).next;
    } while (next !== null);
  });
  jobs.every("payments-bodies", CLEAR_AT, async () => {
    const events = await payments.clearOldBodies();
    if (events > 0) log.info({ events }, "payments.bodies_cleared");
  });
  jobs.every("idempotency-old", CLEAR_AT, async () => {
    const keys = await removeOldKeys({ db, clock });
    if (keys > 0) log.info({ keys }, "idempotency.keys_removed");
  });
  let looking: Promise<void> | null = null;
  const stopLooking = clock.every(CATALOGUE_LOOK_MS, () => {
    looking ??= catalogue
      .refresh()
      .catch((err: unknown) => log.warn({ err }, "catalogue.refresh_failed"))
      .finally(() => {
        looking = null;
      });
  });
  return async () => {
    stopLooking();
    await looking;
  };
}
