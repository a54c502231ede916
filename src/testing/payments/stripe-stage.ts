import { createHmac } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import type { PlacedOrder, Webhook } from "../../services/payments/provider.ts";
import { createStripeProvider } from "../../services/payments/stripe.ts";
import { startForeignServer } from "./foreign-server.ts";
import { reserialised, type Stage, spoilt } from "./stage.ts";

export const STRIPE_SECRETS = ["whsec_new_only_for_tests", "whsec_old_only_for_tests"];

export interface StripeEvent {
  readonly id: string;
  readonly type: string;
  readonly created: number;
  readonly livemode: boolean;
  readonly data: { readonly object: object };
}

type Objects = Record<string, Record<string, unknown>>;

/** Stripe's API: it knows what it is given, and what was created by it. */
function startStripeApi(objects: Objects, clock: Clock, isProduction: boolean) {
  return startForeignServer(({ method, url, headers, body }) => {
    const date = new Date(clock.now()).toUTCString();
    if (method === "POST" && url.pathname === "/v1/checkout/sessions") {
      const key = String(headers["idempotency-key"]);
      const id = `cs_test_${key}`;
      objects[`/v1/checkout/sessions/${id}`] ??= {
        id,
        object: "checkout.session",
        url: `https://checkout.stripe.com/${id}`,
        livemode: isProduction,
        payment_intent: null,
        payment_status: "unpaid",
        amount_total: Number(new URLSearchParams(body).get("line_items[0][price_data][unit_amount]")),
        currency: "eur",
        metadata: { umpire_order: key },
      };
      return { headers: { date }, body: objects[`/v1/checkout/sessions/${id}`] };
    }
    const found = objects[url.pathname + url.search] ?? objects[url.pathname];
    return found === undefined
      ? { status: 404, headers: { date }, body: { error: { message: "no such object" } } }
      : { headers: { date }, body: found };
  });
}

/** Stripe's webhooks as it signs them, and a server for its API that knows what it is given. */
async function createStripeKit(clock: Clock, { isProduction = false } = {}) {
  let count = 0;
  /** What the API answers, by path. */
  const objects: Objects = {};
  const server = await startStripeApi(objects, clock, isProduction);
  const provider = createStripeProvider({
    secretKey: isProduction ? "sk_live_only_for_tests" : "sk_test_only_for_tests",
    webhookSecrets: STRIPE_SECRETS,
    isProduction,
    outbound: server.outbound,
    clock,
    returnUrl: "https://game.example",
  });
  const seconds = () => Math.floor(clock.now() / 1000);
  const sign = (event: object, { secret = STRIPE_SECRETS[0] ?? "", atSeconds = seconds() } = {}): Webhook => {
    const rawBody = Buffer.from(JSON.stringify(event));
    const signature = createHmac("sha256", secret).update(`${atSeconds}.${rawBody}`).digest("hex");
    return { rawBody, headers: { "stripe-signature": `t=${atSeconds},v1=${signature}` } };
  };
  const intentOf = ({ reference }: PlacedOrder) => `pi_${reference.replaceAll("-", "")}`;
  const tags = ({ reference }: PlacedOrder) => ({ umpire_order: reference });
  const event = (type: string, object: object): StripeEvent => ({
    id: `evt_${++count}`,
    type,
    created: seconds() + count,
    livemode: isProduction,
    data: { object },
  });
  const session = (order: PlacedOrder, payment_status = "paid") => ({
    id: `cs_test_${order.reference}`,
    object: "checkout.session",
    livemode: isProduction,
    payment_intent: intentOf(order),
    payment_status,
    amount_total: Number(order.amount),
    currency: order.currency.toLowerCase(),
    metadata: tags(order),
  });
  const paid = (order: PlacedOrder) => event("checkout.session.completed", session(order));
  const dispute = (order: PlacedOrder, type: string, status: string) =>
    event(`charge.dispute.${type}`, { id: "dp_1", object: "dispute", payment_intent: intentOf(order), status });
  const refunded = (order: PlacedOrder, isWhole = true) =>
    event("charge.refunded", {
      object: "charge",
      payment_intent: intentOf(order),
      refunded: isWhole,
      metadata: tags(order),
    });
  const lifeOf =
    (name: string, tell: (order: PlacedOrder) => StripeEvent[], isEntitled: boolean) => (order: PlacedOrder) => {
      const events = tell(order);
      // Three days later, as news of then.
      const replay = { ...events[0], id: `evt_${++count}` };
      return { name, webhooks: [...events, replay].map((body) => sign(body)), isEntitled };
    };
  const opened = (order: PlacedOrder) => dispute(order, "created", "needs_response");
  return {
    provider,
    sign,
    paid,
    refunded,
    opened,
    session,
    event,
    intentOf,
    objects,
    asked: server.asked,
    dispute,
    lifeOf,
    seconds,
    isProduction,
  };
}

/** A kit, and the stage that is made of it. */
export async function createStripeStage(clock: Clock, options: { readonly isProduction?: boolean } = {}) {
  const kit = await createStripeKit(clock, options);
  return { ...kit, stage: stageOf(kit) };
}

type StripeKit = Awaited<ReturnType<typeof createStripeKit>>;

function stageOf({
  provider,
  sign,
  paid,
  refunded,
  opened,
  dispute,
  event,
  lifeOf,
  seconds,
  isProduction,
}: StripeKit): Stage {
  return {
    provider,
    lives: [
      lifeOf("won, refunded", (o) => [paid(o), opened(o), dispute(o, "closed", "won"), refunded(o)], false),
      lifeOf(
        "won, refunded in part",
        (o) => [paid(o), opened(o), refunded(o, false), dispute(o, "closed", "won")],
        true,
      ),
      lifeOf(
        "lost",
        (o) => [paid(o), opened(o), dispute(o, "updated", "under_review"), dispute(o, "closed", "lost")],
        false,
      ),
    ],
    paid: (order) => sign(paid(order)),
    forgeries(webhook) {
      const body = JSON.parse(webhook.rawBody.toString());
      return {
        spoilt: spoilt(webhook),
        reserialised: reserialised(webhook),
        unsigned: { ...webhook, headers: {} },
        "signed with a wrong secret": sign(body, { secret: "whsec_wrong" }),
        "signed 301 s ago": sign(body, { atSeconds: seconds() - 301 }),
        "signed for another": { rawBody: webhook.rawBody, headers: sign({ ...body, id: "evt_other" }).headers },
        "signed in another scheme": {
          ...webhook,
          headers: { "stripe-signature": String(webhook.headers["stripe-signature"]).replace("v1=", "v0=") },
        },
      };
    },
    deadLetters: (order) => ({
      "unknown type": sign(event("customer.created", {})),
      "no order of ours": sign(paid({ ...order, reference: "6f1fb4a5-4b1d-4c39-8a0e-0f4d1e0f4d1e" })),
      "less than agreed": sign(paid({ ...order, amount: order.amount - 1n })),
      "another currency": sign(paid({ ...order, currency: "JPY" })),
      "of the other mode": sign({ ...paid(order), livemode: !isProduction }),
    }),
  };
}
