import { expect, test } from "vitest";
import { startTestApp, type TestPlayer } from "./testing/app.ts";
import { sendDeadLetter } from "./testing/dead-letter.ts";
import { signInOperator, type TestOperator } from "./testing/operators.ts";

const gives = { items: { hat: 1 }, currencies: {} };
const app = await startTestApp({
  rooms: {},
  catalogue: {
    levels: { base: 100, growth: 50, max: 100 },
    currencies: { gold: { title: "Gold" } },
    items: {
      wood: { title: "Wood", kind: "stack", max: 100 },
      hat: { title: "Hat", kind: "unique", slot: "head" },
    },
    offers: { crown: { title: "Crown", gives, price: { kind: "money", money: { currency: "EUR", amount: 499 } } } },
  },
});
const [support, economy, admin] = [
  await signInOperator(app, "support"),
  await signInOperator(app, "economy"),
  await signInOperator(app, "admin"),
];
const NOBODY = `acc_${"0".repeat(26)}`;

interface AuditRow {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly reason: string;
  readonly details: Record<string, unknown>;
}
interface Item {
  readonly item: string;
  readonly quantity: number;
  readonly ids: string[];
}

let keys = 0;
async function act(path: string, by: TestOperator, body: object) {
  const told = { reason: "a complaint", key: `act-${++keys}`, ...body };
  const { status, body: reply } = await app.callOperator("POST", `/operator/${path}`, { token: by.token, body: told });
  return { status, body: reply as Record<string, unknown>, code: (reply as { code?: string }).code };
}
async function read<Reply>(path: string, by: TestOperator = support): Promise<Reply> {
  const { status, body } = await app.callOperator("GET", `/operator/${path}`, { token: by.token });
  expect([path, status]).toEqual([path, 200]);
  return body as Reply;
}
const auditOf = async (subject: string) =>
  (await read<{ rows: AuditRow[] }>(`audit?subject=${encodeURIComponent(subject)}`, admin)).rows;
const goldOf = async (accountId: string) => {
  const { balances } = await read<{ balances: { currency: string; balance: string }[] }>(
    `wallet?accountId=${accountId}`,
  );
  return balances.find(({ currency }) => currency === "gold")?.balance ?? "0";
};
const heldBy = async (accountId: string) =>
  (await read<{ holdings: Record<string, unknown>[] }>(`inventory?accountId=${accountId}`)).holdings;
const adjust = (by: TestOperator, accountId: string, amount: unknown, given: object = {}) =>
  act("wallet/adjust", by, { accountId, currency: "gold", direction: "credit", amount, ...given });
const grant = (by: TestOperator, accountId: string, items: object, given: object = {}) =>
  act("inventory/grant", by, { accountId, items, ...given });
const take = (by: TestOperator, accountId: string, goods: object[], given: object = {}) =>
  act("inventory/take", by, { accountId, goods, ...given });
const asPlayer = (player: TestPlayer, path: string, body: object) =>
  app.call("POST", path, { token: player.token, body });

