import { sql } from "drizzle-orm";
import { entryOf } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import type { Ids } from "../../platform/ids.ts";
import { expenseOf, incomeOf } from "../catalogue/bundles.ts";
import type { Catalogue } from "../catalogue/service.ts";
import type { Inventory } from "../inventory/service.ts";
import type { Fulfilment, Purchase } from "../payments/transactions.ts";
import type { Wallet } from "../wallet/service.ts";

interface FulfilmentParts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly catalogue: Pick<Catalogue, "contentOf">;
  readonly inventory: Pick<Inventory, "giveWithin" | "takeBack">;
  readonly wallet: Pick<Wallet, "post">;
}

/**
 * Hands over what was paid for with money, and takes it back. What a player has spent or used up by then: of a currency it
 * becomes debt, which whatever comes in pays first; of items what is left is taken, and nothing else. An account that is
 * gone gets nothing and owes nothing.
 */
export function createFulfilment(parts: FulfilmentParts): Fulfilment {
  const { ids, catalogue, inventory, wallet } = parts;
  const goodsOf = async ({ offer, contentVersion, quantity }: Purchase) => {
    const content = await catalogue.contentOf(contentVersion);
    const gives = entryOf(content.offers, offer)?.gives;
    if (gives === undefined) throw new AppError("STORE_OFFER_UNKNOWN", { offer });
    return { content, currencies: times(gives.currencies, quantity), items: times(gives.items, quantity) };
  };
  return {
    async deliver(tx, purchase) {
      const { accountId, contentVersion, reference } = purchase;
      const { content, currencies, items } = await goodsOf(purchase);
      if (!(await isThere(tx, accountId))) return;
      // No cap holds for what was paid for with money.
      const lines = incomeOf(content, { currencies }, { from: "mint", accountId }).map(({ max: _, ...line }) => line);
      if (lines.length > 0) {
        await wallet.post(tx, { id: ids.mint("transaction"), reason: "payment", reference, lines });
      }
      await inventory.giveWithin(tx, { accountId, items, content, contentVersion }, { reason: "payment", reference });
    },

    async revoke(tx, purchase) {
      const { accountId, reference } = purchase;
      const { content, currencies, items } = await goodsOf(purchase);
      if (!(await isThere(tx, accountId))) return;
      const lines = expenseOf({ currencies }, { to: "store", accountId, mayOwe: true });
      if (lines.length > 0) {
        await wallet.post(tx, { id: ids.mint("transaction"), reason: "clawback", reference, lines });
      }
      await inventory.takeBack(tx, { accountId, items, content }, { reason: "clawback", reference });
    },
  };
}

async function isThere(tx: Tx, accountId: AccountId): Promise<boolean> {
  const held = await tx.execute(sql`select umpire.account_hold(array[${accountId}]::text[])`);
  return held.length > 0;
}

function times(amounts: Readonly<Record<string, number>>, quantity: number): Record<string, number> {
  return Object.fromEntries(Object.entries(amounts).map(([key, amount]) => [key, amount * quantity]));
}
