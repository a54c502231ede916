import { z } from "zod";
import { AMOUNT_MAX, contentKey } from "../../../schema/content.ts";
import type { PurchaseId } from "../../../schema/ids.ts";
import { route } from "../../platform/http.ts";
import { idempotencyKey } from "../../platform/idempotency.ts";
import { idShape } from "../../platform/ids.ts";
import { pageLimit } from "../../platform/paging.ts";
import { PURCHASES_PAGE_MAX, type Store } from "./service.ts";

const reading = { count: 240, perSeconds: 60 };
const buying = { count: 60, perSeconds: 60 };

const quoteBody = z.strictObject({ offer: contentKey });
const quoted = z.object({ quote: z.string(), expiresAt: z.iso.datetime() });
const buyBody = z.strictObject({
  key: idempotencyKey,
  offer: contentKey,
  price: z.strictObject({ currency: contentKey, amount: z.number().int().min(1).max(AMOUNT_MAX) }),
  quote: z.string().max(512).optional(),
});
const bought = z.object({
  purchaseId: z.string(),
  offer: z.string(),
  items: z.array(z.object({ item: z.string(), quantity: z.number().int(), ids: z.array(z.string()).optional() })),
  balances: z.array(z.object({ currency: z.string(), balance: z.string() })),
});
const purchasesQuery = z.strictObject({
  before: idShape("purchase").optional(),
  limit: pageLimit(PURCHASES_PAGE_MAX),
});
const purchases = z.object({
  purchases: z.array(
    z.object({
      purchaseId: z.string(),
      offer: z.string(),
      contentVersion: z.number().int(),
      currency: z.string(),
      amount: z.string(),
      at: z.iso.datetime(),
    }),
  ),
});

const REFUSALS = [
  "IDEMPOTENCY_CONFLICT",
  "INVENTORY_FULL",
  "STORE_LIMIT_REACHED",
  "STORE_OFFER_FOR_MONEY",
  "STORE_OFFER_UNKNOWN",
  "STORE_PRICE_CHANGED",
  "STORE_QUOTE_INVALID",
  "WALLET_INSUFFICIENT",
] as const;

export function storeRoutes(store: Store) {
  return [
    route(
      {
        method: "POST",
        path: "/api/store/quotes",
        role: "player",
        limit: reading,
        body: quoteBody,
        reply: quoted,
        errors: ["STORE_OFFER_UNKNOWN"],
      },
      async ({ principal, body }) => {
        const { quote, expiresAt } = store.quote(principal.accountId, body.offer);
        return { quote, expiresAt: expiresAt.toISOString() };
      },
    ),
    route(
      {
        method: "POST",
        path: "/api/store/purchases",
        role: "player",
        limit: buying,
        body: buyBody,
        reply: bought,
        errors: REFUSALS,
      },
      async ({ principal, body }) => {
        const { items, ...rest } = await store.buy({ ...body, accountId: principal.accountId });
        return {
          ...rest,
          items: items.map(({ ids, ...item }) => ({ ...item, ids: ids && [...ids] })),
          balances: [...rest.balances],
        };
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/store/purchases",
        role: "player",
        limit: reading,
        query: purchasesQuery,
        reply: purchases,
      },
      async ({ principal, query: page }) => {
        const before = page.before as PurchaseId | undefined;
        const list = await store.purchases(principal.accountId, { before, limit: page.limit });
        return {
          purchases: list.map(({ amount, at, ...rest }) => ({
            ...rest,
            amount: amount.toString(),
            at: at.toISOString(),
          })),
        };
      },
    ),
  ];
}
