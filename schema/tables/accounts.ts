import { sql } from "drizzle-orm";
import { check, index, text, timestamp, unique } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 }).notNull();

/** Who plays: a guest, or someone who can sign in again from anywhere. */
export const accounts = umpire.table(
  "accounts",
  {
    id: text().primaryKey(),
    displayName: text("display_name").notNull(),
    kind: text({ enum: ["guest", "registered"] }).notNull(),
    createdAt: instant("created_at"),
  },
  (table) => [
    check("accounts_id", sql`${table.id} ~ '^acc_[0-9a-z]{26}$'`),
    check("accounts_display_name", sql`char_length(${table.displayName}) between 1 and 24`),
    check("accounts_kind", sql`${table.kind} in ('guest', 'registered')`),
  ],
);

/** How a registered account signs in. The e-mail address is stored in lower case, which is what makes it unique. */
export const accountCredentials = umpire.table(
  "account_credentials",
  {
    accountId: text("account_id")
      .primaryKey()
      .references(() => accounts.id, { onDelete: "cascade" }),
    email: text().notNull(),
    passwordHash: text("password_hash").notNull(),
    createdAt: instant("created_at"),
    updatedAt: instant("updated_at"),
  },
  (table) => [
    unique("account_credentials_email").on(table.email),
    check(
      "account_credentials_email_form",
      sql`${table.email} = lower(${table.email}) and char_length(${table.email}) between 3 and 254`,
    ),
    check("account_credentials_password_hash", sql`${table.passwordHash} like '$argon2id$%'`),
  ],
);

/**
 * Who is signed in where. The id is a hash of the token, and the constraint sees to it that no token is ever stored.
 * Lucia's adapter insists on the names `userId` and `expiresAt`.
 */
export const accountSessions = umpire.table(
  "account_sessions",
  {
    id: text().primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    /** Moves on as the session is used, never past the absolute end. */
    expiresAt: instant("expires_at"),
    absoluteExpiresAt: instant("absolute_expires_at"),
    createdAt: instant("created_at"),
    lastSeenAt: instant("last_seen_at"),
    /** The browser or program, so that its owner recognises it in a list. */
    label: text().notNull(),
  },
  (table) => [
    index("account_sessions_user_id").on(table.userId),
    index("account_sessions_expires_at").on(table.expiresAt),
    check("account_sessions_id", sql`${table.id} ~ '^ses_[0-9A-Za-z_-]{43}$'`),
    check("account_sessions_expiry", sql`${table.expiresAt} <= ${table.absoluteExpiresAt}`),
    check("account_sessions_label", sql`char_length(${table.label}) <= 100`),
  ],
);
