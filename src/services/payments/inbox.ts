import { and, asc, eq, lte, sql } from "drizzle-orm";
import { paymentEvents } from "../../../schema/tables/payments.ts";
import { inBatches } from "../../platform/batches.ts";
import { crashPoint } from "../../platform/crash-point.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { retrying } from "../../platform/retrying.ts";
import type { Provider, ProviderName, Webhook } from "./provider.ts";
import { DeadLetter } from "./provider.ts";
import { applyFact, type TransactionParts } from "./transactions.ts";

export interface InboxParts extends TransactionParts {
  readonly db: Db;
  readonly providers: ReadonlyMap<ProviderName, Provider>;
  /** Counts what waits for people. */
  readonly onDeadLetter: (provider: ProviderName) => void;
}

export interface EventKey {
  readonly provider: ProviderName;
  readonly eventId: string;
}

export type EventState = "applied" | "new" | "dead";

/** The first try is made at once; the worker leaves it that long. */
const FIRST_RETRY_MS = 30_000;
const RETRY_MS_MAX = 3_600_000;
/** About 13 hours of tries. */
const ATTEMPTS_MAX = 20;
const PAGE_MAX = 100;
/** As long as a provider's questions about a payment may refer to what it wrote. */
const RAW_BODY_DAYS = 90;
const DAY_MS = 24 * 60 * 60_000;
const BATCHES = { rowsMax: 500, batchesMax: 100 };

/**
 * Proves a message, stores it once, and tries to apply it. What is stored is answered with success, applied or not: from
 * then on it is ours to deal with. Fails with PAYMENTS_WEBHOOK_REFUSED for what nobody has signed.
 */
export async function receiveWebhook(provider: Provider, webhook: Webhook, parts: InboxParts): Promise<EventState> {
  const { eventId } = await provider.verify(webhook);
  const now = parts.clock.date();
  const key = { provider: provider.name, eventId };
  const [stored] = await parts.db
    .insert(paymentEvents)
    .values({
      ...key,
      rawBody: webhook.rawBody,
      receivedAt: now,
      state: "new",
      attempts: 0,
      nextTryAt: new Date(now.getTime() + FIRST_RETRY_MS),
    })
    .onConflictDoNothing()
    .returning({ eventId: paymentEvents.eventId });
  crashPoint("event.stored");
  if (stored === undefined && (await isTried(key, parts))) return "applied";
  return applyEvent({ ...key, rawBody: webhook.rawBody, attempts: 0 }, parts);
}

/** Whether a try at a message that is stored has ended, well or not. One that a crash cut short is made up for when the provider sends again. */
async function isTried(key: EventKey, { db }: InboxParts): Promise<boolean> {
  const { state, attempts } = paymentEvents;
  const [event] = await db.select({ state, attempts }).from(paymentEvents).where(isThis(key));
  return event === undefined || event.state !== "new" || event.attempts > 0;
}

/** Tries every event that is due, oldest first, and says what became of them. Call it every few seconds. */
export async function applyDue(parts: InboxParts): Promise<Record<EventState, number>> {
  const { provider, eventId, rawBody, attempts, nextTryAt, state } = paymentEvents;
  const due = await parts.db
    .select({ provider, eventId, rawBody, attempts })
    .from(paymentEvents)
    .where(and(eq(state, "new"), lte(nextTryAt, parts.clock.date())))
    .orderBy(asc(nextTryAt))
    .limit(PAGE_MAX);
  const counts = { applied: 0, new: 0, dead: 0 };
  for (const event of due) counts[await applyEvent(event, parts)]++;
  return counts;
}

/** Has a dead letter tried again at the next turn, once the cause is cured. Fails with PAYMENTS_DEAD_LETTER_UNKNOWN. */
export async function reviveEvent(tx: Tx, key: EventKey, { clock }: Pick<InboxParts, "clock">): Promise<void> {
  const revived = await tx
    .update(paymentEvents)
    .set({ state: "new", attempts: 0, problem: null, nextTryAt: clock.date() })
    .where(and(isThis(key), eq(paymentEvents.state, "dead")))
    .returning({ eventId: paymentEvents.eventId });
  if (revived.length === 0) throw new AppError("PAYMENTS_DEAD_LETTER_UNKNOWN");
}

/**
 * Clears the bodies of events that were applied and are of no use any more; they may hold a name and an address. The rows
 * stay: an event that comes again is still known.
 */
export async function clearOldBodies({ db, clock }: Pick<InboxParts, "db" | "clock">): Promise<number> {
  const oldest = new Date(clock.now() - RAW_BODY_DAYS * DAY_MS);
  return inBatches(BATCHES, async (rowsMax) => {
    const cleared = await db.execute(sql`
      with old as materialized (
        select provider, event_id from ${paymentEvents}
        where state = 'applied' and received_at < ${oldest} and octet_length(raw_body) > 0
        limit ${rowsMax} for update skip locked
      )
      update ${paymentEvents} as event set raw_body = '' from old
      where event.provider = old.provider and event.event_id = old.event_id returning 1`);
    return cleared.length;
  });
}

interface StoredEvent extends EventKey {
  readonly rawBody: Buffer;
  readonly attempts: number;
}

/** Reading may ask the provider, so it comes before the transaction. Applying is safe to repeat, whoever else does it. */
async function applyEvent(event: StoredEvent, parts: InboxParts): Promise<EventState> {
  const key = { provider: event.provider, eventId: event.eventId };
  const provider = parts.providers.get(key.provider);
  try {
    if (provider === undefined) throw new Error(`there is no provider ${key.provider}`);
    const facts = await provider.read(event.rawBody);
    const apply = async (tx: Tx) => {
      let accountId: string | null = null;
      for (const fact of facts) {
        const outcome = await applyFact(tx, { provider: key.provider, fact, caller: null }, parts);
        accountId ??= outcome.accountId;
      }
      await tx.update(paymentEvents).set({ state: "applied", problem: null, accountId }).where(isThis(key));
      crashPoint("event.worked");
    };
    await retrying(parts.db, apply, { isKeyed: true });
    crashPoint("event.applied");
    return "applied";
  } catch (thrown) {
    return postpone(key, { thrown, attempts: event.attempts + 1 }, parts);
  }
}

/** What cannot be understood, and what has failed for half a day, is laid aside, and somebody is called. */
async function postpone(key: EventKey, failed: { thrown: unknown; attempts: number }, parts: InboxParts) {
  const { thrown, attempts } = failed;
  const isDead = thrown instanceof DeadLetter || attempts >= ATTEMPTS_MAX;
  const problem = (thrown instanceof DeadLetter ? thrown.problem : String(thrown)).slice(0, 500);
  const waitMs = Math.min(RETRY_MS_MAX, FIRST_RETRY_MS * 2 ** (attempts - 1));
  const nextTryAt = new Date(parts.clock.now() + waitMs);
  const state = isDead ? "dead" : "new";
  await parts.db
    .update(paymentEvents)
    .set({ state, attempts: sql`${paymentEvents.attempts} + 1`, problem, nextTryAt })
    .where(and(isThis(key), eq(paymentEvents.state, "new")));
  if (isDead) {
    parts.onDeadLetter(key.provider);
    parts.log.error({ ...key, problem, err: thrown }, "payments.dead_letter");
  } else {
    parts.log.warn({ ...key, attempts, err: thrown }, "payments.event_postponed");
  }
  return state;
}

function isThis({ provider, eventId }: EventKey) {
  return and(eq(paymentEvents.provider, provider), eq(paymentEvents.eventId, eventId));
}