test("[OPERATORS11] S29, S30: economy corrects a balance, once for each key, and it is written down; support only reads", async () => {
  const { accountId } = await app.guest();
  expect(await adjust(support, accountId, "7")).toMatchObject({ status: 403, code: "OPERATORS_FORBIDDEN" });
  expect([await goldOf(accountId), await auditOf(accountId)]).toEqual(["0", []]);

  const order = { key: "refund-1", reason: "bought twice" };
  const large = String(2n ** 53n + 1n);
  const answers = await Promise.all(Array.from({ length: 12 }, () => adjust(economy, accountId, large, order)));
  expect(new Set(answers.map(({ status, body }) => `${status} ${body["transactionId"]}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(200);
  for (const other of [{ reason: "another" }, { direction: "debit" }, { amount: "1" }, { accountId: NOBODY }]) {
    const { status, code } = await adjust(economy, accountId, large, { ...order, ...other });
    expect([other, status, code]).toEqual([other, 409, "IDEMPOTENCY_CONFLICT"]);
  }
  expect(await goldOf(accountId)).toBe(large);
  const debit = { direction: "debit", reason: "a mistake" };
  expect((await adjust(admin, accountId, "1", debit)).status).toBe(200);
  expect(await goldOf(accountId)).toBe(String(2n ** 53n));

  const transactionId = answers[0]?.body["transactionId"];
  expect(await auditOf(accountId)).toMatchObject([
    { actor: admin.operatorId, action: "wallet.adjust", reason: "a mistake", details: { direction: "debit" } },
    {
      ...{ actor: economy.operatorId, action: "wallet.adjust", reason: "bought twice" },
      details: { currency: "gold", direction: "credit", amount: large, transactionId },
    },
  ]);
  const { lines } = await read<{ lines: object[] }>(`wallet/statement?accountId=${accountId}&currency=gold&limit=1`);
  expect(lines).toMatchObject([{ delta: "-1", balanceAfter: String(2n ** 53n), reason: "adjustment" }]);
});

test("[OPERATORS11] S25: what is no amount, more than is there or more than fits moves nothing and is not written down", async () => {
  const { accountId } = await app.guest();
  const words = ["0", "-5", "+5", "1.5", "1e3", "", " 5", "05", "0x5", "٥", "9".repeat(19), String(2n ** 63n)];
  for (const amount of [...words, 5, 0, -5, 1.5, 2 ** 53 + 1, null, ["5"], { amount: "5" }]) {
    const { status, code } = await adjust(economy, accountId, amount);
    expect([amount, status, code]).toEqual([amount, 400, "REQUEST_INVALID"]);
  }
  const refusals: [object, number, string][] = [
    [{ currency: "silver" }, 400, "WALLET_CURRENCY_UNKNOWN"],
    [{ currency: "constructor" }, 400, "WALLET_CURRENCY_UNKNOWN"],
    [{ accountId: NOBODY }, 404, "WALLET_ACCOUNT_UNKNOWN"],
    [{ direction: "debit" }, 409, "WALLET_INSUFFICIENT"],
    [{ direction: "both" }, 400, "REQUEST_INVALID"],
    [{ accountId: "acc_1" }, 400, "REQUEST_INVALID"],
    [{ mayOwe: true }, 400, "REQUEST_INVALID"],
  ];
  for (const [given, status, code] of refusals) {
    expect([given, await adjust(economy, accountId, "5", given)]).toMatchObject([given, { status, code }]);
  }
  expect([await goldOf(accountId), await auditOf(accountId), await auditOf(NOBODY)]).toEqual(["0", [], []]);

  for (let turn = 0; turn < 9; turn++) await adjust(economy, accountId, "9".repeat(18));
  const beyond = await adjust(economy, accountId, "9".repeat(18));
  expect(beyond).toMatchObject({ status: 400, code: "WALLET_AMOUNT_INVALID" });
  expect([await goldOf(accountId), (await auditOf(accountId)).length]).toEqual(["8999999999999999991", 9]);
});

test("[OPERATORS12] S29, S30: economy gives items and takes them back, worn or bound; support sees them and how each came to be", async () => {
  const player = await app.guest();
  const { accountId } = player;
  expect(await grant(support, accountId, { wood: 1 })).toMatchObject({ status: 403, code: "OPERATORS_FORBIDDEN" });
  const order = { bound: true, key: "lost-hat", reason: "lost in a crash" };
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => grant(economy, accountId, { wood: 5, hat: 1 }, order)),
  );
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  const conflict = await grant(economy, accountId, { wood: 6, hat: 1 }, order);
  expect(conflict).toMatchObject({ status: 409, code: "IDEMPOTENCY_CONFLICT" });
  const [, hat] = (answers[0]?.body["moved"] ?? []) as Item[];
  const id = hat?.ids[0];
  expect((await asPlayer(player, "/api/inventory/equip", { key: "wear", itemId: id })).status).toBe(200);
  expect(await heldBy(accountId)).toMatchObject([
    { item: "hat", id, bound: true, slot: "head" },
    { item: "wood", quantity: 5 },
  ]);

  const goods = [
    { item: "wood", quantity: 9 },
    { item: "hat", quantity: 1, ids: [id] },
  ];
  expect(await take(support, accountId, goods)).toMatchObject({ status: 403, code: "OPERATORS_FORBIDDEN" });
  const back = { key: "taken-back", reason: "sold for money" };
  const taken = await take(economy, accountId, goods, back);
  expect(taken).toMatchObject({ status: 200, body: { moved: [{ item: "wood", quantity: 5 }, { ids: [id] }] } });
  expect(await take(economy, accountId, goods, back)).toEqual(taken);
  expect(await heldBy(accountId)).toEqual([]);
  expect(await take(economy, accountId, goods)).toMatchObject({ status: 409, code: "INVENTORY_INSUFFICIENT" });

  expect(await read(`inventory/item?itemId=${id}`)).toMatchObject({
    item: { id, item: "hat", accountId: null, contentVersion: 1 },
    history: [
      { kind: "granted", accountId, reason: "adjustment", reference: "lost-hat" },
      { kind: "consumed", accountId, reason: "adjustment", reference: "taken-back" },
    ],
  });
  const counts = { "items.wood": 5, "items.hat": 1 };
  expect(await auditOf(accountId)).toEqual([
    expect.objectContaining({
      ...{ actor: economy.operatorId, action: "inventory.take", reason: "sold for money" },
      details: { reference: "taken-back", ...counts },
    }),
    expect.objectContaining({
      ...{ actor: economy.operatorId, action: "inventory.grant", reason: "lost in a crash" },
      details: { reference: "lost-hat", ...counts },
    }),
  ]);
});

test("[OPERATORS12] S25: what is no quantity, no item, nobody's or too much changes nothing and is not written down", async () => {
  const { accountId } = await app.guest();
  for (const quantity of [0, -1, 1.5, 2 ** 53 + 1, 1_000_000_001, "1", null]) {
    const given = await grant(economy, accountId, { wood: quantity });
    const taken = await take(economy, accountId, [{ item: "wood", quantity }]);
    for (const { status, code } of [given, taken]) {
      expect([quantity, status, code]).toEqual([quantity, 400, "REQUEST_INVALID"]);
    }
  }
  const [ids, wood, many] = [[`itm_${"0".repeat(26)}`], { wood: 1 }, { hat: 1001 }];
  const refusals: [Promise<{ status: number; code: string | undefined }>, number, string][] = [
    [grant(economy, accountId, {}), 400, "REQUEST_INVALID"],
    [grant(economy, accountId, { sword: 1 }), 404, "INVENTORY_ITEM_UNKNOWN"],
    [grant(economy, accountId, many), 400, "INVENTORY_QUANTITY_INVALID"],
    [grant(economy, accountId, { wood: 1, hat: 1001 }), 400, "INVENTORY_QUANTITY_INVALID"],
    [grant(economy, accountId, { wood: 101 }), 409, "INVENTORY_FULL"],
    [grant(economy, NOBODY, wood), 404, "INVENTORY_ACCOUNT_UNKNOWN"],
    [take(economy, accountId, []), 400, "REQUEST_INVALID"],
    [take(economy, accountId, [{ item: "sword", quantity: 1 }]), 404, "INVENTORY_ITEM_UNKNOWN"],
    [take(economy, accountId, [{ item: "hat", quantity: 2, ids }]), 400, "INVENTORY_QUANTITY_INVALID"],
    [take(economy, accountId, [{ item: "hat", quantity: 1, ids }]), 409, "INVENTORY_INSUFFICIENT"],
    [take(economy, NOBODY, [{ item: "wood", quantity: 1 }]), 404, "INVENTORY_ACCOUNT_UNKNOWN"],
  ];
  for (const [index, [answer, status, code]] of refusals.entries()) {
    expect([index, await answer]).toMatchObject([index, { status, code }]);
  }
  const unknown = await app.callOperator("GET", `/operator/inventory/item?itemId=${ids[0]}`, { token: admin.token });
  expect(unknown).toMatchObject({ status: 404, body: { code: "INVENTORY_ITEM_UNKNOWN" } });
  expect([await heldBy(accountId), await auditOf(accountId), await auditOf(NOBODY)]).toEqual([[], [], []]);
});

test("[OPERATORS11] [OPERATORS12] S25: a banned account's property is seen and corrected, a deleted one's is nobody's", async () => {
  const { accountId } = await app.guest();
  await app.operate("ban", accountId, "--reason", "a cheat");
  expect((await adjust(economy, accountId, "50")).status).toBe(200);
  expect((await adjust(economy, accountId, "20", { direction: "debit" })).status).toBe(200);
  expect((await grant(economy, accountId, { wood: 2 })).status).toBe(200);
  expect((await take(economy, accountId, [{ item: "wood", quantity: 1 }])).status).toBe(200);
  expect([await goldOf(accountId), await heldBy(accountId)]).toMatchObject(["30", [{ quantity: 1 }]]);
  await app.operate("delete-account", accountId);
  expect(await adjust(economy, accountId, "1")).toMatchObject({ status: 404, code: "WALLET_ACCOUNT_UNKNOWN" });
  expect(await grant(economy, accountId, { wood: 1 })).toMatchObject({
    status: 404,
    code: "INVENTORY_ACCOUNT_UNKNOWN",
  });
  expect([await goldOf(accountId), await heldBy(accountId)]).toEqual(["0", []]);
});

test("[OPERATORS13] S29, S30: payments are looked up; dead letters are listed in pages, and economy has one tried again", async () => {
  const player = await app.guest();
  const order = { offer: "crown", provider: "local", key: "crown" };
  const { body: placed } = await asPlayer(player, "/api/payments/orders", order);
  const { orderId, next } = placed as { orderId: string; next: { confirmation: string } };
  await asPlayer(player, "/api/payments/local/confirm", { confirmation: next.confirmation });
  const { payments } = await read<{ payments: { id: string }[] }>(`payments?accountId=${player.accountId}`);
  const money = { currency: "EUR", amount: "499" };
  expect(payments).toMatchObject([{ orderId, offer: "crown", money, delivered: true, turns: 1, provider: "local" }]);
  const behind = `payments?accountId=${player.accountId}&before=${payments[0]?.id}`;
  expect(await read(behind)).toEqual({ payments: [] });

  const letters = [await sendDeadLetter(app), await sendDeadLetter(app), await sendDeadLetter(app)];
  const list = async (query: string) =>
    (await read<{ deadLetters: { eventId: string; problem: string }[] }>(`payments/dead-letters?${query}`, economy))
      .deadLetters;
  const [first, second, third] = letters;
  const head = await list("limit=2");
  expect(head).toMatchObject([{ ...first, problem: "a payment for no order of ours", attempts: 1 }, { ...second }]);
  expect(JSON.stringify(head)).not.toContain("reference");
  const replay = { provider: "local", eventId: second?.eventId, key: "again", reason: "the order is back" };
  expect(await act("payments/dead-letters/replay", support, replay)).toMatchObject({ status: 403 });
  expect(await act("payments/dead-letters/replay", economy, replay)).toMatchObject({ status: 200 });
  expect(await act("payments/dead-letters/replay", economy, replay)).toMatchObject({ status: 200 });
  expect(await list(`afterProvider=local&afterEventId=${second?.eventId}&limit=1`)).toMatchObject([{ ...third }]);
  const [row, ...more] = await auditOf(`local:${second?.eventId}`);
  expect(more).toEqual([]);
  expect(row).toMatchObject({ actor: economy.operatorId, action: "payments.replay", reason: "the order is back" });
  const unknown = { ...replay, eventId: "evt-none", key: "none" };
  expect(await act("payments/dead-letters/replay", economy, unknown)).toMatchObject({
    ...{ status: 404, code: "PAYMENTS_DEAD_LETTER_UNKNOWN" },
  });
  expect(await auditOf("local:evt-none")).toEqual([]);
  for (const query of ["afterProvider=local", "afterEventId=x", "afterProvider=x&afterEventId=x", "limit=101"]) {
    const path = `/operator/payments/dead-letters?${query}`;
    const { status } = await app.callOperator("GET", path, { token: economy.token });
    expect([query, status]).toEqual([query, 400]);
  }
});

test("[OPERATORS14] S29, S30: everybody sees which content counts, and an admin alone has another one count", async () => {
  const active = await read<{ version: number }>("catalogue/active");
  expect(active).toMatchObject({ version: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(await read("catalogue/versions")).toMatchObject({ versions: [{ version: 1 }] });
  expect(await read("catalogue/versions?before=1")).toEqual({ versions: [] });
  const order = { version: 1, key: "back", reason: "the new one is broken" };
  for (const other of [support, economy]) {
    expect(await act("catalogue/activate", other, order)).toMatchObject({ status: 403, code: "OPERATORS_FORBIDDEN" });
  }
  expect(await act("catalogue/activate", admin, order)).toMatchObject({ status: 200, body: { version: 1, before: 1 } });
  expect(await auditOf("catalogue:1")).toMatchObject([
    { actor: admin.operatorId, action: "catalogue.activate", reason: order.reason, details: { version: 1, before: 1 } },
  ]);
  const unknown = await act("catalogue/activate", admin, { ...order, key: "unknown", version: 2 });
  expect(unknown).toMatchObject({ status: 404, code: "CATALOGUE_VERSION_UNKNOWN" });
  for (const version of [0, -1, 1.5, 2 ** 31, "1"]) {
    expect((await act("catalogue/activate", admin, { ...order, key: "bad", version })).status).toBe(400);
  }
  expect(await auditOf("catalogue:2")).toEqual([]);
});

test("[KEYS1] [PAYMENTS14] a server removes what is too old by itself", async () => {
  const metrics = await (await fetch(app.metricsUrl)).text();
  for (const job of ["idempotency-old", "payments-bodies"]) expect(metrics).toContain(`job="${job}"`);
});
