import { and, count, eq, isNull } from "drizzle-orm";
import { type Content, entryOf } from "../../../schema/content.ts";
import type { AccountId, OrderId } from "../../../schema/ids.ts";
import { paymentOrders, paymentTransactions } from "../../../schema/tables/payments.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import { once } from "../../platform/idempotency.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Random } from "../../platform/random.ts";
import type { NextStep, Provider, Started } from "./provider.ts";

export interface OrderRequest {
  readonly accountId: AccountId;
  readonly offer: string;
  readonly provider: Provider;
  /** The player's idempotency key. */
  readonly key: string;
}

export interface OrderPlaced {
  readonly orderId: OrderId;
  readonly price: { readonly currency: string; readonly amount: bigint };
  readonly next: NextStep;
}

export interface OrderParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly content: () => Content;
  readonly contentVersion: () => number;
  /** Of this server, for prices by region. */
  readonly region: string;
}

type Offer = Content["offers"][string];
type MoneyPrice = Extract<Offer["price"], { kind: "money" }>;

/**
 * Pins what is bought and for how much, and asks the provider for what comes next. Asked again with the same key it is the
 * same order; a provider that did not answer the first time is asked again under the same name.
 */
export async function placeOrder(request: OrderRequest, parts: OrderParts): Promise<OrderPlaced> {
  const { accountId, offer, provider, key } = request;
  const asked = { scope: accountId, key, verb: "payments.order", request: { offer, provider: provider.name } };
  const { orderId } = await once(parts, asked, async (tx) => ({ orderId: await insertOrder(tx, request, parts) }));
  const [order] = await parts.db.select().from(paymentOrders).where(eq(paymentOrders.id, orderId));
  invariant(order !== undefined, "an order that was placed is there");
  const { currency, amount } = order;
  const known = order.nextStep as NextStep | null;
  const next = known ?? (await startOrder(order, provider, parts));
  return { orderId: orderId as OrderId, price: { currency, amount }, next };
}

async function startOrder(order: typeof paymentOrders.$inferSelect, provider: Provider, parts: OrderParts) {
  const { id, reference, currency, amount, product, offer } = order;
  const title = parts.content().offers[offer]?.title ?? offer;
  const started: Started = await provider.start({ reference, title, currency, amount, product });
  const { next, providerReference } = started;
  const isFirst = and(eq(paymentOrders.id, id), isNull(paymentOrders.nextStep));
  await parts.db.update(paymentOrders).set({ nextStep: next, providerReference }).where(isFirst);
  return next;
}

async function insertOrder(tx: Tx, { accountId, offer, provider }: OrderRequest, parts: OrderParts): Promise<string> {
  const { clock, ids, random, region } = parts;
  const now = clock.date();
  const { offers } = parts.content();
  const found = entryOf(offers, offer);
  if (found === undefined || found.price.kind !== "money" || !isOpen(found, now)) throw unavailable(offer);
  await checkLimits(tx, { accountId, offer }, found);
  const { currency, amount } = found.price.regional[region] ?? found.price.money;
  const product = productOf(found.price, provider);
  if (product === undefined) throw unavailable(offer);
  const id = ids.mint("order");
  await tx.insert(paymentOrders).values({
    id,
    accountId,
    offer,
    contentVersion: parts.contentVersion(),
    currency,
    amount: BigInt(amount),
    provider: provider.name,
    product,
    reference: uuid(random),
    state: "open",
    createdAt: now,
    updatedAt: now,
  });
  return id;
}

function unavailable(offer: string): AppError {
  return new AppError("PAYMENTS_OFFER_UNAVAILABLE", { offer });
}

function isOpen({ from, until }: Offer, now: Date): boolean {
  return (from === undefined || new Date(from) <= now) && (until === undefined || now < new Date(until));
}

/** Null where there is no shop; undefined for an offer that the shop does not have. */
function productOf({ products }: MoneyPrice, { name }: Provider): string | null | undefined {
  return name === "apple" || name === "google" ? products[name] : null;
}

/** Money that has come in is never turned away for a limit: only what has not been ordered yet is refused. */
async function checkLimits(tx: Tx, { accountId, offer }: { accountId: string; offer: string }, found: Offer) {
  if (found.perPlayerMax === undefined && !found.firstTimeOnly) return;
  const theirs = await tx
    .select({ offer: paymentTransactions.offer, times: count() })
    .from(paymentTransactions)
    .where(and(eq(paymentTransactions.accountId, accountId), eq(paymentTransactions.delivered, true)))
    .groupBy(paymentTransactions.offer);
  const times = theirs.find((line) => line.offer === offer)?.times ?? 0;
  const isOver = times >= (found.perPlayerMax ?? Number.POSITIVE_INFINITY);
  if (isOver || (found.firstTimeOnly && theirs.length > 0)) throw unavailable(offer);
}

/** Version 4, the form that Apple asks for. */
function uuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
