import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, jsonb, text, timestamp } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

/**
 * What whoever runs the server has done, and why. Rows are only ever added: a trigger numbers them without a gap and
 * chains each to the one before by SHA-256, others refuse to change or remove them. A row names an account by its id
 * alone, which leads to nobody once the account is deleted.
 */
export const auditLog = umpire.table(
  "audit_log",
  {
    seq: bigint({ mode: "bigint" }).primaryKey(),
    at: timestamp({ withTimezone: true, precision: 3 }).notNull(),
    /** An operator's id, or `shell` for whoever may run commands on the server's machine. */
    actor: text().notNull(),
    /** A feature and what was done: `accounts.ban`. */
    action: text().notNull(),
    /** What it was done to: an account, an operator, a purchase. */
    subject: text().notNull(),
    reason: text().notNull(),
    details: jsonb().notNull(),
    prevHash: text("prev_hash").notNull(),
    hash: text().notNull(),
  },
  (table) => [
    index("audit_log_subject").on(table.subject, table.seq),
    index("audit_log_actor").on(table.actor, table.seq),
    check("audit_log_seq", sql`${table.seq} > 0`),
    check("audit_log_actor_form", sql`${table.actor} ~ '^(shell|opr_[0-9a-z]{26})$'`),
    check("audit_log_action", sql`${table.action} ~ '^[a-z][a-z-]{0,31}\\.[a-z][a-z-]{0,31}$'`),
    check("audit_log_subject_form", sql`char_length(${table.subject}) between 1 and 200`),
    check("audit_log_reason", sql`char_length(${table.reason}) between 1 and 1000`),
    check("audit_log_details", sql`jsonb_typeof(${table.details}) = 'object'`),
  ],
);

/** One row: the end of the chain. Without it nobody would miss the rows at the end. Whoever adds a row takes turns here. */
export const auditHead = umpire.table(
  "audit_head",
  {
    isOnlyRow: boolean("is_only_row").primaryKey().default(true),
    seq: bigint({ mode: "bigint" }).notNull(),
    hash: text().notNull(),
  },
  (table) => [check("audit_head_one_row", sql`${table.isOnlyRow}`)],
);
