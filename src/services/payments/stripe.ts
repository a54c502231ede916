import Stripe from "stripe";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Outbound } from "../../platform/outbound.ts";
import { DeadLetter, type Fact, type PlacedOrder, type Provider, readJson } from "./provider.ts";
import type { Claim, Truth } from "./truth.ts";

interface StripeParts {
  readonly secretKey: string;
  /** The endpoint's secrets. While one is being replaced both count. */
  readonly webhookSecrets: readonly string[];
  readonly isProduction: boolean;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** Where the player comes back to. */
  readonly returnUrl: string;
}

/** Stripe's own advice: an older signature is a replay. */
const TOLERANCE_SECONDS = 300;
/** The name under which an order travels with its payment. */
const ORDER = "umpire_order";

const id = z.string().min(1).max(255);
const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const metadata = z.record(z.string().max(64), z.string().max(1024)).nullish();
const reference = z.union([id, z.object({ id }).transform((found) => found.id)]);

const session = z.object({
  payment_intent: reference.nullable(),
  payment_status: z.enum(["paid", "unpaid", "no_payment_required"]),
  amount_total: amount,
  currency: z.string().length(3),
  metadata,
});
const charge = z.object({ payment_intent: reference, refunded: z.boolean(), metadata });
const dispute = z.object({ id, payment_intent: reference, status: z.string().max(64) });
const envelope = z.object({
  id,
  type: z.string().max(128),
  created: z.number().int().min(0).max(10_000_000_000),
  livemode: z.boolean(),
  data: z.object({ object: z.record(z.string(), z.unknown()) }),
});

/** Sent to whoever subscribes to more than is needed. What they say of a payment, the others say, too. */
const SAYS_NOTHING_NEW =
  /^(checkout\.session\.expired|charge\.(succeeded|updated|pending|failed|captured|refund\.updated)|refund\.\w+|payment_intent\.\w+)$/;

/** Stripe Checkout. What a payment is called here is its payment intent. */
export function createStripeProvider(parts: StripeParts): Provider {
  const stripe = new Stripe(parts.secretKey, {
    httpClient: Stripe.createFetchHttpClient(parts.outbound as typeof fetch),
    maxNetworkRetries: 1,
    telemetry: false,
  });
  return {
    name: "stripe",
    async verify({ rawBody, headers }) {
      const signature = headers["stripe-signature"];
      const isProven = parts.webhookSecrets.some((secret) =>
        isSigned(stripe, rawBody, { signature, secret, ...parts }),
      );
      const parsed = isProven ? envelope.safeParse(readJson(rawBody)) : null;
      if (parsed?.success !== true) throw new AppError("PAYMENTS_WEBHOOK_REFUSED");
      return { eventId: parsed.data.id };
    },
    async read(rawBody) {
      const event = envelope.parse(readJson(rawBody));
      // A live key with a test event, or the reverse, is a server that is set up wrongly.
      if (event.livemode !== parts.isProduction) throw new DeadLetter(event.livemode ? "live event" : "test event");
      return factsOf(event);
    },
    start: (order) => asking(startCheckout(stripe, order, parts)),
    fetchTruth: (transactionId) => asking(fetchPayment(stripe, transactionId, parts)),
    async fetchOrder(sessionId) {
      const found = await asking(stripe.checkout.sessions.retrieve(sessionId));
      return sessionFacts(session.parse(found), providerTime(found), !found.livemode);
    },
  };
}

interface Signed extends Pick<StripeParts, "clock"> {
  readonly signature: string | string[] | undefined;
  readonly secret: string;
}

/** The library compares in constant time, and takes the bytes as they are. */
function isSigned(stripe: Stripe, rawBody: Buffer, { signature, secret, clock }: Signed): boolean {
  if (typeof signature !== "string") return false;
  try {
    stripe.webhooks.constructEvent(rawBody, signature, secret, TOLERANCE_SECONDS, undefined, clock.now());
    return true;
  } catch {
    return false;
  }
}

function factsOf({ type, created, livemode, data }: z.infer<typeof envelope>): readonly Fact[] {
  const atMs = created * 1000;
  const known = <T>(schema: z.ZodType<T>): T => {
    const parsed = schema.safeParse(data.object);
    if (!parsed.success) throw new DeadLetter(`unknown form of ${type}`);
    return parsed.data;
  };
  const fact = (transactionId: string, claims: Truth, order: string | null = null): Fact[] => [
    { ...nothingKnown, transactionId, reference: order, isTest: !livemode, claims },
  ];
  if (/^checkout\.session\.(completed|async_payment_succeeded)$/.test(type)) {
    return sessionFacts(known(session), atMs, !livemode);
  }
  if (type === "checkout.session.async_payment_failed") {
    const { payment_intent, metadata } = known(session);
    return payment_intent === null
      ? []
      : fact(payment_intent, { payment: { value: "failed", atMs } }, metadata?.[ORDER] ?? null);
  }
  if (type === "charge.refunded") {
    const { payment_intent, refunded, metadata } = known(charge);
    return fact(payment_intent, { refund: refundClaim(refunded, atMs) }, metadata?.[ORDER] ?? null);
  }
  if (type.startsWith("charge.dispute.")) {
    const found = known(dispute);
    return fact(found.payment_intent, disputeClaims(found, atMs));
  }
  if (SAYS_NOTHING_NEW.test(type)) return [];
  throw new DeadLetter(`unknown type ${type}`);
}

