import { sql } from "drizzle-orm";
import { boolean, check, integer, jsonb, text, timestamp } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

/** Every content that was ever active, whole: ledgers and inventories refer to it for good. */
export const catalogueVersions = umpire.table("catalogue_versions", {
  version: integer().primaryKey().generatedAlwaysAsIdentity(),
  /** SHA-256 of the content, in hex: a server that brings the same content again adds no version. */
  hash: text().notNull().unique("catalogue_versions_hash"),
  content: jsonb().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull(),
});

/** One row: the version that counts now. */
export const catalogueActive = umpire.table(
  "catalogue_active",
  {
    isOnlyRow: boolean("is_only_row").primaryKey().default(true),
    version: integer()
      .notNull()
      .references(() => catalogueVersions.version),
    activatedAt: timestamp("activated_at", { withTimezone: true, precision: 3 }).notNull(),
  },
  (table) => [check("catalogue_active_one_row", sql`${table.isOnlyRow}`)],
);
