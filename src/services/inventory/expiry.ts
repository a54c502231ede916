import { sql } from "drizzle-orm";
import { invariant } from "../../platform/errors.ts";
import type { Inventory, InventoryParts } from "./service.ts";

export function createExpiry({ db, clock, log }: InventoryParts): Pick<Inventory, "expire"> {
  return {
    async expire({ pageSize = 500, pagesMax = 100 } = {}) {
      let expired = 0;
      for (let page = 0; page < pagesMax; page++) {
        const [row] = await db.execute<{ answer: { due: number; expired: number } }>(
          sql`select umpire.inventory_expire(${pageSize}, ${clock.date()}) as answer`,
        );
        invariant(row !== undefined, "a sweep is answered");
        expired += row.answer.expired;
        if (row.answer.due === pageSize) continue;
        if (expired > 0) log.info({ items: expired }, "inventory.expired");
        return { expired, done: true };
      }
      return { expired, done: false };
    },
  };
}
