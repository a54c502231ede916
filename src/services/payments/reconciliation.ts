import { and, asc, eq, gt, gte, inArray, isNotNull, isNull } from "drizzle-orm";
import { paymentOrders, paymentTransactions } from "../../../schema/tables/payments.ts";
import type { InboxParts } from "./inbox.ts";
import { DeadLetter, type Fact, type Provider, type ProviderName } from "./provider.ts";
import { applyFact } from "./transactions.ts";

/** What one page of reconciliation came to. */
export interface Reconciled {
  /** Payments and orders that a provider was asked about, and payments that it named. */
  readonly checked: number;
  /** Those that turned out to be wrong here: delivered or withdrawn now. */
  readonly changed: number;
  readonly failed: number;
  /** Where to go on, or null at the end. */
  readonly next: string | null;
}

/** Disputes come in for about four months. */
const RECENT_DAYS = 120;
const OPEN_ORDER_DAYS = 3;
const DAY_MS = 86_400_000;
const PAGE = 50;
/** Google takes the money back after three days: by then people should have looked. */
const UNACKNOWLEDGED_ALARM_MS = 2 * DAY_MS;

interface Page {
  readonly tell: readonly { readonly provider: Provider; readonly facts: () => Promise<readonly Fact[]> }[];
  readonly next: string | null;
}

/**
 * Asks providers for the truth, a page at a time: of recent payments, of orders whose payment was never heard of, and for
 * what they took back. Whatever got lost on the way, a webhook or a day of them, is found here.
 */
export async function reconcilePage(from: string | null, parts: InboxParts): Promise<Reconciled> {
  const [stage = "payments", ...rest] = (from ?? "payments:").split(":");
  const place = rest.join(":");
  const page = await pages[stage as keyof typeof pages](place, parts);
  let [checked, changed, failed] = [0, 0, 0];
  for (const { provider, facts } of page.tell) {
    try {
      for (const fact of await facts()) {
        const told = { provider: provider.name, fact, caller: null };
        const { hasTurned } = await parts.db.transaction((tx) => applyFact(tx, told, parts));
        if (hasTurned) changed++;
      }
    } catch (thrown) {
      failed++;
      const problem = thrown instanceof DeadLetter ? thrown.problem : String(thrown);
      parts.log.warn({ provider: provider.name, problem, err: thrown }, "payments.reconciliation_failed");
    }
    checked++;
  }
  return { checked, changed, failed, next: page.next };
}

const pages = { payments: recentPayments, orders: openOrders, voided: voidedPayments };

function providersWith(verb: keyof Provider, { providers }: InboxParts): Provider[] {
  return [...providers.values()].filter((provider) => provider[verb] !== undefined);
}

function daysAgo(days: number, { clock }: InboxParts): Date {
  return new Date(clock.now() - days * DAY_MS);
}

async function recentPayments(after: string, parts: InboxParts): Promise<Page> {
  const able = providersWith("fetchTruth", parts).map(({ name }) => name);
  const { id, provider, transactionId, createdAt } = paymentTransactions;
  const rows = await parts.db
    .select({ id, provider, transactionId })
    .from(paymentTransactions)
    .where(and(gt(id, after), inArray(provider, able), gte(createdAt, daysAgo(RECENT_DAYS, parts))))
    .orderBy(asc(id))
    .limit(PAGE);
  const tell = rows.flatMap((row) => {
    const found = parts.providers.get(row.provider);
    if (found?.fetchTruth === undefined) return [];
    return [{ provider: found, facts: async () => [(await found.fetchTruth?.(row.transactionId)) ?? []].flat() }];
  });
  return { tell, next: rows.length < PAGE ? "orders:" : `payments:${rows.at(-1)?.id}` };
}

async function openOrders(after: string, parts: InboxParts): Promise<Page> {
  const able = providersWith("fetchOrder", parts).map(({ name }) => name);
  const { id, provider, providerReference, state, createdAt } = paymentOrders;
  const isWaiting = and(eq(state, "open"), isNotNull(providerReference));
  const rows = await parts.db
    .select({ id, provider, providerReference })
    .from(paymentOrders)
    .where(and(isWaiting, gt(id, after), inArray(provider, able), gte(createdAt, daysAgo(OPEN_ORDER_DAYS, parts))))
    .orderBy(asc(id))
    .limit(PAGE);
  const tell = rows.flatMap((row) => {
    const found = parts.providers.get(row.provider);
    if (found === undefined) return [];
    return [{ provider: found, facts: async () => (await found.fetchOrder?.(row.providerReference ?? "")) ?? [] }];
  });
  return { tell, next: rows.length < PAGE ? "voided:" : `orders:${rows.at(-1)?.id}` };
}

/** Only Google keeps such a list. */
async function voidedPayments(token: string, parts: InboxParts): Promise<Page> {
  const [provider] = providersWith("listVoided", parts);
  // The list goes back 30 days, and refuses whoever asks for more.
  const page = { sinceMs: daysAgo(29, parts).getTime(), token: token === "" ? null : token };
  const found = await provider?.listVoided?.(page);
  if (provider === undefined || found === undefined) return { tell: [], next: null };
  const tell = found.facts.map((fact) => ({ provider, facts: async () => [fact] }));
  return { tell, next: found.next === null ? null : `voided:${found.next}` };
}

/** Tells the provider of what was delivered and not acknowledged yet. Gives how many it took. */
export async function acknowledgeDelivered(parts: InboxParts): Promise<number> {
  const { id, provider, transactionId, product, delivered, acknowledgedAt, createdAt } = paymentTransactions;
  const name: ProviderName = "google";
  const google = parts.providers.get(name);
  if (google?.acknowledge === undefined) return 0;
  const rows = await parts.db
    .select({ id, transactionId, product, createdAt })
    .from(paymentTransactions)
    .where(and(eq(provider, name), eq(delivered, true), isNull(acknowledgedAt), isNotNull(product)))
    .orderBy(asc(id))
    .limit(PAGE);
  let acknowledged = 0;
  for (const row of rows) {
    try {
      await google.acknowledge({ transactionId: row.transactionId, product: row.product ?? "" }).catch((thrown) => {
        if (!(thrown instanceof DeadLetter)) throw thrown;
        // Google will not have it, perhaps because the device was quicker: asking again would not help.
        parts.log.error({ paymentId: row.id, problem: thrown.problem }, "payments.acknowledgement_refused");
      });
      await parts.db.update(paymentTransactions).set({ acknowledgedAt: parts.clock.date() }).where(eq(id, row.id));
      acknowledged++;
    } catch (err) {
      const isLate = parts.clock.now() - row.createdAt.getTime() > UNACKNOWLEDGED_ALARM_MS;
      parts.log[isLate ? "error" : "warn"]({ paymentId: row.id, err }, "payments.not_acknowledged");
    }
  }
  return acknowledged;
}
