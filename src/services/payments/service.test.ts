import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { appleChain, createAppleStage } from "../../testing/payments/apple-stage.ts";
import { part } from "../../testing/payments/certificates.ts";
import { createGoogleStage } from "../../testing/payments/google-stage.ts";
import { createStripeStage, STRIPE_SECRETS } from "../../testing/payments/stripe-stage.ts";
import { createPaymentsWorld } from "../../testing/payments/world.ts";

const clock = new TestClock();
const [stripe, apple, google] = await Promise.all([
  createStripeStage(clock),
  createAppleStage(clock),
  createGoogleStage(clock),
]);
const live = await createAppleStage(clock, { isProduction: true });
const world = await createPaymentsWorld(clock, [stripe.provider, apple.provider, google.provider]);
const { payments, sql } = world;

const DAYS_90 = 90 * 24 * 60 * 60_000;
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (thrown: { code?: string; details?: { reason?: string } }) =>
      [thrown.code, thrown.details?.reason].join(" ").trim(),
  );
const redeem = (accountId: AccountId, receipt: string, provider: "apple" | "google" = "apple") =>
  payments.redeem({ accountId, provider, receipt });

test("[PAYMENTS7] an order pins offer, content and price, and the same key gives the same page", async () => {
  const accountId = await world.anAccount();
  const request = { accountId, offer: "chest", provider: "stripe", key: "buy-1" } as const;
  const orders = await Promise.all(Array.from({ length: 5 }, () => payments.order(request)));
  const [first] = orders;
  expect(first).toMatchObject({ price: { currency: "EUR", amount: 499n }, next: { kind: "redirect" } });
  for (const order of orders) expect(order).toEqual(first);
  const rows =
    await sql`select offer, content_version, amount, reference from umpire.payment_orders where account_id = ${accountId}`;
  expect(rows).toMatchObject([{ offer: "chest", content_version: 7, amount: 499n }]);
  const created = stripe.asked.filter(({ body }) => body.includes(String(rows[0]?.["reference"])));
  expect(new Set(created.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set([rows[0]?.["reference"]]));
  expect(await code(payments.order({ ...request, offer: "palace" }))).toBe("IDEMPOTENCY_CONFLICT");
});

test("[PAYMENTS7] an offer that is over, not for money, not in this shop, unknown or used up cannot be ordered", async () => {
  const accountId = await world.anAccount();
  const order = (offer: string, provider: "stripe" | "apple" | "local" = "stripe") =>
    code(payments.order({ accountId, offer, provider, key: randomUUID() }));
  for (const offer of ["past", "soft", "none", "constructor"]) {
    expect([offer, await order(offer)]).toEqual([offer, "PAYMENTS_OFFER_UNAVAILABLE"]);
  }
  expect(await order("once", "apple")).toBe("PAYMENTS_OFFER_UNAVAILABLE");
  expect(await order("chest", "local")).toBe("PAYMENTS_PROVIDER_UNKNOWN");
  expect(await order("first")).toBe("done");
  const bought = await world.anOrder(stripe.provider, "once", accountId);
  await world.tell(stripe.provider, stripe.stage.paid(bought.placed));
  expect([await order("once"), await order("first"), await order("chest")]).toEqual([
    "PAYMENTS_OFFER_UNAVAILABLE",
    "PAYMENTS_OFFER_UNAVAILABLE",
    "done",
  ]);
});

test("[PAYMENTS3] S26: both of Stripe's secrets count while one is being replaced", async () => {
  for (const secret of STRIPE_SECRETS) {
    const bought = await world.anOrder(stripe.provider);
    await world.tell(stripe.provider, stripe.sign(stripe.paid(bought.placed), { secret }));
    expect(await world.ending(bought)).toMatchObject({ delivered: true, held: 1 });
  }
});

test("[PAYMENTS3] S26: a signature of 300 seconds ago counts, of 301 no more", async () => {
  const { placed } = await world.anOrder(stripe.provider);
  const event = stripe.paid(placed);
  const atSeconds = Math.floor(clock.now() / 1000);
  expect(await code(world.tell(stripe.provider, stripe.sign(event, { atSeconds: atSeconds - 301 })))).toBe(
    "PAYMENTS_WEBHOOK_REFUSED",
  );
  expect(await code(world.tell(stripe.provider, stripe.sign(event, { atSeconds: atSeconds - 300 })))).toBe("done");
});

test("[PAYMENTS8] S27: the same receipt on two accounts counts for the first, also when both come at once", async () => {
  const accounts = await Promise.all(Array.from({ length: 6 }, () => world.anAccount()));
  const receipt = apple.sign(apple.transaction());
  const outcomes = await Promise.all(accounts.map((accountId) => code(redeem(accountId, receipt))));
  expect(outcomes.toSorted()).toEqual([...Array(5).fill("PAYMENTS_RECEIPT_TAKEN"), "done"]);
  const winner = accounts[outcomes.indexOf("done")] as AccountId;
  expect(await code(redeem(winner, receipt))).toBe("done");
  const held = await Promise.all(accounts.map((accountId) => world.held(accountId)));
  expect(held.reduce((sum, some) => sum + some)).toBe(1);
  expect(await world.held(winner)).toBe(1);
});

test("[PAYMENTS8] S27: a purchase that was ordered by one account is not another's, whoever brings it first", async () => {
  const bought = await world.anOrder(apple.provider);
  const thief = await world.anAccount();
  const receipt = apple.sign(apple.transaction(apple.bought(bought.placed)));
  expect(await code(redeem(thief, receipt))).toBe("PAYMENTS_RECEIPT_TAKEN");
  expect(await code(redeem(bought.accountId, receipt))).toBe("done");
  expect([await world.held(thief), await world.held(bought.accountId)]).toEqual([0, 1]);

  const token = google.buy((await world.anOrder(google.provider, "chest", bought.accountId)).placed);
  expect(await code(redeem(thief, token, "google"))).toBe("PAYMENTS_RECEIPT_TAKEN");
  expect(await code(redeem(bought.accountId, token, "google"))).toBe("done");
  expect(await world.held(bought.accountId)).toBe(2);
});

test("[PAYMENTS8] what was bought several times over is delivered several times over", async () => {
  const accountId = await world.anAccount();
  const bought = apple.transaction({ quantity: 3 });
  await redeem(accountId, apple.sign(bought));
  expect(await world.held(accountId)).toBe(3);
  const { transactionId, quantity } = bought;
  const refund = apple.transaction({ transactionId, quantity, revocationDate: clock.now() });
  await world.tell(apple.provider, apple.post(apple.sign(apple.notification("REFUND", refund))));
  expect(await world.held(accountId)).toBe(0);
});

test("[PAYMENTS9] S27: forged, foreign, refunded and shared receipts give nothing", async () => {
  const bought = await world.anOrder(apple.provider);
  const { accountId } = bought;
  const fresh = (changes: object = {}) => apple.transaction({ ...apple.bought(bought.placed), ...changes });
  const [header = "", body = "", signature = ""] = apple.sign(fresh()).split(".");
  const refused: Record<string, [string, string]> = {
    truncated: [`${header}.${body}`, "form"],
    "without signature": [`${header}.${body}.`, "form"],
    "half a signature": [`${header}.${body}.${signature.slice(0, 40)}`, "signature"],
    "alg none": [`${part({ alg: "none" })}.${body}.${signature}`, "signature"],
    "another body": [`${header}.${part(fresh({ quantity: 9 }))}.${signature}`, "signature"],
    "foreign chain": [apple.sign(fresh(), appleChain().chain), "signature"],
    "foreign chain, our root": [apple.sign(fresh(), [...appleChain().chain.slice(0, 2), apple.root]), "signature"],
    "another app": [apple.sign(fresh({ bundleId: "com.example.other" })), "app"],
    "the other environment": [apple.sign(fresh({ environment: "Production" })), "environment"],
    "the desk's environment": [apple.sign(fresh({ environment: "Xcode" })), "environment"],
    "family-shared": [apple.sign(fresh({ inAppOwnershipType: "FAMILY_SHARED" })), "family-shared"],
    "another product": [
      apple.sign(fresh({ productId: "com.example.palace" })),
      "a payment for another product than was ordered",
    ],
    "unknown product": [apple.sign(apple.transaction({ productId: "com.example.none" })), "unknown product"],
    "no order of ours": [apple.sign(fresh({ appAccountToken: randomUUID() })), "a payment for no order of ours"],
    refunded: [apple.sign(fresh({ revocationDate: clock.now() })), "not paid, or refunded"],
  };
  for (const [kind, [receipt, reason]] of Object.entries(refused)) {
    expect([kind, await code(redeem(accountId, receipt))]).toEqual([kind, `PAYMENTS_RECEIPT_REFUSED ${reason}`]);
  }
  expect(await world.held(accountId)).toBe(0);
});

test("[PAYMENTS9] S27: a receipt from before its refund gives nothing after it", async () => {
  const accountId = await world.anAccount();
  const before = apple.transaction();
  const refund = apple.transaction({ transactionId: before.transactionId, revocationDate: clock.now() });
  await world.tell(apple.provider, apple.post(apple.sign(apple.notification("REFUND", refund))));
  expect(await code(redeem(accountId, apple.sign(before)))).toBe("PAYMENTS_RECEIPT_REFUSED not paid, or refunded");
  expect(await world.held(accountId)).toBe(0);
});

test("[PAYMENTS9] S27: Google's pending, cancelled, refunded and unknown purchases give nothing until they are paid", async () => {
  const bought = await world.anOrder(google.provider);
  const token = google.buy(bought.placed, { state: "PENDING" });
  const tried = () => code(redeem(bought.accountId, token, "google"));
  expect(await tried()).toMatch("PAYMENTS_RECEIPT_REFUSED");
  google.buy(bought.placed, { state: "CANCELLED" });
  expect(await tried()).toMatch("PAYMENTS_RECEIPT_REFUSED");
  expect(await code(redeem(bought.accountId, "nobody", "google"))).toBe("PAYMENTS_RECEIPT_REFUSED no such purchase");
  expect(await code(redeem(bought.accountId, "../../x", "google"))).toBe("PAYMENTS_RECEIPT_REFUSED form");
  google.buy(bought.placed, { product: "palace" });
  expect(await tried()).toMatch("another product");
  clock.advance(1000);
  google.buy(bought.placed);
  expect(await tried()).toBe("done");
  clock.advance(1000);
  google.buy(bought.placed, { refundable: 0 });
  expect(await tried()).toBe("PAYMENTS_RECEIPT_REFUSED not paid, or refunded");
  expect(await world.held(bought.accountId)).toBe(0);
});

test("[PAYMENTS10] S27: in production a sandbox receipt, a tester's purchase and a test event give nothing", async () => {
  const [liveStripe, liveGoogle] = await Promise.all([
    createStripeStage(clock, { isProduction: true }),
    createGoogleStage(clock, { isProduction: true }),
  ]);
  const providers = [liveStripe.provider, live.provider, liveGoogle.provider];
  const production = await createPaymentsWorld(clock, providers, { isProduction: true });
  const bought = await production.anOrder(live.provider);
  const { accountId } = bought;
  const give = (receipt: string, provider: "apple" | "google" = "apple") =>
    code(production.payments.redeem({ accountId, provider, receipt }));
  const sandboxed = live.transaction({ ...live.bought(bought.placed), environment: "Sandbox" });
  expect(await give(live.sign(sandboxed))).toBe("PAYMENTS_RECEIPT_REFUSED environment");
  const tester = await production.anOrder(liveGoogle.provider, "chest", accountId);
  const token = liveGoogle.buy(tester.placed, { isTest: true });
  expect(await give(token, "google")).toBe("PAYMENTS_RECEIPT_REFUSED a test payment in production");
  expect(await production.tell(liveGoogle.provider, liveGoogle.purchased(token))).toBe("dead");
  const carded = await production.anOrder(liveStripe.provider, "chest", accountId);
  const event = { ...liveStripe.paid(carded.placed), livemode: false };
  expect(await production.tell(liveStripe.provider, liveStripe.sign(event))).toBe("dead");
  expect(await production.held(accountId)).toBe(0);

  expect(await give(live.sign(live.transaction(live.bought(bought.placed))))).toBe("done");
  await production.tell(liveStripe.provider, liveStripe.stage.paid(carded.placed));
  expect(await production.held(accountId)).toBe(2);
});

test("[PAYMENTS6] what fails in passing is tried again, later each time, and laid aside in the end", async () => {
  const bought = await world.anOrder(google.provider);
  const webhook = google.purchased(google.buy(bought.placed));
  google.trouble.isDown = true;
  expect(await world.tell(google.provider, webhook)).toBe("new");
  expect(await payments.applyWaiting()).toMatchObject({ applied: 0, new: 0 });
  clock.advance(30_000);
  expect(await payments.applyWaiting()).toMatchObject({ new: 1 });
  clock.advance(59_999);
  expect(await payments.applyWaiting()).toMatchObject({ new: 0 });
  google.trouble.isDown = false;
  clock.advance(1);
  expect(await payments.applyWaiting()).toMatchObject({ applied: 1, new: 0, dead: 0 });
  expect(await world.ending(bought)).toMatchObject({ held: 1 });

  const other = await world.anOrder(google.provider);
  google.trouble.isDown = true;
  await world.tell(google.provider, google.purchased(google.buy(other.placed)));
  const ends: number[] = [];
  for (let turn = 2; turn <= 20; turn++) {
    clock.advance(3_600_000);
    ends.push((await payments.applyWaiting()).dead);
  }
  google.trouble.isDown = false;
  expect(ends).toEqual([...Array(18).fill(0), 1]);
  expect(world.logged.at(-1)).toMatchObject({ level: "error", msg: "payments.dead_letter" });
});

test("[PAYMENTS6] T7: what a crash left stored and untouched is applied as soon as it is told again, once", async () => {
  const bought = await world.anOrder(stripe.provider);
  const webhook = stripe.stage.paid(bought.placed);
  const { id: eventId } = JSON.parse(webhook.rawBody.toString());
  await sql`insert into umpire.payment_events (provider, event_id, raw_body, received_at, state, attempts, next_try_at)
    values ('stripe', ${eventId}, ${webhook.rawBody}, ${clock.date()}, 'new', 0, ${new Date(clock.now() + 30_000)})`;
  const told = await Promise.all(Array.from({ length: 8 }, () => world.tell(stripe.provider, webhook)));
  expect(new Set(told)).toEqual(new Set(["applied"]));
  expect(await world.ending(bought)).toEqual({ state: "delivered", delivered: true, held: 1 });
});

test("[PAYMENTS5] a dead letter keeps its bytes and is replayed once its cause is cured", async () => {
  const bought = await world.anOrder(google.provider);
  const token = google.tokenOf(bought.placed);
  const webhook = google.purchased(token);
  const { messageId: eventId } = JSON.parse(webhook.rawBody.toString()).message;
  expect(await world.tell(google.provider, webhook)).toBe("dead");
  const [row] = await sql<{ raw_body: Buffer; problem: string }[]>`
    select raw_body, problem from umpire.payment_events where provider = 'google' and event_id = ${eventId}`;
  expect([row?.raw_body.equals(webhook.rawBody), row?.problem]).toEqual([true, "no such purchase"]);
  google.buy(bought.placed);
  const replay = () => world.db.transaction((tx) => payments.replayDead(tx, { provider: "google", eventId }));
  await replay();
  expect(await code(replay())).toBe("PAYMENTS_DEAD_LETTER_UNKNOWN");
  expect(await payments.applyWaiting()).toMatchObject({ applied: 1 });
  expect(await code(replay())).toBe("PAYMENTS_DEAD_LETTER_UNKNOWN");
  expect(await world.ending(bought)).toMatchObject({ state: "delivered", held: 1 });
});

async function reconcileAll() {
  const sum = { checked: 0, changed: 0, failed: 0 };
  let from: string | null = null;
  do {
    const page = await payments.reconcile(from);
    for (const field of ["checked", "changed", "failed"] as const) sum[field] += page[field];
    from = page.next;
  } while (from !== null);
  return sum;
}

test("[PAYMENTS11] a payment, a dispute and a refund that nobody told of are found by asking", async () => {
  const bought = await world.anOrder(stripe.provider);
  const { placed } = bought;
  const intent = stripe.intentOf(placed);
  clock.advance(60_000);
  stripe.objects[`/v1/checkout/sessions/cs_test_${placed.reference}`] = stripe.session(placed);
  await reconcileAll();
  expect(await world.ending(bought)).toMatchObject({ state: "delivered", held: 1 });

  const payment = { id: intent, status: "succeeded", livemode: false, currency: "eur", amount_received: 499 };
  const charge = { object: "charge", refunded: false };
  const metadata = { umpire_order: placed.reference };
  stripe.objects[`/v1/payment_intents/${intent}`] = { ...payment, metadata, latest_charge: charge };
  const disputes = { object: "list", data: [{ id: "dp_1", payment_intent: intent, status: "needs_response" }] };
  stripe.objects["/v1/disputes"] = { object: "list", data: [] };
  const listed = `/v1/disputes?payment_intent=${intent}&limit=100`;
  stripe.objects[listed] = disputes;
  clock.advance(60_000);
  await reconcileAll();
  expect(await world.ending(bought)).toMatchObject({ state: "withdrawn", held: 0 });

  stripe.objects[listed] = { ...disputes, data: [{ id: "dp_1", payment_intent: intent, status: "won" }] };
  clock.advance(60_000);
  await reconcileAll();
  expect(await world.ending(bought)).toMatchObject({ state: "delivered", held: 1 });

  stripe.objects[`/v1/payment_intents/${intent}`] = {
    ...payment,
    metadata,
    latest_charge: { ...charge, refunded: true },
  };
  clock.advance(60_000);
  await reconcileAll();
  expect(await world.ending(bought)).toMatchObject({ state: "withdrawn", held: 0 });
});

test("[PAYMENTS11] a purchase that Google has voided is found in its list", async () => {
  const bought = await world.anOrder(google.provider);
  const purchaseToken = google.buy(bought.placed);
  await redeem(bought.accountId, purchaseToken, "google");
  google.voided.push({ purchaseToken, voidedTimeMillis: String(Math.floor(clock.now())) });
  expect((await reconcileAll()).changed).toBeGreaterThan(0);
  expect(await world.ending(bought)).toMatchObject({ state: "withdrawn", held: 0 });
});

test("[PAYMENTS9] S27: with the App Store at hand, an old receipt of a refunded purchase is seen through", async () => {
  const asking = await createAppleStage(clock, { hasApi: true });
  const shop = await createPaymentsWorld(clock, [asking.provider]);
  const accountId = await shop.anAccount();
  const bought = asking.transaction();
  const { transactionId } = bought;
  asking.latest.set(transactionId, asking.sign(asking.transaction({ transactionId, revocationDate: clock.now() })));
  const receipt = asking.sign(bought);
  expect(await code(shop.payments.redeem({ accountId, provider: "apple", receipt }))).toMatch("refunded");
  asking.latest.set(transactionId, asking.sign(asking.transaction({ transactionId })));
  // Apple has taken the refund back.
  expect((await shop.payments.reconcile()).changed).toBe(1);
  expect(await code(shop.payments.redeem({ accountId, provider: "apple", receipt }))).toBe("done");
  expect(await shop.held(accountId)).toBe(1);
});

test("[PAYMENTS13] what Google Play sold is acknowledged once it is delivered, and again until that worked", async () => {
  const bought = await world.anOrder(google.provider);
  const token = google.buy(bought.placed);
  await world.tell(google.provider, google.purchased(token));
  expect(google.consumed).not.toContain(token);
  google.trouble.isDown = true;
  expect((await payments.applyWaiting()).acknowledged).toBe(0);
  google.trouble.isDown = false;
  expect((await payments.applyWaiting()).acknowledged).toBeGreaterThan(0);
  expect(google.consumed.filter((consumed) => consumed === token)).toHaveLength(1);
  await payments.applyWaiting();
  expect(google.consumed.filter((consumed) => consumed === token)).toHaveLength(1);
});

test("[PAYMENTS13] what Google will not have acknowledged is told of once, and not tried for ever", async () => {
  const bought = await world.anOrder(google.provider);
  const token = google.buy(bought.placed);
  await world.tell(google.provider, google.purchased(token));
  google.purchases.delete(token);
  const told = () => world.logged.filter(({ msg }) => msg === "payments.acknowledgement_refused").length;
  for (let turn = 0; turn < 3; turn++) await payments.applyWaiting();
  expect(told()).toBe(1);
  expect(await world.ending(bought)).toMatchObject({ held: 1 });
});

test("[PAYMENTS1] a payment of an account that is gone is noted and changes nothing", async () => {
  const bought = await world.anOrder(stripe.provider);
  await sql`delete from umpire.accounts where id = ${bought.accountId}`;
  expect(await world.tell(stripe.provider, stripe.stage.paid(bought.placed))).toBe("applied");
  expect(await world.held(bought.accountId)).toBe(0);
});

test("[PAYMENTS14] a message's body is cleared 90 days after it came, if it was applied, and the message is still known", async () => {
  const bodies = async (eventId: unknown) =>
    sql<{ bytes: number; state: string }[]>`
      select octet_length(raw_body) as bytes, state from umpire.payment_events where event_id = ${String(eventId)}`;
  const idOf = ({ rawBody }: { rawBody: Buffer }) => JSON.parse(rawBody.toString()).id;
  const clear = () => payments.clearOldBodies();
  clock.advance(DAYS_90 + 1);
  await clear();
  const bought = await world.anOrder(stripe.provider);
  const event = stripe.paid(bought.placed);
  const webhook = stripe.sign(event);
  expect(await world.tell(stripe.provider, webhook)).toBe("applied");
  const foreign = stripe.sign(stripe.paid({ ...bought.placed, reference: randomUUID() }));
  expect(await world.tell(stripe.provider, foreign)).toBe("dead");
  clock.advance(DAYS_90);
  expect(await clear()).toBe(0);
  expect(await bodies(idOf(webhook))).toEqual([{ bytes: webhook.rawBody.length, state: "applied" }]);
  clock.advance(1);
  expect((await Promise.all([clear(), clear()])).toSorted()).toEqual([0, 1]);
  expect(await bodies(idOf(webhook))).toEqual([{ bytes: 0, state: "applied" }]);
  expect(await bodies(idOf(foreign))).toEqual([{ bytes: foreign.rawBody.length, state: "dead" }]);
  expect(await clear()).toBe(0);
  expect(await world.tell(stripe.provider, stripe.sign(event))).toBe("applied");
  expect(await world.ending(bought)).toMatchObject({ state: "delivered", held: 1 });
  expect(await bodies(idOf(webhook))).toEqual([{ bytes: 0, state: "applied" }]);
});

test("[PAYMENTS5] dead letters are listed oldest first, in pages that neither repeat nor skip, also when one is replayed meanwhile", async () => {
  const seen: string[] = [];
  for (let index = 0; index < 5; index++) {
    const { placed } = await world.anOrder(stripe.provider);
    await world.tell(stripe.provider, stripe.sign(stripe.paid({ ...placed, reference: randomUUID() })));
    if (index === 2) clock.advance(1000);
  }
  const all = await payments.deadLetters({ limit: 100 });
  let after: (typeof all)[number] | undefined;
  for (;;) {
    const page = await payments.deadLetters({ after, limit: 2 });
    seen.push(...page.map(({ eventId }) => eventId));
    after = page.at(-1);
    if (after === undefined) break;
    const key = { provider: after.provider, eventId: after.eventId };
    await world.db.transaction((tx) => payments.replayDead(tx, key));
  }
  expect(all.length).toBeGreaterThanOrEqual(5);
  expect(seen).toEqual(all.map(({ eventId }) => eventId));
  expect(all.map(({ receivedAt }) => receivedAt.getTime())).toEqual(
    all.map(({ receivedAt }) => receivedAt.getTime()).toSorted((one, other) => one - other),
  );
  await payments.applyWaiting();
});

test("[PAYMENTS2] in the end the books of goods and the payments agree", () => world.expectBooksToAgree());
