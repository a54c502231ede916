import { afterEach, expect, test } from "vitest";
import type { ContentSource } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import type { AppError } from "../../platform/errors.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createCatalogue } from "../catalogue/service.ts";
import { createWallet } from "../wallet/service.ts";
import { type BuyRequest, createStore } from "./service.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 16 });
const clock = new TestClock();
const ids = createIds({ clock, random: cryptoRandom });
const log = createLog({ level: "silent" });
const PRICE = 100;
const price = { kind: "currency", currency: "gold", amount: PRICE } as const;
const source = {
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" }, gems: { title: "Gems" } },
  items: { skin: { title: "Skin", kind: "unique", slot: "body" }, dust: { title: "Dust", kind: "stack", max: 50 } },
  offers: {
    gems: { title: "Ten gems", gives: { currencies: { gems: 10 } }, price },
    bundle: { title: "Starter", gives: { items: { skin: 1, dust: 20 }, currencies: { gems: 1 } }, price },
    once: { title: "Once", gives: { currencies: { gems: 1 } }, price, perPlayerMax: 1 },
    thrice: { title: "Thrice", gives: { currencies: { gems: 1 } }, price: { ...price, amount: 1 }, perPlayerMax: 3 },
    event: {
      title: "Event",
      gives: { currencies: { gems: 1 } },
      price,
      from: "2026-01-02T00:00:00Z",
      until: "2026-01-03T00:00:00Z",
    },
    real: {
      title: "Real",
      gives: { currencies: { gems: 100 } },
      price: { kind: "money", money: { currency: "EUR", amount: 499 } },
    },
  },
} satisfies ContentSource;
const catalogue = createCatalogue({ db, clock, log, source });
await catalogue.bring();
const wallet = createWallet({ db, clock, ids, log, content: catalogue.content });
const storeOf = (content: typeof catalogue) =>
  createStore({ db, clock, ids, log, secret: "s".repeat(32), catalogue: content });
const store = storeOf(catalogue);

afterEach(async () => {
  expect(await wallet.discrepancies()).toEqual([]);
  expect(await sql`select * from umpire.inventory_discrepancies`).toEqual([]);
});

async function aPlayer(gold: number): Promise<AccountId> {
  const id = ids.mint("account");
  await sql`insert into umpire.accounts ${sql({ id, display_name: "Ada", kind: "guest", created_at: clock.date() })}`;
  if (gold > 0) {
    await wallet.adjust({
      key: id,
      accountId: id,
      currency: "gold",
      delta: BigInt(gold),
      reason: "test",
      operator: "test",
    });
  }
  return id;
}

const buy = (accountId: AccountId, offer: string, more: Partial<BuyRequest> = {}) =>
  store.buy({ key: ids.mint("purchase"), accountId, offer, price: { currency: "gold", amount: PRICE }, ...more });
const codeOf = (attempt: Promise<unknown> | (() => unknown)) =>
  Promise.resolve()
    .then(() => (typeof attempt === "function" ? attempt() : attempt))
    .then(
      () => "",
      (thrown: AppError) => thrown.code ?? String(thrown),
    );
const owns = async (accountId: AccountId) =>
  Object.fromEntries((await wallet.balances(accountId)).map(({ currency, balance }) => [currency, Number(balance)]));
const recorded = async (accountId: AccountId) => (await store.purchases(accountId, { limit: 100 })).length;

test("[STORE1] a bundle is paid and given in one: currency, stack and thing of its own", async () => {
  const player = await aPlayer(250);
  const bought = await buy(player, "bundle");
  expect(bought).toMatchObject({ offer: "bundle", purchaseId: expect.stringMatching(/^pur_/) });
  expect(bought.items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ item: "skin", quantity: 1, ids: [expect.stringMatching(/^itm_/)] }),
      expect.objectContaining({ item: "dust", quantity: 20 }),
    ]),
  );
  expect(await owns(player)).toEqual({ gold: 150, gems: 1 });
  await buy(player, "bundle");
  expect([await owns(player), await recorded(player)]).toEqual([{ gold: 50, gems: 2 }, 2]);
});

test("[STORE1] what cannot be given is not paid, and what cannot be paid is not given", async () => {
  const player = await aPlayer(350);
  await buy(player, "bundle");
  await buy(player, "bundle");
  expect(await codeOf(buy(player, "bundle"))).toBe("INVENTORY_FULL");
  expect([await owns(player), await recorded(player)]).toEqual([{ gold: 150, gems: 2 }, 2]);
  const poor = await aPlayer(99);
  expect(await codeOf(buy(poor, "bundle"))).toBe("WALLET_INSUFFICIENT");
  expect([await owns(poor), await recorded(poor)]).toEqual([{ gold: 99 }, 0]);
  expect(await codeOf(buy(ids.mint("account"), "gems"))).toBe("WALLET_ACCOUNT_UNKNOWN");
});

test("[STORE2] T9: the same key two hundred times at once buys once, and every answer is the first", async () => {
  const player = await aPlayer(1000);
  const answers = await Promise.all(Array.from({ length: 200 }, () => buy(player, "bundle", { key: "same" })));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect([await owns(player), await recorded(player)]).toEqual([{ gold: 900, gems: 1 }, 1]);
  expect(await codeOf(buy(player, "gems", { key: "same" }))).toBe("IDEMPOTENCY_CONFLICT");
  // Another player's key of the same name is another key.
  expect(await codeOf(buy(await aPlayer(100), "gems", { key: "same" }))).toBe("");
});

