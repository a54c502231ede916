import { sql } from "drizzle-orm";
import type { AccountId, TransactionId } from "../../../schema/ids.ts";
import { crashPoint } from "../../platform/crash-point.ts";
import { refusing } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import { type Keyed, once, requestHash } from "../../platform/idempotency.ts";
import { toJson } from "../../platform/json.ts";
import type { Given, Taken } from "../catalogue/bundles.ts";
import type { Line } from "../wallet/movements.ts";
import type { Because, Crafted, InventoryParts } from "./service.ts";

interface ExchangeOrder extends Keyed, Because {
  readonly accountId: AccountId;
  readonly transactionId?: TransactionId;
}

/** What changes hands. */
interface Property {
  readonly lines?: readonly Line[];
  readonly taken?: readonly Taken[];
  readonly given?: readonly Given[];
}

export type Exchange = (order: ExchangeOrder, prepare: () => Property) => Promise<Crafted>;

/** One round trip: money, items and the key, or nothing. */
export function createExchange(parts: InventoryParts): Exchange {
  const { db, clock, ids, contentVersion } = parts;
  return async (order, prepare) => {
    const prepared = orRefusal(prepare);
    if ("refusal" in prepared) return once(parts, order, () => Promise.reject(prepared.refusal));
    const { lines = [], taken = [], given = [] } = prepared.value;
    const { transactionId = ids.mint("transaction"), ...of } = order;
    crashPoint("statement.sending");
    const [row] = await refusing(
      db.execute<{ answer: Crafted }>(sql`select umpire.inventory_exchange(
        ${of.scope}, ${of.key}, ${of.verb}, ${requestHash(of)}, ${transactionId}, ${of.accountId},
        ${toJson(lines)}::jsonb, ${JSON.stringify(taken)}::jsonb, ${JSON.stringify(given)}::jsonb,
        ${of.reason}, ${of.reference}, ${contentVersion()}, ${clock.date()}) as answer`),
    );
    crashPoint("statement.answered");
    invariant(row !== undefined, "an exchange is answered");
    return row.answer;
  };
}

/**
 * A refusal is kept until it is known that the key is new: content may have changed since a request was done, and whoever
 * sends it again is owed the answer of then.
 */
export function orRefusal<Value>(prepare: () => Value): { readonly value: Value } | { readonly refusal: AppError } {
  try {
    return { value: prepare() };
  } catch (thrown) {
    if (thrown instanceof AppError) return { refusal: thrown };
    throw thrown;
  }
}
