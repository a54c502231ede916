import { sql } from "drizzle-orm";
import { bigint, check, index, jsonb, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { amount, book, positiveAmount, reason, reference } from "./domains.ts";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/**
 * The ledger. A line takes an amount out of one book and puts it into another, so that everything sums to zero by its
 * form: a player's `wallet` or `debt`, or one of the house's books, which have no balance row: so many players write to
 * them at once that one row would be everybody's queue. A movement is one or more lines. Nothing is ever changed here.
 */
export const walletLines = umpire.table(
  "wallet_lines",
  {
    /** In the order in which a player's book was written to: its balance row was locked meanwhile. */
    seq: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    movementId: text("movement_id").notNull(),
    currency: text().notNull(),
    amount: positiveAmount().notNull(),
    fromBook: book("from_book").notNull(),
    fromAccountId: text("from_account_id"),
    /** Of the book, after this line; null for the house's. */
    fromBalance: bigint("from_balance", { mode: "bigint" }),
    toBook: book("to_book").notNull(),
    toAccountId: text("to_account_id"),
    toBalance: bigint("to_balance", { mode: "bigint" }),
    /** Why, in one word of the code: `match`, `purchase`, `craft`, `adjustment`, `clawback`. */
    reason: reason().notNull(),
    /** What it belongs to: a match, a purchase, an operator's ticket. */
    reference: reference().notNull(),
    metadata: jsonb(),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    // A statement is read backwards from its end.
    index("wallet_lines_from")
      .on(table.fromAccountId, table.currency, table.seq)
      .where(sql`${table.fromAccountId} is not null`),
    index("wallet_lines_to")
      .on(table.toAccountId, table.currency, table.seq)
      .where(sql`${table.toAccountId} is not null`),
    check(
      "wallet_lines_owners",
      sql`(${table.fromAccountId} is not null) = (${table.fromBook} in ('wallet', 'debt'))
        and (${table.toAccountId} is not null) = (${table.toBook} in ('wallet', 'debt'))`,
    ),
  ],
);

/** What a player has, and what of it is set aside by holds. */
export const walletBalances = umpire.table(
  "wallet_balances",
  {
    accountId: text("account_id").notNull(),
    currency: text().notNull(),
    balance: amount().notNull(),
    held: amount().notNull(),
    /** What a clawback could not take: paid off first by whatever comes in. */
    owed: amount().notNull(),
  },
  (table) => [
    primaryKey({ name: "wallet_balances_key", columns: [table.accountId, table.currency] }),
    check("wallet_balances_held", sql`${table.held} <= ${table.balance}`),
  ],
);

/** Money set aside for something that is not certain yet. It is captured or released, or lapses. */
export const walletHolds = umpire.table(
  "wallet_holds",
  {
    id: text().primaryKey(),
    accountId: text("account_id").notNull(),
    currency: text().notNull(),
    amount: positiveAmount().notNull(),
    state: text({ enum: ["open", "captured", "released"] }).notNull(),
    reason: reason().notNull(),
    reference: reference().notNull(),
    expiresAt: instant("expires_at").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    index("wallet_holds_account").on(table.accountId),
    index("wallet_holds_lapse").on(table.expiresAt).where(sql`${table.state} = 'open'`),
    check("wallet_holds_state", sql`${table.state} in ('open', 'captured', 'released')`),
  ],
);
