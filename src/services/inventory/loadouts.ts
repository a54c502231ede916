import { and, asc, eq, gt, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import { type Content, entryOf } from "../../../schema/content.ts";
import type { AccountId, ItemId } from "../../../schema/ids.ts";
import { inventoryItems, inventoryLoadouts } from "../../../schema/tables/inventory.ts";
import type { DbOrTx, Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import { once } from "../../platform/idempotency.ts";
import type { InventoryParts } from "./service.ts";

/** What an account wears, by slot. */
export type Worn = { readonly [slot: string]: { readonly id: ItemId; readonly item: string } };
type Slots = Readonly<Record<string, ItemId>>;

export interface Loadout {
  readonly name: string;
  readonly slots: Slots;
  /** It was put on, and nothing by hand since. At most one is. */
  readonly active: boolean;
}

interface Own {
  readonly accountId: AccountId;
  readonly key: string;
}

/** What is worn, and sets of it. Each verb that changes it gives what is worn then. */
export interface Loadouts {
  /** What shows: nothing that has expired. */
  worn(accountId: AccountId): Promise<Worn>;
  /**
   * Puts an item on where its kind is worn; what was there comes off. Fails with INVENTORY_ITEM_UNKNOWN unless it is the
   * account's, INVENTORY_EXPIRED or INVENTORY_NOT_WEARABLE.
   */
  equip(order: Own & { readonly itemId: ItemId }): Promise<Worn>;
  /** Takes off what is worn there, if anything is. */
  unequip(order: Own & { readonly slot: string }): Promise<Worn>;
  loadouts(accountId: AccountId): Promise<Loadout[]>;
  /**
   * Keeps or replaces a set by its name, at most LOADOUTS_MAX. Nothing is put on. Fails as `equip` does, or with
   * INVENTORY_LOADOUTS_FULL.
   */
  saveLoadout(order: Own & { readonly name: string; readonly slots: Slots }): Promise<Worn>;
  /** Wears what is in the set and still there, and nothing else. Fails with INVENTORY_LOADOUT_UNKNOWN. */
  wearLoadout(order: Own & { readonly name: string }): Promise<Worn>;
  /** Forgets a set, if it is there. What is worn stays on. */
  removeLoadout(order: Own & { readonly name: string }): Promise<Worn>;
}

export const LOADOUTS_MAX = 16;

export function createLoadouts(parts: InventoryParts): Loadouts {
  const { db, clock, content } = parts;

  const change = ({ accountId, key }: Own, verb: string, request: object, work: (tx: Tx) => Promise<unknown>) =>
    once(parts, { scope: accountId, key, verb: `inventory.${verb}`, request }, async (tx) => {
      await tx.execute(sql`select umpire.inventory_enter(array[${accountId}]::text[])`);
      await work(tx);
      return wornBy(tx, accountId, clock.date());
    });

  return {
    worn: (accountId) => wornBy(db, accountId, clock.date()),

    equip: ({ itemId, ...own }) =>
      change(own, "equip", { itemId }, async (tx) => {
        const slot = await slotFor(tx, own.accountId, itemId, { content: content(), now: clock.date() });
        await wear(tx, own.accountId, { slots: { [slot]: itemId }, off: [slot] });
        await deactivate(tx, own.accountId);
      }),

    unequip: ({ slot, ...own }) =>
      change(own, "unequip", { slot }, async (tx) => {
        await wear(tx, own.accountId, { slots: {}, off: [slot] });
        await deactivate(tx, own.accountId);
      }),

    async loadouts(accountId) {
      const rows = await db
        .select()
        .from(inventoryLoadouts)
        .where(eq(inventoryLoadouts.accountId, accountId))
        .orderBy(asc(inventoryLoadouts.name))
        .limit(LOADOUTS_MAX);
      return rows.map(({ name, slots, active }) => ({ name, slots: slots as Slots, active }));
    },

    saveLoadout: ({ name, slots, ...own }) =>
      change(own, "save-loadout", { name, slots }, async (tx) => {
        const { accountId } = own;
        for (const [slot, itemId] of Object.entries(slots)) {
          const fits = await slotFor(tx, accountId, itemId, { content: content(), now: clock.date() });
          if (fits !== slot) throw new AppError("INVENTORY_NOT_WEARABLE", { itemId });
        }
        const others = await tx.$count(
          inventoryLoadouts,
          sql`${inventoryLoadouts.accountId} = ${accountId} and ${inventoryLoadouts.name} <> ${name}`,
        );
        if (others >= LOADOUTS_MAX) throw new AppError("INVENTORY_LOADOUTS_FULL", { max: LOADOUTS_MAX });
        await tx
          .insert(inventoryLoadouts)
          .values({ accountId, name, slots, active: false })
          .onConflictDoUpdate({
            target: [inventoryLoadouts.accountId, inventoryLoadouts.name],
            set: { slots, active: false },
          });
      }),

    wearLoadout: ({ name, ...own }) =>
      change(own, "wear-loadout", { name }, async (tx) => {
        const { accountId } = own;
        const isIt = and(eq(inventoryLoadouts.accountId, accountId), eq(inventoryLoadouts.name, name));
        const [loadout] = await tx.select().from(inventoryLoadouts).where(isIt);
        if (loadout === undefined) throw new AppError("INVENTORY_LOADOUT_UNKNOWN", { name });
        const slots = await stillThere(tx, accountId, loadout.slots as Slots, {
          content: content(),
          now: clock.date(),
        });
        await wear(tx, accountId, { slots, off: "all" });
        await deactivate(tx, accountId);
        await tx.update(inventoryLoadouts).set({ active: true }).where(isIt);
      }),

    removeLoadout: ({ name, ...own }) =>
      change(own, "remove-loadout", { name }, (tx) =>
        tx
          .delete(inventoryLoadouts)
          .where(and(eq(inventoryLoadouts.accountId, own.accountId), eq(inventoryLoadouts.name, name))),
      ),
  };
}

interface Wardrobe {
  readonly content: Content;
  readonly now: Date;
}

async function slotFor(tx: Tx, accountId: AccountId, itemId: ItemId, { content, now }: Wardrobe): Promise<string> {
  const { id, item, expiresAt } = inventoryItems;
  const [row] = await tx
    .select({ item, expiresAt })
    .from(inventoryItems)
    .where(and(eq(id, itemId), eq(inventoryItems.accountId, accountId)));
  if (row === undefined) throw new AppError("INVENTORY_ITEM_UNKNOWN", { itemId });
  if (row.expiresAt !== null && row.expiresAt <= now) throw new AppError("INVENTORY_EXPIRED", { itemId });
  const slot = entryOf(content.items, row.item)?.slot;
  if (slot === undefined) throw new AppError("INVENTORY_NOT_WEARABLE", { itemId });
  return slot;
}

/** Of a set, what is still the account's, has not expired, and is still worn there. */
async function stillThere(tx: Tx, accountId: AccountId, slots: Slots, { content, now }: Wardrobe): Promise<Slots> {
  const rows = await tx
    .select({ id: inventoryItems.id, item: inventoryItems.item })
    .from(inventoryItems)
    .where(
      and(
        eq(inventoryItems.accountId, accountId),
        inArray(inventoryItems.id, Object.values(slots)),
        or(isNull(inventoryItems.expiresAt), gt(inventoryItems.expiresAt, now)),
      ),
    );
  const fitting = new Map(rows.map(({ id, item }) => [id, entryOf(content.items, item)?.slot]));
  return Object.fromEntries(Object.entries(slots).filter(([slot, id]) => fitting.get(id) === slot));
}

/** Takes off what is worn in these slots, then puts on. In this order: a slot holds one item at any moment. */
async function wear(tx: Tx, accountId: AccountId, { slots, off }: { slots: Slots; off: "all" | readonly string[] }) {
  const isTheirs = eq(inventoryItems.accountId, accountId);
  await tx
    .update(inventoryItems)
    .set({ slot: null })
    .where(and(isTheirs, off === "all" ? isNotNull(inventoryItems.slot) : inArray(inventoryItems.slot, [...off])));
  for (const [slot, itemId] of Object.entries(slots)) {
    const [worn] = await tx
      .update(inventoryItems)
      .set({ slot })
      .where(and(isTheirs, eq(inventoryItems.id, itemId)))
      .returning({ id: inventoryItems.id });
    invariant(worn !== undefined, "an item that was found in a locked inventory is there");
  }
}

async function deactivate(tx: Tx, accountId: AccountId): Promise<void> {
  await tx
    .update(inventoryLoadouts)
    .set({ active: false })
    .where(and(eq(inventoryLoadouts.accountId, accountId), eq(inventoryLoadouts.active, true)));
}

async function wornBy(db: DbOrTx, accountId: AccountId, now: Date): Promise<Worn> {
  const { id, item, slot, expiresAt } = inventoryItems;
  const rows = await db
    .select({ id, item, slot })
    .from(inventoryItems)
    .where(and(eq(inventoryItems.accountId, accountId), isNotNull(slot), or(isNull(expiresAt), gt(expiresAt, now))));
  return Object.fromEntries(rows.map((row) => [row.slot ?? "", { id: row.id as ItemId, item: row.item }]));
}
