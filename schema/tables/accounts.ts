import { sql } from "drizzle-orm";
import { check, index, text, timestamp, unique, uniqueIndex } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 }).notNull();

/** Who plays: a guest, or someone who can sign in again from anywhere. */
export const accounts = umpire.table(
  "accounts",
  {
    id: text().primaryKey(),
    displayName: text("display_name").notNull(),
    kind: text({ enum: ["guest", "registered"] }).notNull(),
    /** A load tester's accounts are removed soon, registered ones too. */
    origin: text({ enum: ["player", "loadtest"] })
      .notNull()
      .default("player"),
    createdAt: instant("created_at"),
  },
  (table) => [
    check("accounts_id", sql`${table.id} ~ '^acc_[0-9a-z]{26}$'`),
    check("accounts_display_name", sql`char_length(${table.displayName}) between 1 and 24`),
    check("accounts_kind", sql`${table.kind} in ('guest', 'registered')`),
    check("accounts_origin", sql`${table.origin} in ('player', 'loadtest')`),
    index("accounts_purge").on(table.createdAt).where(sql`${table.kind} = 'guest' or ${table.origin} = 'loadtest'`),
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

/** A password reset that was asked for: one per account, the newest. The token itself is only in the mail. */
export const accountPasswordResets = umpire.table(
  "account_password_resets",
  {
    accountId: text("account_id")
      .primaryKey()
      .references(() => accounts.id, { onDelete: "cascade" }),
    tokenHash: text("token_hash").notNull(),
    /** Where the token was mailed to: it is worth nothing once the account has another address. */
    email: text().notNull(),
    expiresAt: instant("expires_at"),
  },
  (table) => [
    unique("account_password_resets_token_hash").on(table.tokenHash),
    index("account_password_resets_expires_at").on(table.expiresAt),
    check("account_password_resets_token_hash_form", sql`${table.tokenHash} ~ '^[0-9A-Za-z_-]{43}$'`),
  ],
);

/** A guest's registration that waits for the mailed link: one per account, the newest. */
export const accountRegistrations = umpire.table(
  "account_registrations",
  {
    accountId: text("account_id")
      .primaryKey()
      .references(() => accounts.id, { onDelete: "cascade" }),
    tokenHash: text("token_hash").notNull(),
    email: text().notNull(),
    passwordHash: text("password_hash").notNull(),
    displayName: text("display_name"),
    expiresAt: instant("expires_at"),
  },
  (table) => [
    unique("account_registrations_token_hash").on(table.tokenHash),
    index("account_registrations_expires_at").on(table.expiresAt),
    check("account_registrations_token_hash_form", sql`${table.tokenHash} ~ '^[0-9A-Za-z_-]{43}$'`),
    check("account_registrations_password_hash", sql`${table.passwordHash} like '$argon2id$%'`),
  ],
);

/**
 * Who was kept out, when and why. A ban holds until it expires or is lifted, whichever comes first; a new one takes the
 * place of the one before, which is lifted at that moment.
 */
export const accountBans = umpire.table(
  "account_bans",
  {
    id: text().primaryKey(),
    accountId: text("account_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    /** For those who decide about bans: what happened, who reported it. */
    reason: text().notNull(),
    /** What the player is told. */
    sentence: text().notNull(),
    bannedAt: instant("banned_at"),
    /** Null for good. */
    expiresAt: timestamp("expires_at", { withTimezone: true, precision: 3 }),
    liftedAt: timestamp("lifted_at", { withTimezone: true, precision: 3 }),
  },
  (table) => [
    index("account_bans_account_id").on(table.accountId, table.id),
    uniqueIndex("account_bans_one_in_force").on(table.accountId).where(sql`${table.liftedAt} is null`),
    check("account_bans_id", sql`${table.id} ~ '^ban_[0-9a-z]{26}$'`),
    check("account_bans_reason", sql`char_length(${table.reason}) between 1 and 1000`),
    check("account_bans_sentence", sql`char_length(${table.sentence}) between 1 and 200`),
    check("account_bans_times", sql`${table.expiresAt} > ${table.bannedAt} and ${table.liftedAt} >= ${table.bannedAt}`),
  ],
);
