import { sql } from "drizzle-orm";
import type { AccountId, PurchaseId, TransactionId } from "../../../schema/ids.ts";
import { crashPoint } from "../../platform/crash-point.ts";
import { type Db, refusing } from "../../platform/database.ts";
import { invariant } from "../../platform/errors.ts";
import { toJson } from "../../platform/json.ts";
import type { Given } from "../catalogue/bundles.ts";
import type { Expense, Income } from "../wallet/movements.ts";

/** A purchase that is left for Postgres to decide. Its key buys once, so it may be sent any number of times. */
export interface Order {
  readonly key: string;
  /** Of what was asked: the same key with another is refused. */
  readonly hash: string;
  readonly accountId: AccountId;
  readonly purchaseId: PurchaseId;
  readonly movementId: TransactionId;
  readonly offer: string;
  readonly contentVersion: number;
  readonly currency: string;
  readonly amount: number;
  /** As often as the player may buy the offer. */
  readonly limit: number | null;
  readonly lines: readonly (Expense | Income)[];
  readonly given: readonly Given[];
  readonly at: Date;
}

/** What was bought: a repeat of the request gets the very same. */
export interface Bought {
  readonly purchaseId: PurchaseId;
  readonly offer: string;
  readonly items: readonly { item: string; quantity: number; ids?: readonly string[] | undefined }[];
  /** What is left of each currency that moved, as decimal text. */
  readonly balances: readonly { currency: string; balance: string }[];
}

/** Whether it is no more than a payment for one stack, as `buyTogether` takes it. */
export function isStraight({ limit, lines, given }: Order): boolean {
  return limit === null && lines.length === 1 && given.length === 1 && given[0]?.kind === "stack";
}

/** Buys, or fails with what is in the way. */
export async function buyAlone(db: Db, order: Order): Promise<Bought> {
  const { key, hash, accountId, purchaseId, movementId, offer, contentVersion, currency, amount, limit, at } = order;
  crashPoint("statement.sending");
  const [row] = await refusing(
    db.execute<{ bought: Bought }>(sql`
      select umpire.store_buy(${key}, ${hash}, ${accountId}, ${purchaseId}, ${offer}, ${contentVersion}, ${currency},
        ${amount}, ${limit}, ${movementId}, ${toJson(order.lines)}::jsonb, ${JSON.stringify(order.given)}::jsonb,
        ${at}) as bought`),
  );
  crashPoint("statement.answered");
  invariant(row !== undefined, "store_buy returns a row");
  return row.bought;
}

/**
 * Buys straight orders of many players in one statement, in the order of accounts, and none of a player twice. An order that gets null in its
 * place has not been bought, and may go alone: only there it is told why. When this fails, nothing is known of any of them.
 */
export async function buyTogether(db: Db, orders: readonly Order[], at: Date): Promise<readonly (Bought | null)[]> {
  const asked = orders.map(({ given: [stack], ...order }) => ({
    key: order.key,
    hash: order.hash,
    account: order.accountId,
    id: order.purchaseId,
    movement: order.movementId,
    offer: order.offer,
    version: order.contentVersion,
    currency: order.currency,
    amount: order.amount,
    item: stack?.item,
    quantity: stack?.quantity,
    max: stack?.max,
  }));
  crashPoint("statement.sending");
  const [row] = await db.execute<{ bought: (Bought | null)[] }>(
    sql`select umpire.store_buy_many(${JSON.stringify(asked)}::jsonb, ${at}) as bought`,
  );
  crashPoint("statement.answered");
  invariant(row?.bought.length === orders.length, "store_buy_many answers everything that it is asked");
  return row.bought;
}
