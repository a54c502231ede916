import { z } from "zod";
import { contentKey } from "../../../schema/content.ts";
import { idShape } from "../../platform/ids.ts";
import { type OperatorRoute, operatorAct, operatorRead } from "../../platform/operator-http.ts";
import {
  goodsShape,
  historyLine,
  historyPage,
  holdingList,
  holdingsAnswer,
  holdingsPage,
  movedAnswer,
  movedShape,
  quantity,
} from "./answers.ts";
import type { Inventory, Moved } from "./service.ts";

const ITEMS_MAX = 20;

const accountId = idShape("account");
const listQuery = z.strictObject({ accountId, ...holdingsPage });
const itemQuery = z.strictObject({ itemId: idShape("item"), ...historyPage });
const grantBody = z.strictObject({
  accountId,
  /** How many of each. */
  items: z
    .record(contentKey, quantity)
    .refine((items) => Object.keys(items).length >= 1, "at least one item")
    .refine((items) => Object.keys(items).length <= ITEMS_MAX, `at most ${ITEMS_MAX} items`),
  /** The unique ones stay with the account. */
  bound: z.boolean().default(false),
});
const takeBody = z.strictObject({ accountId, goods: goodsShape });

const instant = z.iso.datetime();
const itemShape = z.object({
  item: z.object({
    id: z.string(),
    item: z.string(),
    accountId: z.string().nullable(),
    bound: z.boolean(),
    slot: z.string().nullable(),
    expiresAt: instant.nullable(),
    createdAt: instant,
    contentVersion: z.number().int(),
  }),
  history: z.array(historyLine.extend({ reference: z.string(), contentVersion: z.number().int().nullable() })),
});
const movedReply = z.object({ moved: z.array(movedShape) });

/** What operators see of inventories, give and take back. */
export function inventoryOperatorRoutes(inventory: Inventory): OperatorRoute[] {
  return [...readRoutes(inventory), ...actRoutes(inventory)];
}

function readRoutes(inventory: Inventory): OperatorRoute[] {
  return [
    operatorRead(
      { path: "/operator/inventory", operator: "operator", query: listQuery, reply: holdingList },
      async ({ query: { accountId: whose, ...page } }) => holdingsAnswer(await inventory.list(whose, page)),
    ),
    operatorRead(
      {
        path: "/operator/inventory/item",
        operator: "operator",
        query: itemQuery,
        reply: itemShape,
        errors: ["INVENTORY_ITEM_UNKNOWN"],
      },
      async ({ query: { itemId, ...page } }) => {
        const { item, history } = await inventory.provenance(itemId, page);
        const { expiresAt, createdAt, ...rest } = item;
        return {
          item: { ...rest, expiresAt: expiresAt?.toISOString() ?? null, createdAt: createdAt.toISOString() },
          history: history.map(({ place, at, ...line }) => ({ ...line, place: String(place), at: at.toISOString() })),
        };
      },
    ),
  ];
}

function actRoutes(inventory: Inventory): OperatorRoute[] {
  const act = { operator: "economy", reply: movedReply } as const;
  const errors = ["INVENTORY_ACCOUNT_UNKNOWN", "INVENTORY_ITEM_UNKNOWN", "INVENTORY_QUANTITY_INVALID"] as const;
  return [
    operatorAct(
      { ...act, path: "/operator/inventory/grant", body: grantBody, errors: [...errors, "INVENTORY_FULL"] },
      async (tx, { body, key }) => {
        const moved = await inventory.grantWithin(tx, body, { reason: "adjustment", reference: key });
        return told("inventory.grant", body.accountId, { moved, key });
      },
    ),
    operatorAct(
      { ...act, path: "/operator/inventory/take", body: takeBody, errors: [...errors, "INVENTORY_INSUFFICIENT"] },
      async (tx, { body, key }) => {
        const moved = await inventory.confiscate(tx, body, { reason: "adjustment", reference: key });
        return told("inventory.take", body.accountId, { moved, key });
      },
    ),
  ];
}

/** The moves themselves are found by their reference, which is the key. */
function told(action: string, subject: string, { moved, key }: { moved: readonly Moved[]; key: string }) {
  const counts = new Map<string, number>();
  for (const { item, quantity: many } of moved) counts.set(`items.${item}`, (counts.get(`items.${item}`) ?? 0) + many);
  const details = { reference: key, ...Object.fromEntries(counts) };
  return { action, subject, details, reply: { moved: movedAnswer(moved) } };
}
