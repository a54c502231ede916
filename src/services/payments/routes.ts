import { z } from "zod";
import { contentKey } from "../../../schema/content.ts";
import { route } from "../../platform/http.ts";
import { idempotencyKey } from "../../platform/idempotency.ts";
import type { Payments } from "./service.ts";

const limit = { count: 60, perSeconds: 60 };
/** Providers send from few addresses, and come back later when they are told to wait. */
const webhookLimit = { count: 3000, perSeconds: 300 };
const provider = z.enum(["stripe", "apple", "google", "local"]);

const orderBody = z.strictObject({
  offer: contentKey,
  provider,
  key: idempotencyKey,
});
const orderReply = z.object({
  orderId: z.string(),
  price: z.object({ currency: z.string(), amount: z.string() }),
  next: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("redirect"), url: z.string() }),
    z.object({ kind: z.literal("shop"), product: z.string(), accountToken: z.string() }),
    z.object({ kind: z.literal("confirm"), confirmation: z.string() }),
  ]),
});
const receiptBody = z.strictObject({
  provider: z.enum(["apple", "google"]),
  /** Apple's signed transaction, or Google's purchase token. */
  receipt: z
    .string()
    .min(1)
    .max(32_768)
    .regex(/^[\x21-\x7e]+$/),
});
const receiptReply = z.object({ offer: z.string() });
const confirmBody = z.strictObject({
  confirmation: z.string().min(1).max(2048),
  kind: z.enum(["paid", "refunded", "dispute.opened", "dispute.won", "dispute.lost"]).default("paid"),
});
const providerList = z.object({ providers: z.array(provider) });
const ok = z.object({ ok: z.literal(true) });

const REFUSALS = [
  "IDEMPOTENCY_CONFLICT",
  "PAYMENTS_CONFIRMATION_REFUSED",
  "PAYMENTS_OFFER_UNAVAILABLE",
  "PAYMENTS_PROVIDER_UNKNOWN",
  "PAYMENTS_PROVIDER_UNREACHABLE",
  "PAYMENTS_RECEIPT_REFUSED",
  "PAYMENTS_RECEIPT_TAKEN",
  "STORE_LIMIT_REACHED",
  "STORE_OFFER_UNKNOWN",
] as const;

export function paymentsRoutes(payments: Payments, { isProduction }: { isProduction: boolean }) {
  const providers = route(
    { method: "GET", path: "/api/payments/providers", role: "anyone", limit, reply: providerList },
    async () => ({ providers: [...payments.providers] }),
  );
  const orders = route(
    {
      method: "POST",
      path: "/api/payments/orders",
      role: "player",
      limit,
      body: orderBody,
      reply: orderReply,
      errors: REFUSALS,
    },
    async ({ principal, body }) => {
      const { orderId, price, next } = await payments.order({ accountId: principal.accountId, ...body });
      return { orderId, price: { currency: price.currency, amount: String(price.amount) }, next };
    },
  );
  const receipts = route(
    {
      method: "POST",
      path: "/api/payments/receipts",
      role: "player",
      limit,
      body: receiptBody,
      reply: receiptReply,
      errors: REFUSALS,
    },
    async ({ principal, body }) => payments.redeem({ accountId: principal.accountId, ...body }),
  );
  const path = "/api/payments/webhooks/:provider";
  const webhooks = route(
    {
      method: "POST",
      path,
      role: "anyone",
      limit: webhookLimit,
      raw: true,
      reply: ok,
      errors: ["PAYMENTS_PROVIDER_UNKNOWN", "PAYMENTS_WEBHOOK_REFUSED"],
    },
    async ({ params, rawBody, headers }) => {
      await payments.receive(params["provider"] ?? "", { rawBody, headers });
      return { ok: true as const };
    },
  );
  const confirm = route(
    {
      method: "POST",
      path: "/api/payments/local/confirm",
      role: "player",
      limit,
      body: confirmBody,
      reply: ok,
      errors: REFUSALS,
    },
    async ({ body }) => {
      await payments.confirmLocally(body.confirmation, body.kind);
      return { ok: true as const };
    },
  );
  return [providers, orders, receipts, webhooks, ...(isProduction ? [] : [confirm])];
}
