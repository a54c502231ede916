import { and, asc, desc, eq, lt, sql } from "drizzle-orm";
import type { AccountId, Id } from "../../../schema/ids.ts";
import { paymentEvents, paymentOrders, paymentTransactions } from "../../../schema/tables/payments.ts";
import type { Db } from "../../platform/database.ts";
import type { EventKey } from "./inbox.ts";
import type { ProviderName } from "./provider.ts";

/** A provider's message that nobody could apply. Its body stays where it is: it may hold a name and an address. */
export interface DeadEvent extends EventKey {
  readonly receivedAt: Date;
  readonly attempts: number;
  readonly problem: string | null;
}

/** A payment, as those who run the server see it. */
export interface PaymentRecord {
  readonly id: Id<"payment">;
  readonly provider: ProviderName;
  /** The provider's name for it. */
  readonly transactionId: string;
  readonly orderId: string | null;
  readonly offer: string | null;
  readonly product: string | null;
  readonly quantity: number;
  /** What was agreed on, in the currency's smallest unit; null for what no order of ours began. */
  readonly money: { readonly currency: string; readonly amount: bigint } | null;
  /** Whether the player has it now. */
  readonly delivered: boolean;
  /** How often it was delivered or withdrawn. */
  readonly turns: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What can be looked up about payments. */
export interface PaymentRecords {
  /** Dead letters, oldest first, from behind `after`. `limit` is 1 to PAYMENTS_PAGE_MAX. */
  deadLetters(page: { readonly after?: EventKey | undefined; readonly limit: number }): Promise<DeadEvent[]>;
  /** An account's payments, newest first, from behind `before`. `limit` is 1 to PAYMENTS_PAGE_MAX. */
  transactions(
    accountId: AccountId,
    page: { readonly before?: Id<"payment"> | undefined; readonly limit: number },
  ): Promise<PaymentRecord[]>;
}

export const PAYMENTS_PAGE_MAX = 100;

export function createPaymentRecords({ db }: { readonly db: Db }): PaymentRecords {
  return {
    async deadLetters({ after, limit }) {
      const { provider, eventId, receivedAt, attempts, problem, state } = paymentEvents;
      // The row stays when the letter is no longer dead, so that the page behind it is still found.
      const place = sql`(${receivedAt}, ${provider}, ${eventId}) > (
        select received_at, provider, event_id from ${paymentEvents}
        where provider = ${after?.provider} and event_id = ${after?.eventId})`;
      return db
        .select({ provider, eventId, receivedAt, attempts, problem })
        .from(paymentEvents)
        .where(and(eq(state, "dead"), after && place))
        .orderBy(asc(receivedAt), asc(provider), asc(eventId))
        .limit(Math.min(limit, PAYMENTS_PAGE_MAX));
    },

    async transactions(accountId, { before, limit }) {
      const { id } = paymentTransactions;
      const rows = await db
        .select({ payment: paymentTransactions, currency: paymentOrders.currency, amount: paymentOrders.amount })
        .from(paymentTransactions)
        .leftJoin(paymentOrders, eq(paymentOrders.id, paymentTransactions.orderId))
        .where(and(eq(paymentTransactions.accountId, accountId), before && lt(id, before)))
        .orderBy(desc(id))
        .limit(Math.min(limit, PAYMENTS_PAGE_MAX));
      return rows.map(({ payment, currency, amount }) => ({
        ...payment,
        id: payment.id as Id<"payment">,
        money: currency === null || amount === null ? null : { currency, amount },
      }));
    },
  };
}
