import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { AccountId, ItemId } from "../../../schema/ids.ts";
import { inventoryItems, inventoryMoves } from "../../../schema/tables/inventory.ts";
import type { Db } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import type { InventoryParts } from "./service.ts";

export type Holding =
  | { readonly kind: "stack"; readonly item: string; readonly quantity: number }
  | {
      readonly kind: "unique";
      readonly item: string;
      readonly id: ItemId;
      readonly bound: boolean;
      /** Where it is worn, or null. */
      readonly slot: string | null;
      readonly expiresAt: Date | null;
      readonly createdAt: Date;
    };

export interface HistoryLine {
  /** Where the next page begins. */
  readonly place: bigint;
  readonly kind: "granted" | "consumed" | "traded-out" | "traded-in";
  /** Whose it was or became; of a player who is gone, a name that leads to nobody. */
  readonly accountId: AccountId;
  readonly reason: string;
  readonly reference: string;
  readonly contentVersion: number | null;
  readonly at: Date;
}

/** An item by itself, whoever has it. */
export interface ItemRecord {
  readonly id: ItemId;
  readonly item: string;
  /** Null when it is gone. */
  readonly accountId: AccountId | null;
  readonly bound: boolean;
  readonly slot: string | null;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly contentVersion: number;
}

interface HistoryPage {
  readonly after?: bigint | undefined;
  readonly limit: number;
}

export interface Holdings {
  /**
   * What the account has, by item, from behind `after`: the `next` of the page before. `limit` is 1 to HOLDINGS_PAGE_MAX.
   * What has expired is not shown, whether it has been swept or not.
   */
  list(
    accountId: AccountId,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<{ holdings: Holding[]; next: string | null }>;
  /** How an item came to be and every owner, oldest first. Fails with INVENTORY_ITEM_UNKNOWN unless it is the account's. */
  history(accountId: AccountId, itemId: ItemId, page: HistoryPage): Promise<HistoryLine[]>;
  /** The same of any item, also of one that is gone, for those who run the server. Fails with INVENTORY_ITEM_UNKNOWN. */
  provenance(itemId: ItemId, page: HistoryPage): Promise<{ item: ItemRecord; history: HistoryLine[] }>;
}

export const HOLDINGS_PAGE_MAX = 100;
/** What `next` looks like: an item, and of a unique one which. */
export const PLACE = /^[a-z][a-z0-9-]{0,31}(\.itm_[0-9a-z]{26})?$/;

export function createHoldings({ db, clock }: InventoryParts): Holdings {
  const provenance: Holdings["provenance"] = async (itemId, page) => {
    const [row] = await db.select().from(inventoryItems).where(eq(inventoryItems.id, itemId));
    if (row === undefined) throw new AppError("INVENTORY_ITEM_UNKNOWN", { itemId });
    const item = { ...row, id: itemId, accountId: row.accountId as AccountId | null };
    return { item, history: await historyOf(db, itemId, page) };
  };
  return {
    provenance,

    async list(accountId, { after = "", limit }) {
      const [item = "", id = ""] = after.split(".");
      const rows = await db.execute<HoldingRow>(sql`
        (select item, '' as id, quantity, false as bound, null::text as slot, null::timestamptz as expires_at,
           null::timestamptz as created_at
         from umpire.inventory_stacks where account_id = ${accountId} and item > ${item} order by item limit ${limit + 1})
        union all
        (select item, id, 1, bound, slot, expires_at, created_at from umpire.inventory_items
         where account_id = ${accountId} and (item, id) > (${item}, ${id})
           and (expires_at is null or expires_at > ${clock.date()}) order by item, id limit ${limit + 1})
        order by item, id limit ${limit + 1}`);
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      const next = rows.length > limit && last !== undefined ? placeOf(last) : null;
      return { holdings: shown.map(holdingOf), next };
    },

    async history(accountId, itemId, page) {
      const { item, history } = await provenance(itemId, page);
      if (item.accountId !== accountId) throw new AppError("INVENTORY_ITEM_UNKNOWN", { itemId });
      return history;
    },
  };
}

async function historyOf(db: Db, itemId: ItemId, { after = -1n, limit }: HistoryPage): Promise<HistoryLine[]> {
  const rows = await db
    .select()
    .from(inventoryMoves)
    .where(and(eq(inventoryMoves.itemId, itemId), gt(inventoryMoves.sequence, after)))
    .orderBy(asc(inventoryMoves.sequence))
    .limit(Math.min(limit, HOLDINGS_PAGE_MAX));
  return rows.map(({ sequence, createdAt, kind, reason, reference, contentVersion, ...row }) => {
    return {
      ...{ place: sequence, kind, accountId: row.accountId as AccountId },
      ...{ reason, reference, contentVersion, at: createdAt },
    };
  });
}

// A type and not an interface: only that counts as a record of columns.
type HoldingRow = {
  item: string;
  id: string;
  quantity: bigint;
  bound: boolean;
  slot: string | null;
  expires_at: Date | null;
  created_at: Date | null;
};

function placeOf({ item, id }: HoldingRow): string {
  return id === "" ? item : `${item}.${id}`;
}

function holdingOf({ item, id, quantity, bound, slot, ...row }: HoldingRow): Holding {
  if (row.created_at === null) return { kind: "stack", item, quantity: Number(quantity) };
  const { expires_at: expiresAt, created_at: createdAt } = row;
  return { kind: "unique", item, id: id as ItemId, bound, slot, expiresAt, createdAt };
}
