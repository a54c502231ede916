import { sql } from "drizzle-orm";
import { boolean, check, integer } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

/**
 * The version of the tables that this source knows. Raised by one in the release whose code no longer needs what a later
 * migration takes away; that later migration then sets `minCompatible` to it, and older processes refuse the database.
 */
export const SCHEMA_VERSION = 1;

/** One row: the oldest SCHEMA_VERSION that may still use this database. */
export const compatibility = umpire.table(
  "compatibility",
  {
    isOnlyRow: boolean("is_only_row").primaryKey().default(true),
    minCompatible: integer("min_compatible").notNull(),
  },
  (table) => [check("compatibility_one_row", sql`${table.isOnlyRow}`)],
);
