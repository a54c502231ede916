import { and, eq, sql } from "drizzle-orm";
import type { Content } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { paymentOrders, paymentTransactions } from "../../../schema/tables/payments.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { DeadLetter, type Fact, type ProviderName } from "./provider.ts";
import { isEntitled, mergeTruth, orderState, type Truth } from "./truth.ts";

/** What was bought, for whoever hands it over. */
export interface Purchase {
  readonly accountId: AccountId;
  readonly offer: string;
  readonly contentVersion: number;
  /** So many times the offer. */
  readonly quantity: number;
  /** Another one each time that it is delivered or withdrawn, so that it may serve as a key: `pay_….1`. */
  readonly reference: string;
}

/**
 * Who owns the goods. Both are called within the transaction that notes it, and in turn: what is delivered has not been,
 * what is revoked was. What a player has used up by then becomes debt: revoke takes what it can and does not fail for it.
 */
export interface Fulfilment {
  deliver(tx: Tx, purchase: Purchase): Promise<void>;
  revoke(tx: Tx, purchase: Purchase): Promise<void>;
}

export interface TransactionParts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly fulfilment: Fulfilment;
  readonly content: () => Content;
  readonly contentVersion: () => number;
  readonly isProduction: boolean;
}

export interface Told {
  readonly provider: ProviderName;
  readonly fact: Fact;
  /** Who hands in a receipt. Null for what a provider tells by itself. */
  readonly caller: AccountId | null;
}

export interface Outcome {
  readonly accountId: AccountId | null;
  readonly offer: string | null;
  readonly delivered: boolean;
  /** Whether this fact was what changed it. */
  readonly hasTurned: boolean;
}

type Row = typeof paymentTransactions.$inferSelect;
type Order = typeof paymentOrders.$inferSelect;
/** Whose a payment is and what it bought. */
type Owner = Pick<Row, "accountId" | "orderId" | "offer" | "contentVersion">;

/**
 * Adds what a provider says to what it has said before, and makes what the player has follow from all of it. Rows are
 * locked in the order account, transaction, order. Fails with DeadLetter for a payment that does not fit what was
 * ordered, and with PAYMENTS_RECEIPT_TAKEN for another account's.
 */
export async function applyFact(tx: Tx, told: Told, parts: TransactionParts): Promise<Outcome> {
  const { provider, fact, caller } = told;
  if (fact.isTest && parts.isProduction) throw new DeadLetter("a test payment in production");
  const isHere = await holdAccount(tx, told);
  const row = await lockTransaction(tx, told, parts);
  if (row.product !== null && fact.product !== null && row.product !== fact.product) {
    throw new DeadLetter("a payment for another product than it was");
  }
  const order = await lockOrder(tx, row, told);
  const owner = row.accountId === null ? findOwner(order, told, parts) : row;
  if (caller !== null && owner?.accountId !== caller) throw new AppError("PAYMENTS_RECEIPT_TAKEN");

  const truth = mergeTruth(row.truth as Truth, fact.claims);
  const hasTurned = owner !== null && isHere && isEntitled(truth) !== row.delivered;
  const delivered = hasTurned ? !row.delivered : row.delivered;
  const turns = hasTurned ? row.turns + 1 : row.turns;
  const isFirstTold = row.product === null && fact.product !== null;
  const { quantity, product } = isFirstTold ? fact : row;
  if (hasTurned) {
    const { accountId, offer, contentVersion } = owner;
    invariant(accountId !== null && offer !== null && contentVersion !== null, "an owner is whole");
    const reference = `${row.id}.${turns}`;
    const purchase = { accountId: accountId as AccountId, offer, contentVersion, quantity, reference };
    await (delivered ? parts.fulfilment.deliver(tx, purchase) : parts.fulfilment.revoke(tx, purchase));
    parts.log.info({ accountId, offer, provider }, delivered ? "payments.delivered" : "payments.withdrawn");
  }
  const now = parts.clock.date();
  const { accountId = null, orderId = null, offer = null, contentVersion = null } = owner ?? {};
  const changes = { accountId, orderId, offer, contentVersion, truth, delivered, turns, quantity, product };
  await tx
    .update(paymentTransactions)
    .set({ ...changes, updatedAt: now })
    .where(eq(paymentTransactions.id, row.id));
  if (order !== null) await settleOrder(tx, order, now);
  return { accountId: accountId as AccountId | null, offer, delivered, hasTurned };
}