test("[STORE3] T9: with money for exactly seven, seven of two hundred get it", async () => {
  const player = await aPlayer(7 * PRICE);
  const codes = await Promise.all(Array.from({ length: 200 }, () => codeOf(buy(player, "gems"))));
  expect(codes.filter((code) => code === "")).toHaveLength(7);
  expect(new Set(codes)).toEqual(new Set(["", "WALLET_INSUFFICIENT"]));
  expect([await owns(player), await recorded(player)]).toEqual([{ gold: 0, gems: 70 }, 7]);
});

test("[STORE4] S25: nobody pays another price than was seen, and a quote holds it for ten minutes", async () => {
  const player = await aPlayer(1000);
  for (const seen of [
    { currency: "gold", amount: 99 },
    { currency: "gems", amount: PRICE },
  ]) {
    expect(await codeOf(buy(player, "gems", { price: seen }))).toBe("STORE_PRICE_CHANGED");
  }
  const { quote, expiresAt } = store.quote(player, "gems");
  expect(expiresAt.getTime() - clock.now()).toBe(600_000);
  const dearer = { ...source, offers: { gems: { ...source.offers.gems, price: { ...price, amount: 200 } } } };
  const next = createCatalogue({ db, clock, log, source: dearer });
  await next.bring();
  const after = storeOf(next);
  const ask = (more: Partial<BuyRequest>) =>
    after.buy({
      key: ids.mint("purchase"),
      accountId: player,
      offer: "gems",
      price: { currency: "gold", amount: PRICE },
      ...more,
    });
  expect(await codeOf(ask({}))).toBe("STORE_PRICE_CHANGED");
  expect(await codeOf(ask({ quote }))).toBe("");
  expect(await codeOf(ask({ quote: `${quote}x` }))).toBe("STORE_QUOTE_INVALID");
  expect(await codeOf(ask({ quote: "e30.e30" }))).toBe("STORE_QUOTE_INVALID");
  expect(await codeOf(ask({ quote, offer: "once" }))).toBe("STORE_QUOTE_INVALID");
  expect(await codeOf(ask({ quote, accountId: await aPlayer(100) }))).toBe("STORE_QUOTE_INVALID");
  clock.advance(600_000);
  expect(await codeOf(ask({ quote }))).toBe("STORE_QUOTE_INVALID");
  expect(await owns(player)).toEqual({ gold: 900, gems: 10 });
});

test("[STORE5] an offer is bought as often as it says, however many ask at once, and only while it is on", async () => {
  const player = await aPlayer(1000);
  const codes = await Promise.all(
    Array.from({ length: 50 }, () => codeOf(buy(player, "thrice", { price: { currency: "gold", amount: 1 } }))),
  );
  expect(codes.filter((code) => code === "")).toHaveLength(3);
  expect(new Set(codes)).toEqual(new Set(["", "STORE_LIMIT_REACHED"]));
  expect(await codeOf(buy(player, "event"))).toBe("STORE_OFFER_UNKNOWN");
  expect(await codeOf(() => store.quote(player, "event"))).toBe("STORE_OFFER_UNKNOWN");
  clock.advance(Date.parse("2026-01-02T00:00:00Z") - clock.now());
  expect(await codeOf(buy(player, "event"))).toBe("");
  clock.advance(24 * 3600 * 1000);
  expect(await codeOf(buy(player, "event"))).toBe("STORE_OFFER_UNKNOWN");
});

test("[STORE5] a purchase that fails does not count against the limit", async () => {
  const player = await aPlayer(99);
  expect(await codeOf(buy(player, "once"))).toBe("WALLET_INSUFFICIENT");
  await wallet.adjust({
    key: `${player}-2`,
    accountId: player,
    currency: "gold",
    delta: 101n,
    reason: "-",
    operator: "-",
  });
  expect(await codeOf(buy(player, "once"))).toBe("");
  expect(await codeOf(buy(player, "once"))).toBe("STORE_LIMIT_REACHED");
});

test("[STORE6] S25: what is not on sale for this is refused and moves nothing", async () => {
  const player = await aPlayer(100);
  for (const offer of ["nothing", "__proto__", "constructor", "toString"]) {
    expect(await codeOf(buy(player, offer))).toBe("STORE_OFFER_UNKNOWN");
  }
  expect(await codeOf(buy(player, "real"))).toBe("STORE_OFFER_FOR_MONEY");
  for (const amount of [0, -100, 99.5, Number.NaN, 2 ** 53 + 1]) {
    expect(await codeOf(buy(player, "gems", { price: { currency: "gold", amount } }))).toBe("STORE_PRICE_CHANGED");
  }
  expect([await owns(player), await recorded(player)]).toEqual([{ gold: 100 }, 0]);
});

test("[STORE7] purchases are listed newest first, in pages, and nobody sees another's", async () => {
  const player = await aPlayer(500);
  const bought = [];
  for (let turn = 0; turn < 5; turn++) {
    clock.advance(1);
    bought.push((await buy(player, "gems")).purchaseId);
  }
  const first = await store.purchases(player, { limit: 3 });
  const rest = await store.purchases(player, { limit: 3, before: first.at(-1)?.purchaseId });
  expect([...first, ...rest].map(({ purchaseId }) => purchaseId)).toEqual(bought.reverse());
  expect(first[0]).toMatchObject({ offer: "gems", currency: "gold", amount: 100n });
  expect(await recorded(await aPlayer(0))).toBe(0);
});
