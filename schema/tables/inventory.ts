import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import { moveKind, quantity, reason, reference } from "./domains.ts";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** Items of which only the number counts. Whoever has none has no row. */
export const inventoryStacks = umpire.table(
  "inventory_stacks",
  {
    accountId: text("account_id").notNull(),
    item: text().notNull(),
    quantity: quantity().notNull(),
  },
  (table) => [primaryKey({ name: "inventory_stacks_key", columns: [table.accountId, table.item] })],
);

/** Items that are each themselves. The row outlives its use: an item that is gone has no owner, and still its history. */
export const inventoryItems = umpire.table(
  "inventory_items",
  {
    id: text().primaryKey(),
    item: text().notNull(),
    /** Null once it is used up, has expired or was taken back. */
    accountId: text("account_id"),
    /** It stays with whoever got it first. */
    bound: boolean().notNull(),
    /** Where it is worn now. */
    slot: text(),
    expiresAt: instant("expires_at"),
    createdAt: instant("created_at").notNull(),
    /** The content that it was made by. */
    contentVersion: integer("content_version").notNull(),
  },
  (table) => [
    index("inventory_items_list").on(table.accountId, table.item, table.id),
    uniqueIndex("inventory_items_slot").on(table.accountId, table.slot).where(sql`${table.slot} is not null`),
    index("inventory_items_expiry")
      .on(table.expiresAt, table.id)
      .where(sql`${table.accountId} is not null and ${table.expiresAt} is not null`),
    check("inventory_items_worn_by_owner", sql`${table.slot} is null or ${table.accountId} is not null`),
  ],
);

/** Every change of what anybody has, in order, and why. Nothing here is ever changed or removed. */
export const inventoryMoves = umpire.table(
  "inventory_moves",
  {
    sequence: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    accountId: text("account_id").notNull(),
    item: text().notNull(),
    /** Which one; null for a stack. */
    itemId: text("item_id"),
    kind: moveKind().notNull(),
    quantity: quantity().notNull(),
    /** Why, in one word of the code: `match`, `purchase`, `craft`, `loot`, `transfer`, `expired`, `clawback`. */
    reason: reason().notNull(),
    /** What it belongs to: a match, a purchase, a roll. Both halves of a transfer have the same. */
    reference: reference().notNull(),
    /** The content by which it was given. */
    contentVersion: integer("content_version"),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    index("inventory_moves_account").on(table.accountId, table.item, table.sequence),
    index("inventory_moves_item").on(table.itemId, table.sequence).where(sql`${table.itemId} is not null`),
    check("inventory_moves_unique", sql`${table.itemId} is null or ${table.quantity} = 1`),
  ],
);

/** What a player likes to wear together. It may name items that are gone since. */
export const inventoryLoadouts = umpire.table(
  "inventory_loadouts",
  {
    accountId: text("account_id").notNull(),
    name: text().notNull(),
    /** Item ids by slot. */
    slots: jsonb().notNull(),
    /** It was put on, and nothing by hand since. */
    active: boolean().notNull(),
  },
  (table) => [
    primaryKey({ name: "inventory_loadouts_key", columns: [table.accountId, table.name] }),
    uniqueIndex("inventory_loadouts_active").on(table.accountId).where(sql`${table.active}`),
    check("inventory_loadouts_name", sql`char_length(${table.name}) between 1 and 32`),
  ],
);

/** How many rolls ago a player last got what a loot table promises after so many. */
export const inventoryPity = umpire.table(
  "inventory_pity",
  {
    accountId: text("account_id").notNull(),
    loot: text().notNull(),
    misses: integer().notNull(),
  },
  (table) => [
    primaryKey({ name: "inventory_pity_key", columns: [table.accountId, table.loot] }),
    check("inventory_pity_misses", sql`${table.misses} >= 0`),
  ],
);

/** Every opening of a loot table, with all that its outcome follows from. */
export const inventoryRolls = umpire.table(
  "inventory_rolls",
  {
    id: text().primaryKey(),
    accountId: text("account_id").notNull(),
    loot: text().notNull(),
    contentVersion: integer("content_version").notNull(),
    /** 128 bits in hex. */
    seed: text().notNull(),
    missesBefore: integer("misses_before").notNull(),
    /** The indexes of the entries that it gave, in order. */
    picks: jsonb().notNull(),
    reason: text().notNull(),
    reference: text().notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    index("inventory_rolls_account").on(table.accountId, table.id),
    check("inventory_rolls_seed", sql`${table.seed} ~ '^[0-9a-f]{32}$'`),
    check("inventory_rolls_misses", sql`${table.missesBefore} >= 0`),
  ],
);
