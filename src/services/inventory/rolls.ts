import { sql } from "drizzle-orm";
import { entryOf } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { inventoryPity, inventoryRolls } from "../../../schema/tables/inventory.ts";
import type { Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import { once } from "../../platform/idempotency.ts";
import { toJson } from "../../platform/json.ts";
import { addBundles, givenOf, incomeOf } from "../catalogue/bundles.ts";
import { rollLoot } from "./rules.ts";
import type { Because, ByKey, Inventory, InventoryParts, Moved } from "./service.ts";

export interface RollOrder extends ByKey, Because {
  readonly accountId: AccountId;
  /** The loot table. */
  readonly loot: string;
}

const SEED_BYTES = 16;

export function createRolls(parts: InventoryParts): Pick<Inventory, "roll"> {
  const { clock, ids, random, contentVersion } = parts;
  return {
    async roll({ scope, key, accountId, loot, reason, reference }) {
      const request = { accountId, loot, reason, reference };
      return once(parts, { scope, key, verb: "inventory.roll", request }, async (tx) => {
        const content = parts.content();
        const version = contentVersion();
        const table = entryOf(content.loot, loot);
        if (table === undefined) throw new AppError("INVENTORY_LOOT_UNKNOWN", { loot });
        const missesBefore = await holdPity(tx, accountId, loot);
        const seed = Buffer.from(random.bytes(SEED_BYTES)).toString("hex");
        const { picks, missesAfter } = rollLoot(table, seed, missesBefore);
        const rollId = ids.mint("roll");
        const createdAt = clock.date();
        await tx.insert(inventoryRolls).values({
          ...{ id: rollId, accountId, loot, contentVersion: version, seed, missesBefore, picks: [...picks] },
          ...{ reason, reference, createdAt },
        });
        await tx
          .update(inventoryPity)
          .set({ misses: missesAfter })
          .where(sql`${inventoryPity.accountId} = ${accountId} and ${inventoryPity.loot} = ${loot}`);
        const gives = addBundles(picks.flatMap((pick) => table.entries[pick]?.gives ?? []));
        const lines = incomeOf(content, gives, { from: "mint", accountId });
        // Money before items, as everywhere.
        if (lines.length > 0) {
          await tx.execute(sql`select umpire.wallet_post(${ids.mint("transaction")}, 'loot', ${rollId}, null,
            ${createdAt}, ${toJson(lines)}::jsonb)`);
        }
        const given = givenOf(content, gives, { ids, at: createdAt });
        const [row] = await tx.execute<{ items: Moved[] }>(sql`select umpire.inventory_give(
          ${accountId}, ${JSON.stringify(given)}::jsonb, 'loot', ${rollId}, ${version}, ${createdAt}) as items`);
        invariant(row !== undefined, "what is given is answered");
        return { rollId, picks: [...picks], items: row.items, currencies: gives.currencies };
      });
    },
  };
}

/** How many rolls this player is behind. Of several openings at the same moment, each waits here for the one before. */
async function holdPity(tx: Tx, accountId: AccountId, loot: string): Promise<number> {
  const held = await tx.execute(sql`select umpire.account_hold(array[${accountId}]::text[])`);
  if (held.length === 0) throw new AppError("INVENTORY_ACCOUNT_UNKNOWN");
  const [row] = await tx
    .insert(inventoryPity)
    .values({ accountId, loot, misses: 0 })
    .onConflictDoUpdate({
      target: [inventoryPity.accountId, inventoryPity.loot],
      set: { misses: sql`${inventoryPity.misses}` },
    })
    .returning({ misses: inventoryPity.misses });
  invariant(row !== undefined, "a count is there or is made");
  return row.misses;
}
