import { type Bundle, type Content, entryOf } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Expense, HouseBook, Income } from "../wallet/movements.ts";

/** What `umpire.inventory_give` takes of one item. */
export interface Given {
  readonly item: string;
  readonly kind: "stack" | "unique";
  readonly quantity: number;
  /** A player never has more of this stack. */
  readonly max: number | null;
  /** Of unique items: one for each. */
  readonly ids: readonly string[];
  readonly expiresAt: string | null;
  readonly bound: boolean;
}

const DAY_MS = 24 * 3600 * 1000;

/** A bundle's currencies on their way into a player's wallet, with the caps that the content sets. */
export function incomeOf(
  { currencies: known }: Content,
  { currencies }: Pick<Bundle, "currencies">,
  { from, accountId }: { from: HouseBook; accountId: AccountId },
): Income[] {
  return Object.entries(currencies).map(([currency, amount]) => {
    const max = entryOf(known, currency)?.max;
    const most = max === undefined ? {} : { max: BigInt(max) };
    return { from, to: "wallet", toAccount: accountId, currency, amount: BigInt(amount), ...most };
  });
}

/** A bundle's currencies on their way out of a player's wallet. */
export function expenseOf(
  { currencies }: Pick<Bundle, "currencies">,
  { to, accountId, mayOwe = false }: { to: HouseBook; accountId: AccountId; mayOwe?: boolean },
): Expense[] {
  return Object.entries(currencies).map(([currency, amount]) => ({
    from: "wallet",
    fromAccount: accountId,
    to,
    currency,
    amount: BigInt(amount),
    ...(mayOwe && { mayOwe }),
  }));
}

/** A bundle's items as the inventory takes them, each unique one with an id of its own. */
export function givenOf(
  { items: known }: Content,
  { items }: Pick<Bundle, "items">,
  { ids, at, bound = false }: { ids: Ids; at: Date; bound?: boolean },
): Given[] {
  return Object.entries(items).map(([item, quantity]) => {
    const { kind = "stack", max = null, expiresAfterDays } = entryOf(known, item) ?? {};
    const expiresAt =
      expiresAfterDays === undefined ? null : new Date(at.getTime() + expiresAfterDays * DAY_MS).toISOString();
    const minted = kind === "unique" ? Array.from({ length: quantity }, () => ids.mint("item")) : [];
    return { item, kind, quantity, max, ids: minted, expiresAt, bound };
  });
}

/** What `umpire.inventory_take` takes of one item. */
export interface Taken {
  readonly item: string;
  readonly kind: "stack" | "unique";
  readonly quantity: number;
  /** Which of the unique ones; left out, the oldest. */
  readonly ids?: readonly string[];
}

/** A bundle's items as the inventory gives them up. */
export function takenOf({ items: known }: Content, { items }: Pick<Bundle, "items">): Taken[] {
  return Object.entries(items).map(([item, quantity]) => ({
    item,
    kind: entryOf(known, item)?.kind ?? "stack",
    quantity,
  }));
}

/** All of these together. */
export function addBundles(bundles: readonly Bundle[]): Bundle {
  const sum = (parts: readonly Readonly<Record<string, number>>[]) => {
    const total = new Map<string, number>();
    for (const part of parts) {
      for (const [key, amount] of Object.entries(part)) total.set(key, (total.get(key) ?? 0) + amount);
    }
    return Object.fromEntries(total);
  };
  return {
    items: sum(bundles.map(({ items }) => items)),
    currencies: sum(bundles.map(({ currencies }) => currencies)),
  };
}
