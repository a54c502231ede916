import { z } from "zod";
import { idShape } from "../../platform/ids.ts";
import { type OperatorRoute, operatorAct, operatorRead, storableText } from "../../platform/operator-http.ts";
import { pageLimit } from "../../platform/paging.ts";
import { PAYMENTS_PAGE_MAX } from "./records.ts";
import type { Payments } from "./service.ts";

/** As much of an event's name as the audit log takes for a subject. */
const SUBJECT_CHARS_MAX = 200;

const provider = z.enum(["stripe", "apple", "google", "local"]);
const eventId = storableText(255);
const deadQuery = z
  .strictObject({
    /** The last of the page before. */
    afterProvider: provider.optional(),
    afterEventId: eventId.optional(),
    limit: pageLimit(PAYMENTS_PAGE_MAX),
  })
  .refine(
    ({ afterProvider, afterEventId }) => (afterProvider === undefined) === (afterEventId === undefined),
    "afterProvider and afterEventId belong together",
  );
const transactionsQuery = z.strictObject({
  accountId: idShape("account"),
  before: idShape("payment").optional(),
  limit: pageLimit(PAYMENTS_PAGE_MAX),
});
const replayBody = z.strictObject({ provider, eventId });

const instant = z.iso.datetime();
const deadShape = z.object({
  provider,
  eventId: z.string(),
  receivedAt: instant,
  attempts: z.number().int(),
  problem: z.string().nullable(),
});
const paymentShape = z.object({
  id: z.string(),
  provider,
  transactionId: z.string(),
  orderId: z.string().nullable(),
  offer: z.string().nullable(),
  product: z.string().nullable(),
  quantity: z.number().int(),
  /** In the currency's smallest unit, as decimal text. */
  money: z.object({ currency: z.string(), amount: z.string() }).nullable(),
  delivered: z.boolean(),
  turns: z.number().int(),
  createdAt: instant,
  updatedAt: instant,
});

/** What operators see of payments, and the second try that they give to what could not be applied. */
export function paymentsOperatorRoutes(payments: Payments): OperatorRoute[] {
  return [
    operatorRead(
      {
        path: "/operator/payments",
        operator: "operator",
        query: transactionsQuery,
        reply: z.object({ payments: z.array(paymentShape) }),
      },
      async ({ query: { accountId, ...page } }) => {
        const records = await payments.transactions(accountId, page);
        return {
          payments: records.map(({ money, createdAt, updatedAt, ...rest }) => ({
            ...rest,
            money: money && { currency: money.currency, amount: money.amount.toString() },
            createdAt: createdAt.toISOString(),
            updatedAt: updatedAt.toISOString(),
          })),
        };
      },
    ),
    operatorRead(
      {
        path: "/operator/payments/dead-letters",
        operator: "economy",
        query: deadQuery,
        reply: z.object({ deadLetters: z.array(deadShape) }),
      },
      async ({ query: { afterProvider, afterEventId, limit } }) => {
        const isFirst = afterProvider === undefined || afterEventId === undefined;
        const after = isFirst ? undefined : { provider: afterProvider, eventId: afterEventId };
        const letters = await payments.deadLetters({ after, limit });
        return { deadLetters: letters.map((letter) => ({ ...letter, receivedAt: letter.receivedAt.toISOString() })) };
      },
    ),
    operatorAct(
      {
        path: "/operator/payments/dead-letters/replay",
        operator: "economy",
        body: replayBody,
        // It is tried within seconds, by whichever process does so; a letter that stays dead is listed again.
        reply: z.object({ state: z.literal("new") }),
        errors: ["PAYMENTS_DEAD_LETTER_UNKNOWN"],
      },
      async (tx, { body }) => {
        await payments.replayDead(tx, body);
        const subject = `${body.provider}:${body.eventId}`.slice(0, SUBJECT_CHARS_MAX);
        return { action: "payments.replay", subject, details: { ...body }, reply: { state: "new" as const } };
      },
    ),
  ];
}
