import { sql } from "drizzle-orm";
import { check, integer, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { quantity } from "./domains.ts";
import { umpire } from "./umpire.ts";

/** Everything that was ever bought, for the game's own currencies or for money. */
export const storePurchases = umpire.table(
  "store_purchases",
  {
    id: text().notNull(),
    accountId: text("account_id").notNull(),
    offer: text().notNull(),
    /** The content in which the offer stood as it was bought. */
    contentVersion: integer("content_version").notNull(),
    currency: text().notNull(),
    /** In the currency's smallest unit. */
    amount: quantity().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull(),
  },
  (table) => [
    // A player's history is read by it, too: ids are ordered by time.
    primaryKey({ name: "store_purchases_key", columns: [table.accountId, table.id] }),
  ],
);

/** How often a player has bought an offer that may be bought only so often. */
export const storeLimits = umpire.table(
  "store_limits",
  {
    accountId: text("account_id").notNull(),
    offer: text().notNull(),
    bought: integer().notNull(),
  },
  (table) => [
    primaryKey({ name: "store_limits_key", columns: [table.accountId, table.offer] }),
    check("store_limits_bought", sql`${table.bought} >= 0`),
  ],
);
