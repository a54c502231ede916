import { sql } from "drizzle-orm";
import type { Content } from "../../../schema/content.ts";
import type { AccountId, MatchId } from "../../../schema/ids.ts";
import { refusing, type Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { type Given, givenOf, type Taken, takenOf } from "../catalogue/bundles.ts";
import { checkGoods, type Goods, goodsOf } from "./goods.ts";
import type { Because, InventoryParts, Moved } from "./service.ts";

/** What is given and taken within the transaction of somebody who has a key of their own. */
export interface Deliveries {
  /**
   * What a match gives, within the transaction that records it. An item's `max` does not hold here: a player who is full
   * must not cost the others of the match their result.
   */
  giveForMatch(tx: Tx, gifts: readonly MatchGift[], matchId: MatchId): Promise<void>;
  /** Gives within the caller's transaction. An item's `max` does not hold for what was paid for with money. */
  giveWithin(tx: Tx, goods: OfContent & { readonly contentVersion: number }, because: Because): Promise<void>;
  /** Gives within the caller's transaction, which has the key. Fails as `grant` does. */
  grantWithin(tx: Tx, gift: MatchGift & { readonly bound?: boolean }, because: Because): Promise<readonly Moved[]>;
  /** Takes back within the caller's transaction: what is left of it, worn, bound or expired. */
  takeBack(tx: Tx, goods: OfContent, because: Because): Promise<void>;
  /**
   * Takes back what an operator names, within the caller's transaction, as far as it is there, and tells what went. Fails
   * with INVENTORY_ACCOUNT_UNKNOWN, or with INVENTORY_INSUFFICIENT when nothing of it is there.
   */
  confiscate(
    tx: Tx,
    from: { readonly accountId: AccountId; readonly goods: readonly Goods[] },
    because: Because,
  ): Promise<readonly Moved[]>;
}

/** What a match gives to one player. */
export interface MatchGift {
  readonly accountId: AccountId;
  /** So many of each item. */
  readonly items: Readonly<Record<string, number>>;
}

/** Goods as some version of the content knew them. */
export interface OfContent extends MatchGift {
  readonly content: Content;
}

interface Gift {
  readonly accountId: AccountId;
  readonly given: readonly Given[];
  readonly contentVersion: number;
}

interface Loss {
  readonly accountId: AccountId;
  readonly taken: readonly Taken[];
}

export function createDeliveries({ clock, ids, content, contentVersion: version }: InventoryParts): Deliveries {
  const giveWithin: Deliveries["giveWithin"] = async (tx, { accountId, items, ...of }, because) => {
    const given = givenOf(of.content, { items }, { ids, at: clock.date() }).map((one) => ({ ...one, max: null }));
    if (given.length > 0) await give(tx, { accountId, given, contentVersion: of.contentVersion }, because);
  };
  const give = async (tx: Tx, gift: Gift, { reason, reference }: Because) => {
    const { accountId, given, contentVersion } = gift;
    const [row] = await refusing(
      tx.execute<{ answer: readonly Moved[] }>(sql`select umpire.inventory_give(${accountId},
        ${JSON.stringify(given)}::jsonb, ${reason}, ${reference}, ${contentVersion}, ${clock.date()}) as answer`),
    );
    return row?.answer ?? [];
  };
  const take = async (tx: Tx, { accountId, taken }: Loss, { reason, reference }: Because) => {
    const [row] = await refusing(
      tx.execute<{ answer: readonly Moved[] }>(sql`select umpire.inventory_take(${accountId},
        ${JSON.stringify(taken)}::jsonb, ${reason}, ${reference}, ${clock.date()}, true) as answer`),
    );
    return row?.answer ?? [];
  };
  return {
    giveWithin,

    async giveForMatch(tx, gifts, matchId) {
      const of = { content: content(), contentVersion: version() };
      for (const gift of gifts) await giveWithin(tx, { ...gift, ...of }, { reason: "match", reference: matchId });
    },

    async grantWithin(tx, { accountId, items, bound = false }, because) {
      checkGoods(goodsOf(items), content());
      const given = givenOf(content(), { items }, { ids, at: clock.date(), bound });
      return give(tx, { accountId, given, contentVersion: version() }, because);
    },

    async takeBack(tx, { accountId, items, content: of }, because) {
      const taken = takenOf(of, { items });
      if (taken.length > 0) await take(tx, { accountId, taken }, because);
    },

    async confiscate(tx, { accountId, goods }, because) {
      const taken = checkGoods(goods, content());
      await refusing(tx.execute(sql`select umpire.inventory_enter(array[${accountId}]::text[])`));
      const went = await take(tx, { accountId, taken }, because);
      if (went.length === 0) throw new AppError("INVENTORY_INSUFFICIENT");
      return went;
    },
  };
}
