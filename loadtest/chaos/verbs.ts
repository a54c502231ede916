import { createHash, createHmac } from "node:crypto";
import type { CrashPoint } from "../../src/platform/crash-point.ts";
import { CHEST, PRICE } from "../../src/testing/stacks/economy-content.ts";

/** Who acts in a suite: accounts with money and goods, each with a session of its own. */
export interface Actor {
  readonly accountId: string;
  readonly token: string;
}

type Body = Readonly<Record<string, unknown>>;

/**
 * A verb under test: how it is asked for, and how its effects are counted afterwards. One more entry here puts another verb
 * through everything that the suite does.
 */
export interface ChaosVerb {
  readonly name: string;
  /** `app`: a route of the server itself. `doors`: one of src/testing/stacks/economy-server.ts. */
  readonly at: "app" | "doors";
  readonly path: string;
  /** What is asked with this key. The same key always asks the same. */
  readonly body: (key: string, actor: Actor, other: Actor) => Body;
  /** Something else with the same key, which is refused with 409. Null where whoever asks is taken at its word. */
  readonly otherBody: ((key: string, actor: Actor, other: Actor) => Body) | null;
  /** Shows who asks, given the text that is sent; by the actor's session unless given. */
  readonly sign?: (text: string) => Readonly<Record<string, string>>;
  /** Begins the keys. */
  readonly prefix?: string;
  /** Run before a key is first asked for: a statement, `$1` the key and `$2` the account, that may run twice. */
  readonly before?: string;
  /** The points of platform/crash-point.ts that it comes to. */
  readonly points: readonly CrashPoint[];
  /** Queries of `key`, each with one row for one part of the effect: half an effect is a loss. */
  readonly parts: readonly string[];
  /** The statement by which it commits: COMMIT, or the one statement that is all of it. */
  readonly commit: RegExp;
  /** Its effect may come after its answer, by a job; no later than so many seconds after whoever died is back. */
  readonly withinSeconds?: number;
  /** It costs the actor PRICE in gold. */
  readonly costs?: true;
}

/** Of test mode, as the server under test is set up with it. */
export const STRIPE = { secretKey: "sk_test_only_for_tests", webhookSecret: "whsec_only_for_tests_only_for_tests" };

const COMMIT = /^\s*commit/i;
const once: readonly CrashPoint[] = ["once.claimed", "once.worked", "once.kept", "once.committed"];
const statement: readonly CrashPoint[] = ["statement.sending", "statement.answered"];
const move = (key: string, { accountId }: Actor) => ({ key, accountId, amount: PRICE });
const moreOf = (key: string, actor: Actor) => ({ ...move(key, actor), amount: PRICE + 1 });
/** A movement by the key itself. */
const moved = "select distinct reference as key, movement_id from umpire.wallet_lines";
const kept = (verb: string) => `select key from umpire.idempotency where verb = '${verb}'`;

const bought = (of: string) => `select i.key from umpire.idempotency i ${of} where i.verb = 'store.buy'`;
const purchase: ChaosVerb = {
  name: "purchase",
  at: "app",
  path: "/api/store/purchases",
  body: (key) => ({ key, offer: "sword", price: { currency: "gold", amount: PRICE } }),
  otherBody: (key) => ({ key, offer: "two-swords", price: { currency: "gold", amount: PRICE } }),
  points: statement,
  parts: [
    kept("store.buy"),
    bought("join umpire.store_purchases p on p.id = i.answer->>'purchaseId'"),
    bought("join umpire.wallet_lines w on w.reference = i.answer->>'purchaseId' and w.from_account_id = i.scope"),
    bought(`join umpire.inventory_moves m on m.reference = i.answer->>'purchaseId' and m.kind = 'granted'
      join umpire.inventory_items t on t.id = m.item_id and t.account_id = i.scope`),
  ],
  commit: /umpire\.store_buy/,
  costs: true,
};

/** One payment for one stack: what several buy at the same moment is one statement. */
const purchaseTogether: ChaosVerb = {
  ...purchase,
  name: "purchase-together",
  body: (key) => ({ key, offer: "scraps", price: { currency: "gold", amount: PRICE } }),
  otherBody: (key) => ({ key, offer: "two-scraps", price: { currency: "gold", amount: PRICE } }),
  parts: [
    ...purchase.parts.slice(0, 3),
    bought("join umpire.inventory_moves m on m.reference = i.answer->>'purchaseId' and m.account_id = i.scope"),
  ],
};

/** A made thing leads to all that was moved for it, by what it says of its origin. */
const made = (of: string) => `
  select i.key from umpire.idempotency i
  join umpire.inventory_moves g on g.item_id = i.answer->'given'->0->'ids'->>0 and g.kind = 'granted' ${of}
  where i.verb = 'inventory.craft'`;