const nothingKnown = { reference: null, product: null, money: null, quantity: 1 } as const;

function sessionFacts(found: z.infer<typeof session>, atMs: number, isTest: boolean): Fact[] {
  if (found.payment_intent === null) return [];
  const value = found.payment_status === "paid" ? "paid" : "pending";
  const money = { currency: found.currency.toUpperCase(), amount: BigInt(found.amount_total) };
  const claims: Truth = { payment: { value, atMs } };
  const order = found.metadata?.[ORDER] ?? null;
  return [{ ...nothingKnown, transactionId: found.payment_intent, reference: order, money, isTest, claims }];
}

/** A part given back is a matter of kindness: only the whole takes the goods back. */
function refundClaim(isWhole: boolean, atMs: number): Claim {
  return { value: isWhole ? "refunded" : "none", atMs };
}

/** An early warning asks a question and takes no money; one that was prevented or closed took none either. */
function disputeClaims({ id: disputeId, status }: z.infer<typeof dispute>, atMs: number): Truth {
  const isOpen = status === "needs_response" || status === "under_review";
  return { [`dispute:${disputeId}`]: { value: isOpen ? "open" : status === "lost" ? "lost" : "won", atMs } };
}

async function startCheckout(stripe: Stripe, order: PlacedOrder, { returnUrl }: StripeParts) {
  const tags = { [ORDER]: order.reference };
  const created = await stripe.checkout.sessions.create(
    {
      mode: "payment",
      client_reference_id: order.reference,
      metadata: tags,
      payment_intent_data: { metadata: tags },
      line_items: [
        {
          quantity: 1,
          price_data: {
            currency: order.currency.toLowerCase(),
            unit_amount: Number(order.amount),
            product_data: { name: order.title },
          },
        },
      ],
      success_url: `${returnUrl}?payment=done`,
      cancel_url: `${returnUrl}?payment=cancelled`,
    },
    { idempotencyKey: order.reference },
  );
  if (created.url === null) throw new Error("a new session has a page");
  return { next: { kind: "redirect" as const, url: created.url }, providerReference: created.id };
}

async function fetchPayment(stripe: Stripe, transactionId: string, { isProduction }: StripeParts): Promise<Fact> {
  const [intent, disputes] = await Promise.all([
    stripe.paymentIntents.retrieve(transactionId, { expand: ["latest_charge"] }),
    stripe.disputes.list({ payment_intent: transactionId, limit: 100 }),
  ]);
  // The earlier of both, so that no event after either is taken for old news.
  const atMs = Math.min(providerTime(intent), providerTime(disputes));
  const value = intent.status === "succeeded" ? "paid" : intent.status === "canceled" ? "failed" : "pending";
  const latest = typeof intent.latest_charge === "string" ? null : intent.latest_charge;
  const claims: Truth = {
    payment: { value, atMs },
    ...(latest !== null && { refund: refundClaim(latest.refunded, atMs) }),
    ...Object.assign({}, ...disputes.data.map((found) => disputeClaims(dispute.parse(found), atMs))),
  };
  if (intent.livemode !== isProduction) throw new DeadLetter("a payment of the other mode");
  const money = { currency: intent.currency.toUpperCase(), amount: BigInt(intent.amount_received) };
  const order = intent.metadata[ORDER] ?? null;
  const isMoneyIn = value === "paid";
  return {
    ...nothingKnown,
    transactionId,
    reference: order,
    money: isMoneyIn ? money : null,
    isTest: !intent.livemode,
    claims,
  };
}

/** When Stripe says that it answered: its events carry times by the same clock. */
function providerTime(answered: { readonly lastResponse: { readonly headers: Record<string, string> } }): number {
  // The library says that these are an object; with `fetch` they are Headers.
  const atMs = Date.parse(new Headers(answered.lastResponse.headers).get("date") ?? "");
  if (Number.isNaN(atMs)) throw new Error("an answer of Stripe carries its date");
  return atMs;
}

/** What fails on the way to Stripe may work in a moment. */
function asking<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((cause: unknown) => {
    throw cause instanceof DeadLetter ? cause : new AppError("PAYMENTS_PROVIDER_UNREACHABLE", {}, cause);
  });
}