/**
 * Keeps the account, if it is known already whose this is, from being deleted meanwhile; it is locked first, as a deletion
 * does. A payment of an account that is gone is noted and changes nothing.
 */
async function holdAccount(tx: Tx, { provider, fact, caller }: Told): Promise<boolean> {
  const rows = await tx.execute<{ wanted: string; held: string | null }>(sql`
    with known as (
      select account_id from ${paymentTransactions} where provider = ${provider} and transaction_id = ${fact.transactionId}
      union select account_id from ${paymentOrders} where provider = ${provider} and reference = ${fact.reference}
      union select ${caller}::text
    )
    select known.account_id as wanted, held.id as held from known
    left join umpire.account_hold(array(select account_id from known where account_id is not null)) as held (id)
      on held.id = known.account_id
    where known.account_id is not null`);
  return rows.every(({ held }) => held !== null);
}

async function lockTransaction(tx: Tx, { provider, fact }: Told, { ids, clock }: TransactionParts): Promise<Row> {
  const { transactionId, product, quantity } = fact;
  const now = clock.date();
  const first = { provider, transactionId, product, quantity, truth: {}, delivered: false, turns: 0 };
  // A change that changes nothing locks the row and returns it, in one round trip.
  const [row] = await tx
    .insert(paymentTransactions)
    .values({ ...first, id: ids.mint("payment"), createdAt: now, updatedAt: now })
    .onConflictDoUpdate({
      target: [paymentTransactions.provider, paymentTransactions.transactionId],
      set: { updatedAt: sql`${paymentTransactions.updatedAt}` },
    })
    .returning();
  invariant(row !== undefined, "a transaction that was inserted or was there is there");
  return row;
}

async function lockOrder(tx: Tx, row: Row, { provider, fact }: Told): Promise<Order | null> {
  if (row.orderId === null && (row.accountId !== null || fact.reference === null)) return null;
  const isThis =
    row.orderId === null
      ? and(eq(paymentOrders.provider, provider), eq(paymentOrders.reference, fact.reference ?? ""))
      : eq(paymentOrders.id, row.orderId);
  const [order] = await tx.select().from(paymentOrders).where(isThis).for("update");
  return order ?? null;
}

/** Null while nobody can say: a refund that comes before its payment, a purchase in a shop before its receipt. */
function findOwner(order: Order | null, { provider, fact, caller }: Told, parts: TransactionParts): Owner | null {
  if (fact.reference !== null) {
    if (order === null) throw new DeadLetter("a payment for no order of ours");
    if (order.product !== fact.product) throw new DeadLetter("a payment for another product than was ordered");
    if (fact.money !== null && !pays(fact.money, order)) throw new DeadLetter("a payment of less than was agreed");
    const { id: orderId, accountId, offer, contentVersion } = order;
    return { orderId, accountId, offer, contentVersion };
  }
  if (fact.product === null) return null;
  const offer = offerOf(parts.content(), provider, fact.product);
  if (offer === null) throw new DeadLetter("unknown product");
  return caller === null ? null : { accountId: caller, orderId: null, offer, contentVersion: parts.contentVersion() };
}

function pays(paid: NonNullable<Fact["money"]>, { currency, amount }: Order): boolean {
  return paid.currency === currency && paid.amount >= amount;
}

/** The offer that a shop knows by this name. */
function offerOf({ offers }: Content, provider: ProviderName, product: string): string | null {
  const found = Object.entries(offers).find(
    ([, { price }]) =>
      price.kind === "money" && (provider === "apple" || provider === "google") && price.products[provider] === product,
  );
  return found?.[0] ?? null;
}

async function settleOrder(tx: Tx, { id, state: before }: Order, updatedAt: Date): Promise<void> {
  const { truth, orderId } = paymentTransactions;
  const rows = await tx.select({ truth }).from(paymentTransactions).where(eq(orderId, id));
  const state = orderState(rows.map((row) => row.truth as Truth));
  if (state !== before) await tx.update(paymentOrders).set({ state, updatedAt }).where(eq(paymentOrders.id, id));
}
