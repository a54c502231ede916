import { sql } from "drizzle-orm";
import { type Content, entryOf } from "../../../schema/content.ts";
import type { AccountId, ItemId, RollId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import { crashPoint } from "../../platform/crash-point.ts";
import { type Db, refusing } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import { once, requestHash } from "../../platform/idempotency.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { expenseOf, givenOf, incomeOf, takenOf } from "../catalogue/bundles.ts";
import { createDeliveries, type Deliveries } from "./deliveries.ts";
import { createExchange, orRefusal } from "./exchange.ts";
import { createExpiry } from "./expiry.ts";
import { checkGoods, type Goods, goodsOf } from "./goods.ts";
import { createHoldings, type Holdings } from "./holdings.ts";
import { createLoadouts, type Loadouts } from "./loadouts.ts";
import { createRolls, type RollOrder } from "./rolls.ts";

/** What moved: of a unique item which ones, of a stack no ids. */
export type Moved = { readonly item: string; readonly quantity: number; readonly ids: readonly ItemId[] };

/** A key is a player's own, or one of a part of the server, whose keys no player can use up: see `Keyed`. */
export interface ByKey {
  readonly scope: string;
  readonly key: string;
}

/** Why something moved, for the history: a word of the code, and what it belongs to. */
export interface Because {
  /** `match`, `purchase`, `craft`: up to 32 small letters and hyphens. */
  readonly reason: string;
  /** 1 to 128 characters: a match's id, a purchase's. */
  readonly reference: string;
}

export interface GrantOrder extends ByKey, Because {
  readonly accountId: AccountId;
  /** How many of each item. */
  readonly items: Readonly<Record<string, number>>;
  /** The unique ones stay with the account. */
  readonly bound?: boolean;
}

export interface ConsumeOrder extends ByKey, Because {
  readonly accountId: AccountId;
  readonly goods: readonly Goods[];
}

export interface TransferOrder {
  readonly from: AccountId;
  /** The giver's. */
  readonly key: string;
  readonly to: AccountId;
  readonly goods: readonly Goods[];
}

export type Rolled = {
  readonly rollId: RollId;
  /** The indexes of the table's entries that came out. */
  readonly picks: readonly number[];
  readonly items: readonly Moved[];
  readonly currencies: Readonly<Record<string, number>>;
};

export type Crafted = { readonly taken: readonly Moved[]; readonly given: readonly Moved[] };

/**
 * What players have. Every verb that changes something takes a key and happens once per key, at whatever moment it is sent
 * again; the same key with another request fails with IDEMPOTENCY_CONFLICT. Quantities are whole, from 1 to 10^9, else
 * INVENTORY_QUANTITY_INVALID. An item that the active content does not know is INVENTORY_ITEM_UNKNOWN.
 */
export interface Inventory extends Holdings, Loadouts, Deliveries {
  /** Fails with INVENTORY_FULL beyond an item's `max`, or INVENTORY_ACCOUNT_UNKNOWN. */
  grant(order: GrantOrder): Promise<readonly Moved[]>;
  /** Uses up. Fails with INVENTORY_INSUFFICIENT, INVENTORY_EQUIPPED or INVENTORY_EXPIRED, and takes nothing then. */
  consume(order: ConsumeOrder): Promise<readonly Moved[]>;
  /**
   * From one player to another: tradable items that are not bound, worn or expired. Fails as `consume` does, or with
   * INVENTORY_NOT_TRADABLE, INVENTORY_BOUND, INVENTORY_TO_SELF, INVENTORY_FULL or INVENTORY_ACCOUNT_UNKNOWN.
   */
  transfer(order: TransferOrder): Promise<readonly Moved[]>;
  /** Takes what a recipe takes and gives what it gives. Fails as `consume` does, or with WALLET_INSUFFICIENT. */
  craft(order: { readonly accountId: AccountId; readonly key: string; readonly recipe: string }): Promise<Crafted>;
  /** Opens a loot table and gives what comes out. Fails with INVENTORY_LOOT_UNKNOWN, or as `grant` does. */
  roll(order: RollOrder): Promise<Rolled>;
  /** Ends items whose time is over, a page per transaction. `done` is false when more than `pagesMax` pages were due. */
  expire(limits?: {
    readonly pageSize?: number;
    readonly pagesMax?: number;
  }): Promise<{ expired: number; done: boolean }>;
}

export interface InventoryParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly log: Log;
  /** The active content, and its version. */
  readonly content: () => Content;
  readonly contentVersion: () => number;
}

export function createInventory(parts: InventoryParts): Inventory {
  const { db, clock, ids, content } = parts;
  const exchange = createExchange(parts);
  return {
    ...createDeliveries(parts),
    ...createHoldings(parts),
    ...createExpiry(parts),
    ...createLoadouts(parts),
    ...createRolls(parts),

    async grant({ bound = false, ...order }) {
      const { accountId, items, reason, reference } = order;
      const request = { accountId, items, bound, reason, reference };
      const { given } = await exchange({ ...order, verb: "inventory.grant", request }, () => {
        checkGoods(goodsOf(items), content());
        return { given: givenOf(content(), { items }, { ids, at: clock.date(), bound }) };
      });
      return given;
    },

    async consume(order) {
      const { accountId, goods, reason, reference } = order;
      const request = { accountId, goods, reason, reference };
      const keyed = { ...order, verb: "inventory.consume", request };
      return (await exchange(keyed, () => ({ taken: checkGoods(goods, content()) }))).taken;
    },

    async transfer({ from, key, to, goods }) {
      const keyed = { scope: from, key, verb: "inventory.transfer", request: { to, goods } };
      const prepared = orRefusal(() => tradable(goods, content()));
      if ("refusal" in prepared) return once(parts, keyed, () => Promise.reject(prepared.refusal));
      crashPoint("statement.sending");
      const [row] = await refusing(
        db.execute<{ answer: readonly Moved[] }>(sql`select umpire.inventory_transfer(
          ${key}, ${requestHash(keyed)}, ${ids.mint("transfer")}, ${from}, ${to}, ${JSON.stringify(prepared.value)}::jsonb,
          ${clock.date()}) as answer`),
      );
      crashPoint("statement.answered");
      invariant(row !== undefined, "a transfer is answered");
      return row.answer;
    },

    async craft({ accountId, key, recipe }) {
      const transactionId = ids.mint("transaction");
      const because = { reason: "craft", reference: `${recipe}:${transactionId}` };
      const keyed = { scope: accountId, key, verb: "inventory.craft", request: { recipe } };
      return exchange({ ...keyed, ...because, accountId, transactionId }, () => {
        const found = entryOf(content().recipes, recipe);
        if (found === undefined) throw new AppError("INVENTORY_RECIPE_UNKNOWN", { recipe });
        return {
          lines: [
            ...expenseOf(found.takes, { to: "sink", accountId }),
            ...incomeOf(content(), found.gives, { from: "mint", accountId }),
          ],
          taken: takenOf(content(), found.takes),
          given: givenOf(content(), found.gives, { ids, at: clock.date() }),
        };
      });
    },
  };
}

function tradable(goods: readonly Goods[], content: Content) {
  return checkGoods(goods, content).map((wanted) => {
    const { tradable: mayGo, max = null } = entryOf(content.items, wanted.item) ?? {};
    if (mayGo !== true) throw new AppError("INVENTORY_NOT_TRADABLE", { item: wanted.item });
    return { ...wanted, max };
  });
}
