import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  customType,
  foreignKey,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  timestamp,
  unique,
} from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });
const bytes = customType<{ data: Buffer }>({ dataType: () => "bytea" });
const provider = () => text({ enum: ["stripe", "apple", "google", "local"] }).notNull();
const isProvider = (column: unknown) => sql`${column} in ('stripe', 'apple', 'google', 'local')`;

/** What a player set out to buy for money, at the price of that moment. */
export const paymentOrders = umpire.table(
  "payment_orders",
  {
    id: text().primaryKey(),
    accountId: text("account_id").notNull(),
    offer: text().notNull(),
    /** The content in which the offer means what the player saw. */
    contentVersion: integer("content_version").notNull(),
    currency: text().notNull(),
    /** In the currency's smallest unit. */
    amount: bigint({ mode: "bigint" }).notNull(),
    provider: provider(),
    /** What the shop of Apple or Google calls it: a receipt for anything else does not fulfil the order. */
    product: text(),
    /** A UUID under which the provider tells us of the order. It says nothing about the player. */
    reference: text().notNull(),
    /** What the provider calls the order. */
    providerReference: text("provider_reference"),
    /** What the player was told to do next, for whoever asks again. */
    nextStep: jsonb("next_step"),
    state: text({ enum: ["open", "failed", "delivered", "withdrawn"] }).notNull(),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => [
    unique("payment_orders_reference").on(table.reference),
    index("payment_orders_account").on(table.accountId),
    index("payment_orders_open").on(table.id).where(sql`${table.state} = 'open'`),
    check("payment_orders_amount", sql`${table.amount} > 0`),
    check("payment_orders_currency", sql`${table.currency} ~ '^[A-Z]{3}$'`),
    check("payment_orders_provider", isProvider(table.provider)),
    check("payment_orders_state", sql`${table.state} in ('open', 'failed', 'delivered', 'withdrawn')`),
  ],
);

/**
 * The inbox: every proven message of a provider, as it came. It is stored before anything is done about it, so that what
 * could not be applied is applied later, and what could not be understood is kept for people.
 */
export const paymentEvents = umpire.table(
  "payment_events",
  {
    provider: provider(),
    eventId: text("event_id").notNull(),
    /** Whose payment it turned out to be about. */
    accountId: text("account_id"),
    rawBody: bytes("raw_body").notNull(),
    receivedAt: instant("received_at").notNull(),
    state: text({ enum: ["new", "applied", "dead"] }).notNull(),
    attempts: integer().notNull(),
    /** Why it is not applied. */
    problem: text(),
    nextTryAt: instant("next_try_at").notNull(),
  },
  (table) => [
    primaryKey({ name: "payment_events_key", columns: [table.provider, table.eventId] }),
    index("payment_events_waiting").on(table.nextTryAt).where(sql`${table.state} = 'new'`),
    index("payment_events_dead").on(table.receivedAt).where(sql`${table.state} = 'dead'`),
    index("payment_events_account").on(table.accountId),
    check("payment_events_provider", isProvider(table.provider)),
    check("payment_events_state", sql`${table.state} in ('new', 'applied', 'dead')`),
    check("payment_events_id_form", sql`char_length(${table.eventId}) between 1 and 255`),
    check("payment_events_size", sql`octet_length(${table.rawBody}) <= 262144`),
  ],
);

/** A payment as its provider sees it, and whether the player has what was paid for. There is one row for a transaction, whoever tells of it. */
export const paymentTransactions = umpire.table(
  "payment_transactions",
  {
    id: text().primaryKey(),
    provider: provider(),
    /** The provider's name for it: a Stripe payment intent, an Apple transaction, a Google purchase token. */
    transactionId: text("transaction_id").notNull(),
    /** Null until it is known whose it is: a refund may arrive before the payment does. */
    accountId: text("account_id"),
    orderId: text("order_id"),
    offer: text(),
    contentVersion: integer("content_version"),
    product: text(),
    quantity: integer().notNull(),
    /** The latest that the provider has said, by subject, each with its own time. */
    truth: jsonb().notNull(),
    delivered: boolean().notNull(),
    /** How often it was delivered or withdrawn. */
    turns: integer().notNull(),
    /** When Google was told that the player has it. It takes the money back after three days otherwise. */
    acknowledgedAt: instant("acknowledged_at"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => [
    unique("payment_transactions_transaction").on(table.provider, table.transactionId),
    foreignKey({
      name: "payment_transactions_order",
      columns: [table.orderId],
      foreignColumns: [paymentOrders.id],
    }),
    index("payment_transactions_account").on(table.accountId, table.offer),
    index("payment_transactions_by_order").on(table.orderId),
    index("payment_transactions_unacknowledged")
      .on(table.id)
      .where(sql`${table.provider} = 'google' and ${table.delivered} and ${table.acknowledgedAt} is null`),
    check("payment_transactions_provider", isProvider(table.provider)),
    check("payment_transactions_id_form", sql`char_length(${table.transactionId}) between 1 and 1024`),
    check("payment_transactions_quantity", sql`${table.quantity} between 1 and 1000`),
    check("payment_transactions_turns", sql`${table.turns} >= 0 and ${table.delivered} = (${table.turns} % 2 = 1)`),
    check(
      "payment_transactions_bound",
      sql`(${table.accountId} is null) = (${table.offer} is null) and (${table.offer} is null) = (${table.contentVersion} is null)`,
    ),
    check("payment_transactions_owner", sql`not ${table.delivered} or ${table.accountId} is not null`),
  ],
);
