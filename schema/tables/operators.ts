import { sql } from "drizzle-orm";
import { bigint, check, index, integer, primaryKey, text, timestamp, unique } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** Whoever runs the server by its private listener. They are no players, and are disabled instead of deleted. */
export const operators = umpire.table(
  "operators",
  {
    id: text().primaryKey(),
    name: text().notNull(),
    role: text({ enum: ["support", "economy", "admin"] }).notNull(),
    passwordHash: text("password_hash").notNull(),
    /** Encrypted with a key that derives from SERVER_SECRET. */
    totpSecret: text("totp_secret").notNull(),
    createdAt: instant("created_at").notNull(),
    disabledAt: instant("disabled_at"),
    /** Attempts to sign in since the window began. A success begins a new one. */
    attempts: integer().notNull().default(0),
    attemptsSince: instant("attempts_since").notNull(),
  },
  (table) => [
    unique("operators_name").on(table.name),
    check("operators_id", sql`${table.id} ~ '^opr_[0-9a-z]{26}$'`),
    check("operators_name_form", sql`${table.name} ~ '^[a-z][a-z0-9-]{0,31}$'`),
    check("operators_role", sql`${table.role} in ('support', 'economy', 'admin')`),
    check("operators_password_hash", sql`${table.passwordHash} like '$argon2id$%'`),
    check("operators_totp_secret", sql`${table.totpSecret} ~ '^[0-9A-Za-z_-]{64}$'`),
  ],
);

/** Who is signed in. The id is a hash of the token, and the constraint sees to it that no token is ever stored. */
export const operatorSessions = umpire.table(
  "operator_sessions",
  {
    id: text().primaryKey(),
    operatorId: text("operator_id")
      .notNull()
      .references(() => operators.id, { onDelete: "cascade" }),
    createdAt: instant("created_at").notNull(),
    /** Moves on as the session is used, never past the absolute end. */
    expiresAt: instant("expires_at").notNull(),
    absoluteExpiresAt: instant("absolute_expires_at").notNull(),
  },
  (table) => [
    index("operator_sessions_operator_id").on(table.operatorId),
    check("operator_sessions_id", sql`${table.id} ~ '^ops_[0-9A-Za-z_-]{43}$'`),
    check("operator_sessions_expiry", sql`${table.expiresAt} <= ${table.absoluteExpiresAt}`),
  ],
);

/** Steps of 30 seconds whose code has signed its operator in: it does so once. */
export const operatorTotpUses = umpire.table(
  "operator_totp_uses",
  {
    operatorId: text("operator_id")
      .notNull()
      .references(() => operators.id, { onDelete: "cascade" }),
    step: bigint({ mode: "bigint" }).notNull(),
  },
  (table) => [primaryKey({ name: "operator_totp_uses_key", columns: [table.operatorId, table.step] })],
);
