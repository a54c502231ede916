import { z } from "zod";
import { contentKey } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { parse, route } from "../../platform/http.ts";
import { idempotencyKey } from "../../platform/idempotency.ts";
import { idShape } from "../../platform/ids.ts";
import {
  goodsShape,
  historyLine,
  historyPage,
  holdingList,
  holdingsAnswer,
  holdingsPage,
  movedAnswer,
  movedShape,
} from "./answers.ts";
import type { Inventory } from "./service.ts";

const readLimit = { count: 240, perSeconds: 60 };
const writeLimit = { count: 120, perSeconds: 60 };
const SLOTS_MAX = 32;

/** Printable, as the database can keep no other text: a NUL in it would be our failure. */
const key = idempotencyKey;
const itemId = idShape("item");
const accountId = z
  .string()
  .regex(/^acc_[\w-]{1,60}$/)
  .transform((id) => id as AccountId);
const loadoutName = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} _-]{0,31}$/u);
const slots = z
  .record(contentKey, itemId)
  .refine((given) => Object.keys(given).length <= SLOTS_MAX, `at most ${SLOTS_MAX} slots`);

const listQuery = z.strictObject(holdingsPage);
const historyQuery = z.strictObject(historyPage);

const wornReply = z.object({ worn: z.record(z.string(), z.object({ id: z.string(), item: z.string() })) });
const loadoutList = z.object({
  loadouts: z.array(z.object({ name: z.string(), slots: z.record(z.string(), z.string()), active: z.boolean() })),
});

/** What a verb that changes something may be refused with. */
const REFUSALS = [
  "IDEMPOTENCY_CONFLICT",
  "INVENTORY_ACCOUNT_UNKNOWN",
  "INVENTORY_BOUND",
  "INVENTORY_EQUIPPED",
  "INVENTORY_EXPIRED",
  "INVENTORY_FULL",
  "INVENTORY_INSUFFICIENT",
  "INVENTORY_ITEM_UNKNOWN",
  "INVENTORY_LOADOUT_UNKNOWN",
  "INVENTORY_LOADOUTS_FULL",
  "INVENTORY_NOT_TRADABLE",
  "INVENTORY_NOT_WEARABLE",
  "INVENTORY_QUANTITY_INVALID",
  "INVENTORY_RECIPE_UNKNOWN",
  "INVENTORY_TO_SELF",
  "WALLET_INSUFFICIENT",
] as const;

/** Everything here is about the caller's own inventory; whose it is comes from the session alone. */
export function inventoryRoutes(inventory: Inventory) {
  return [...holdingsRoutes(inventory), ...movingRoutes(inventory), ...wornRoutes(inventory)];
}

function holdingsRoutes(inventory: Inventory) {
  const read = { method: "GET", role: "player", limit: readLimit } as const;
  return [
    route(
      { ...read, path: "/api/inventory", query: listQuery, reply: holdingList },
      async ({ principal, query: page }) => {
        return holdingsAnswer(await inventory.list(principal.accountId, page));
      },
    ),
    route(
      {
        ...read,
        path: "/api/inventory/items/:itemId/history",
        query: historyQuery,
        reply: z.object({ history: z.array(historyLine) }),
        errors: ["INVENTORY_ITEM_UNKNOWN"],
      },
      async ({ principal, params, query: page }) => {
        const lines = await inventory.history(principal.accountId, parse(itemId, params["itemId"]), page);
        return {
          history: lines.map(({ place, at, ...line }) => ({ ...line, place: place.toString(), at: at.toISOString() })),
        };
      },
    ),
  ];
}

function movingRoutes(inventory: Inventory) {
  const write = { method: "POST", role: "player", limit: writeLimit, errors: REFUSALS } as const;
  const give = z.strictObject({ key, to: accountId, goods: goodsShape });
  const craft = z.strictObject({ key, recipe: contentKey });
  return [
    route(
      { ...write, path: "/api/inventory/transfer", body: give, reply: z.object({ moved: z.array(movedShape) }) },
      async ({ principal, body }) => {
        const went = await inventory.transfer({ from: principal.accountId, ...body });
        return { moved: movedAnswer(went) };
      },
    ),
    route(
      {
        ...write,
        path: "/api/inventory/craft",
        body: craft,
        reply: z.object({ taken: z.array(movedShape), given: z.array(movedShape) }),
      },
      async ({ principal, body }) => {
        const { taken, given } = await inventory.craft({ accountId: principal.accountId, ...body });
        return { taken: movedAnswer(taken), given: movedAnswer(given) };
      },
    ),
  ];
}

function wornRoutes(inventory: Inventory) {
  const read = { method: "GET", role: "player", limit: readLimit } as const;
  const write = { method: "POST", role: "player", limit: writeLimit, reply: wornReply, errors: REFUSALS } as const;
  const own = { key, name: loadoutName };
  return [
    route({ ...read, path: "/api/inventory/worn", reply: wornReply }, async ({ principal }) => ({
      worn: await inventory.worn(principal.accountId),
    })),
    route(
      { ...write, path: "/api/inventory/equip", body: z.strictObject({ key, itemId }) },
      async ({ principal, body }) => ({ worn: await inventory.equip({ ...principal, ...body }) }),
    ),
    route(
      { ...write, path: "/api/inventory/unequip", body: z.strictObject({ key, slot: contentKey }) },
      async ({ principal, body }) => ({ worn: await inventory.unequip({ ...principal, ...body }) }),
    ),
    route({ ...read, path: "/api/inventory/loadouts", reply: loadoutList }, async ({ principal }) => ({
      loadouts: await inventory.loadouts(principal.accountId),
    })),
    route(
      { ...write, path: "/api/inventory/loadouts", body: z.strictObject({ ...own, slots }) },
      async ({ principal, body }) => ({ worn: await inventory.saveLoadout({ ...principal, ...body }) }),
    ),
    route(
      { ...write, path: "/api/inventory/loadouts/wear", body: z.strictObject(own) },
      async ({ principal, body }) => ({ worn: await inventory.wearLoadout({ ...principal, ...body }) }),
    ),
    route(
      { ...write, path: "/api/inventory/loadouts/remove", body: z.strictObject(own) },
      async ({ principal, body }) => ({ worn: await inventory.removeLoadout({ ...principal, ...body }) }),
    ),
  ];
}
