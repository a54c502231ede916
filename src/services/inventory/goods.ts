import { AMOUNT_MAX, type Content, entryOf } from "../../../schema/content.ts";
import type { ItemId } from "../../../schema/ids.ts";
import { AppError } from "../../platform/errors.ts";
import type { Taken } from "../catalogue/bundles.ts";

/** So many of an item. Of a unique one, `ids` may say which: as many as the quantity, each once. */
export interface Goods {
  readonly item: string;
  readonly quantity: number;
  readonly ids?: readonly ItemId[] | undefined;
}

/** Each unique item is a row with an id: a slip of a zero in somebody's content shall not fill the database. */
const UNIQUES_AT_ONCE_MAX = 1000;

/** Goods as `umpire.inventory_take` wants them. Fails with INVENTORY_ITEM_UNKNOWN or INVENTORY_QUANTITY_INVALID. */
export function checkGoods(goods: readonly Goods[], content: Content): Taken[] {
  return goods.map(({ item, quantity, ids }) => {
    const known = entryOf(content.items, item);
    if (known === undefined) throw new AppError("INVENTORY_ITEM_UNKNOWN", { item });
    const max = known.kind === "unique" ? UNIQUES_AT_ONCE_MAX : AMOUNT_MAX;
    const isWhole = Number.isInteger(quantity) && quantity >= 1 && quantity <= max;
    const isAll = ids === undefined || (known.kind === "unique" && ids.length === quantity);
    if (!isWhole || !isAll) throw new AppError("INVENTORY_QUANTITY_INVALID", { item });
    return { item, kind: known.kind, quantity, ...(ids !== undefined && { ids }) };
  });
}

/** So many of each item. */
export function goodsOf(items: Readonly<Record<string, number>>): Goods[] {
  return Object.entries(items).map(([item, quantity]) => ({ item, quantity }));
}