const craft: ChaosVerb = {
  name: "craft",
  at: "app",
  path: "/api/inventory/craft",
  body: (key) => ({ key, recipe: "blade" }),
  otherBody: (key) => ({ key, recipe: "two-blades" }),
  points: statement,
  parts: [
    kept("inventory.craft"),
    made("join umpire.inventory_items t on t.id = g.item_id and t.account_id = i.scope"),
    made("join umpire.inventory_moves c on c.reference = g.reference and c.kind = 'consumed'"),
    made("join umpire.wallet_lines w on w.reference = g.reference and w.from_account_id = i.scope"),
  ],
  commit: /umpire\.inventory_exchange/,
  costs: true,
};

/** The answer names no transfer, but a giver gives one thing at a time, and its line bears the moment of the key. */
const given = (of: string) => `
  select i.key from umpire.idempotency i
  join umpire.inventory_moves m on m.account_id = i.scope and m.created_at = i.created_at and m.kind = 'traded-out' ${of}
  where i.verb = 'inventory.transfer'`;
const transfer: ChaosVerb = {
  name: "transfer",
  at: "app",
  path: "/api/inventory/transfer",
  body: (key, _, { accountId: to }) => ({ key, to, goods: [{ item: "token", quantity: 1 }] }),
  otherBody: (key, _, { accountId: to }) => ({ key, to, goods: [{ item: "token", quantity: 2 }] }),
  points: statement,
  parts: [
    kept("inventory.transfer"),
    given(""),
    given("join umpire.inventory_moves t on t.reference = m.reference and t.kind = 'traded-in'"),
  ],
  commit: /umpire\.inventory_transfer/,
};

/** A UUID by which Stripe and we speak of the order of a key. */
const ORDER = "md5($1)::uuid::text";
const referenceOf = (key: string) =>
  createHash("md5")
    .update(key)
    .digest("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const paid = (of: string) => `
  select e.event_id as key from umpire.payment_events e
  join umpire.payment_orders o on o.reference = md5(e.event_id)::uuid::text
  join umpire.payment_transactions t on t.order_id = o.id ${of}`;
const webhook: ChaosVerb = {
  name: "webhook",
  at: "app",
  path: "/api/payments/webhooks/stripe",
  prefix: "evt_",
  before: `
    insert into umpire.payment_orders
      (id, account_id, offer, content_version, currency, amount, provider, reference, state, created_at, updated_at)
    select 'ord_' || md5($1), $2, '${CHEST.offer}', max(version), '${CHEST.currency}', ${CHEST.amount}, 'stripe',
      ${ORDER}, 'open', now(), now() from umpire.catalogue_versions on conflict do nothing`,
  body: (key) => ({
    id: key,
    type: "checkout.session.completed",
    created: 1_750_000_000,
    livemode: false,
    data: {
      object: {
        id: `cs_test_${key}`,
        object: "checkout.session",
        payment_intent: `pi_${key}`,
        payment_status: "paid",
        amount_total: CHEST.amount,
        currency: CHEST.currency.toLowerCase(),
        metadata: { umpire_order: referenceOf(key) },
      },
    },
  }),
  // A provider says what it likes under an id; what counts is what it said first.
  otherBody: null,
  sign: (text) => {
    const seconds = Math.floor((performance.timeOrigin + performance.now()) / 1000);
    const signature = createHmac("sha256", STRIPE.webhookSecret).update(`${seconds}.${text}`).digest("hex");
    return { "stripe-signature": `t=${seconds},v1=${signature}` };
  },
  points: ["event.stored", "event.worked", "event.applied"],
  parts: [
    "select event_id as key from umpire.payment_events where state = 'applied'",
    paid("where o.state = 'delivered' and t.delivered and t.turns = 1"),
    paid("join umpire.wallet_lines w on w.reference = t.id || '.1' and w.to_account_id = o.account_id"),
    paid(`join umpire.inventory_moves m on m.reference = t.id || '.1' and m.kind = 'granted'
      join umpire.inventory_items i on i.id = m.item_id and i.account_id = o.account_id`),
  ],
  commit: COMMIT,
  // Whom the sender hears nothing from, it tells again. What failed after it was stored has to wait half a minute.
  withinSeconds: 45,
};

export const verbs: readonly ChaosVerb[] = [
  purchase,
  purchaseTogether,
  webhook,
  {
    name: "grant",
    at: "doors",
    path: "/grant",
    body: move,
    otherBody: moreOf,
    points: once,
    parts: [moved, kept("chaos.grant")],
    commit: COMMIT,
  },
  transfer,
  craft,
  {
    name: "match-result",
    at: "doors",
    path: "/match",
    prefix: "mat_",
    body: move,
    otherBody: moreOf,
    points: ["match.received", "match.written", "match.recorded"],
    parts: [
      "select match_id as key from umpire.progression_match_players",
      moved,
      "select reference as key from umpire.inventory_moves where reason = 'match'",
    ],
    commit: COMMIT,
  },
  {
    name: "reward-job",
    at: "doors",
    path: "/reward",
    body: move,
    otherBody: moreOf,
    points: ["once.kept", "once.committed", "job.taken", "job.done"],
    parts: [moved, kept("chaos.reward")],
    commit: COMMIT,
    withinSeconds: 10,
  },
];
