import { sql } from "drizzle-orm";
import { bigint, check, index, jsonb, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });
const amount = (name: string) => bigint(name, { mode: "bigint" }).notNull();

/** The house's books have no balance row: so many players write to them at once that one row would be everybody's queue. */
const books = ["wallet", "debt", "mint", "store", "sink", "overflow"] as const;

/**
 * The ledger. A line takes an amount out of one book and puts it into another, so that everything sums to zero by its
 * form: a player's `wallet` or `debt`, or one of the house's books. A movement is one or more lines. Nothing is ever
 * changed here.
 */
export const walletLines = umpire.table(
  "wallet_lines",
  {
    /** In the order in which a player's book was written to: its balance row was locked meanwhile. */
    seq: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    movementId: text("movement_id").notNull(),
    currency: text().notNull(),
    amount: amount("amount"),
    fromBook: text("from_book", { enum: books }).notNull(),
    fromAccountId: text("from_account_id"),
    /** Of the book, after this line; null for the house's. */
    fromBalance: bigint("from_balance", { mode: "bigint" }),
    toBook: text("to_book", { enum: books }).notNull(),
    toAccountId: text("to_account_id"),
    toBalance: bigint("to_balance", { mode: "bigint" }),
    /** Why, in one word of the code: `match`, `purchase`, `craft`, `adjustment`, `clawback`. */
    reason: text().notNull(),
    /** What it belongs to: a match, a purchase, an operator's ticket. */
    reference: text().notNull(),
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
    check("wallet_lines_amount", sql`${table.amount} > 0`),
    check("wallet_lines_from_book", sql`${table.fromBook} in ('wallet', 'debt', 'mint', 'store', 'sink', 'overflow')`),
    check("wallet_lines_to_book", sql`${table.toBook} in ('wallet', 'debt', 'mint', 'store', 'sink', 'overflow')`),
    check(
      "wallet_lines_from_owner",
      sql`(${table.fromAccountId} is not null) = (${table.fromBook} in ('wallet', 'debt'))`,
    ),
    check("wallet_lines_to_owner", sql`(${table.toAccountId} is not null) = (${table.toBook} in ('wallet', 'debt'))`),
    check("wallet_lines_reference", sql`char_length(${table.reference}) between 1 and 128`),
  ],
);

/** What a player has, and what of it is set aside by holds. */
export const walletBalances = umpire.table(
  "wallet_balances",
  {
    accountId: text("account_id").notNull(),
    currency: text().notNull(),
    balance: amount("balance"),
    held: amount("held"),
    /** What a clawback could not take: paid off first by whatever comes in. */
    owed: amount("owed"),
  },
  (table) => [
    primaryKey({ name: "wallet_balances_key", columns: [table.accountId, table.currency] }),
    check("wallet_balances_balance", sql`${table.balance} >= 0`),
    check("wallet_balances_held", sql`${table.held} between 0 and ${table.balance}`),
    check("wallet_balances_owed", sql`${table.owed} >= 0`),
  ],
);

/** Money set aside for something that is not certain yet. It is captured or released, or lapses. */
export const walletHolds = umpire.table(
  "wallet_holds",
  {
    id: text().primaryKey(),
    accountId: text("account_id").notNull(),
    currency: text().notNull(),
    amount: amount("amount"),
    state: text({ enum: ["open", "captured", "released"] }).notNull(),
    reason: text().notNull(),
    reference: text().notNull(),
    expiresAt: instant("expires_at").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    index("wallet_holds_account").on(table.accountId),
    index("wallet_holds_lapse").on(table.expiresAt).where(sql`${table.state} = 'open'`),
    check("wallet_holds_amount", sql`${table.amount} > 0`),
    check("wallet_holds_state", sql`${table.state} in ('open', 'captured', 'released')`),
  ],
);
