import { createHmac } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { createLocalProvider, LOCAL_SIGNATURE_HEADER, type LocalKind } from "../../services/payments/local.ts";
import type { PlacedOrder, Webhook } from "../../services/payments/provider.ts";
import { reserialised, type Stage, spoilt } from "./stage.ts";

const SECRET = "only-for-tests-only-for-tests-only-for-tests";

/** The local provider needs no stand-in: it is one. */
export function createLocalStage(clock: Clock): Stage {
  const provider = createLocalProvider({ secret: SECRET, clock, isProduction: false });
  let count = 0;
  const signed = (body: object, secret = SECRET): Webhook => {
    const rawBody = Buffer.from(JSON.stringify(body));
    const signature = createHmac("sha256", `payments.local ${secret}`).update(rawBody).digest("hex");
    return { rawBody, headers: { [LOCAL_SIGNATURE_HEADER]: signature } };
  };
  const event = ({ reference, currency, amount }: PlacedOrder, kind: string) => ({
    id: `evt-${++count}`,
    kind,
    order: { reference, currency, amount: String(amount) },
    atMs: Math.floor(clock.now()) + count * 1000,
  });
  const life = (name: string, kinds: readonly LocalKind[], isEntitled: boolean) => (order: PlacedOrder) => {
    const events = kinds.map((kind) => event(order, kind));
    // Told again later, as news of then.
    const replay = { ...events[0], id: `evt-${++count}` };
    return { name, webhooks: [...events, replay].map((body) => signed(body)), isEntitled };
  };
  return {
    provider,
    lives: [
      life("won, then refunded", ["paid", "dispute.opened", "dispute.won", "refunded"], false),
      life("won", ["paid", "dispute.opened", "dispute.opened", "dispute.won"], true),
      life("lost", ["paid", "dispute.opened", "dispute.opened", "dispute.lost"], false),
    ],
    paid: (order) => signed(event(order, "paid")),
    forgeries(webhook) {
      const body = JSON.parse(webhook.rawBody.toString());
      return {
        spoilt: spoilt(webhook),
        reserialised: reserialised(webhook),
        unsigned: { ...webhook, headers: {} },
        "half signed": { ...webhook, headers: { [LOCAL_SIGNATURE_HEADER]: "ab" } },
        "signed for another": { ...signed({ ...body, id: "evt-other" }), rawBody: webhook.rawBody },
        "signed by a stranger": signed(body, "another"),
      };
    },
    deadLetters: (order) => ({
      "unknown type": signed(event(order, "gift")),
      "no order of ours": signed(event({ ...order, reference: "6f1fb4a5-4b1d-4c39-8a0e-0f4d1e0f4d1e" }, "paid")),
      "less than agreed": signed(event({ ...order, amount: order.amount - 1n }, "paid")),
      "another currency": signed(event({ ...order, currency: "JPY" }, "paid")),
    }),
  };
}
