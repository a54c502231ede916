import { z } from "zod";
import { AMOUNT_MAX, contentKey } from "../../../schema/content.ts";
import { idShape } from "../../platform/ids.ts";
import { pageLimit, placeInList } from "../../platform/paging.ts";
import { HOLDINGS_PAGE_MAX, type Holdings, PLACE } from "./holdings.ts";
import type { Moved } from "./service.ts";

const GOODS_MAX = 20;
const IDS_MAX = 100;

const limit = pageLimit(HOLDINGS_PAGE_MAX, 50);
/** Which holdings, and which lines of an item's history, as a query says it. */
export const holdingsPage = { after: z.string().regex(PLACE).optional(), limit };
export const historyPage = { after: placeInList.optional(), limit };

export const quantity = z.number().int().min(1).max(AMOUNT_MAX);
export const goodsShape = z
  .array(z.strictObject({ item: contentKey, quantity, ids: z.array(idShape("item")).min(1).max(IDS_MAX).optional() }))
  .min(1)
  .max(GOODS_MAX);

export const movedShape = z.object({ item: z.string(), quantity: z.number(), ids: z.array(z.string()) });

const instant = z.iso.datetime();
const unique = z.object({
  kind: z.literal("unique"),
  item: z.string(),
  id: z.string(),
  bound: z.boolean(),
  slot: z.string().nullable(),
  expiresAt: instant.nullable(),
  createdAt: instant,
});
const stack = z.object({ kind: z.literal("stack"), item: z.string(), quantity: z.number() });
export const holdingList = z.object({
  holdings: z.array(z.discriminatedUnion("kind", [stack, unique])),
  next: z.string().nullable(),
});
/** Without what a move belongs to: that is the business of whoever owned the item then. */
export const historyLine = z.object({
  place: z.string(),
  kind: z.enum(["granted", "consumed", "traded-out", "traded-in"]),
  accountId: z.string(),
  reason: z.string(),
  at: instant,
});

export function holdingsAnswer({ holdings, next }: Awaited<ReturnType<Holdings["list"]>>): z.infer<typeof holdingList> {
  return {
    next,
    holdings: holdings.map((holding) => {
      if (holding.kind === "stack") return holding;
      const { expiresAt, createdAt, ...rest } = holding;
      return { ...rest, expiresAt: expiresAt?.toISOString() ?? null, createdAt: createdAt.toISOString() };
    }),
  };
}

export function movedAnswer(moved: readonly Moved[]): z.infer<typeof movedShape>[] {
  return moved.map(({ ids, ...rest }) => ({ ...rest, ids: [...ids] }));
}
