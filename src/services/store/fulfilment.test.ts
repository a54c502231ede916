import { expect, test } from "vitest";
import { startTestApp, type TestPlayer } from "../../testing/app.ts";
import { createTestDatabase } from "../../testing/postgres.ts";

const database = await createTestDatabase();
const { sql } = database;
const app = await startTestApp({
  rooms: {},
  catalogue: {
    levels: { base: 100, growth: 50, max: 100 },
    currencies: { gems: { title: "Gems", max: 70 }, gold: { title: "Gold" } },
    items: {
      skin: { title: "Skin", kind: "unique", slot: "skin" },
      scrap: { title: "Scrap", kind: "stack", max: 5 },
    },
    offers: {
      pack: {
        title: "Pack",
        gives: { currencies: { gems: 100 }, items: { skin: 1, scrap: 8 } },
        price: { kind: "money", money: { currency: "EUR", amount: 499 } },
      },
      hat: {
        title: "Hat",
        gives: { currencies: { gold: 1 } },
        price: { kind: "currency", currency: "gems", amount: 60 },
      },
    },
  },
  settings: { DATABASE_URL: database.url },
});

let orders = 0;
async function pay({ token }: TestPlayer): Promise<(kind: string, teller?: TestPlayer) => Promise<number>> {
  const body = { offer: "pack", provider: "local", key: `order-${++orders}` };
  const order = await app.call("POST", "/api/payments/orders", { token, body });
  const { next } = order.body as { next: { confirmation: string } };
  return async (kind, teller) => {
    const told = { confirmation: next.confirmation, kind };
    return (await app.call("POST", "/api/payments/local/confirm", { token: teller?.token ?? token, body: told }))
      .status;
  };
}

async function owns({ token }: TestPlayer) {
  const wallet = await app.call("GET", "/api/wallet", { token });
  const { balances } = wallet.body as { balances: { currency: string; balance: string; owed: string }[] };
  const inventory = await app.call("GET", "/api/inventory", { token });
  const { holdings } = inventory.body as { holdings: { item: string; quantity?: number }[] };
  return {
    gems: balances.find(({ currency }) => currency === "gems"),
    items: Object.fromEntries(holdings.map(({ item, quantity = 1 }) => [item, quantity])),
  };
}

async function expectBalanced(): Promise<void> {
  expect(await sql`select * from umpire.wallet_discrepancies`).toEqual([]);
  expect(await sql`select * from umpire.inventory_discrepancies`).toEqual([]);
}

test("[STORE8] what was paid for with money is handed over once, however often the payment is told, and beyond any max", async () => {
  const player = await app.guest();
  const tell = await pay(player);
  expect((await owns(player)).items).toEqual({});
  for (let turn = 0; turn < 5; turn++) expect(await tell("paid")).toBe(200);
  expect(await owns(player)).toEqual({
    gems: { currency: "gems", balance: "100", held: "0", owed: "0" },
    items: { skin: 1, scrap: 8 },
  });
  await expectBalanced();
});

test("[STORE8] a refund takes back what is left, and what was spent is owed and paid first by what comes in", async () => {
  const player = await app.guest();
  const tell = await pay(player);
  await tell("paid");
  const hat = { key: "hat", offer: "hat", price: { currency: "gems", amount: 60 } };
  expect((await app.call("POST", "/api/store/purchases", { token: player.token, body: hat })).status).toBe(200);
  await Promise.all(Array.from({ length: 5 }, () => tell("refunded")));
  expect(await owns(player)).toEqual({
    gems: { currency: "gems", balance: "0", held: "0", owed: "60" },
    items: {},
  });
  const again = await pay(player);
  await again("paid");
  expect((await owns(player)).gems).toEqual({ currency: "gems", balance: "40", held: "0", owed: "0" });
  await expectBalanced();
});

test("[STORE8] goods are withheld while a dispute is open, and come back when it is won", async () => {
  const player = await app.guest();
  const tell = await pay(player);
  await tell("paid");
  await tell("dispute.opened");
  expect((await owns(player)).items).toEqual({});
  await tell("dispute.won");
  expect((await owns(player)).items).toEqual({ skin: 1, scrap: 8 });
  await expectBalanced();
});

test("[STORE8] an account that is gone owes nothing, and its refund is settled", async () => {
  const player = await app.guest();
  const tell = await pay(player);
  await tell("paid");
  expect((await app.call("DELETE", "/api/accounts/me", { token: player.token, body: {} })).status).toBe(200);
  expect(await tell("refunded", await app.guest())).toBe(200);
  expect(await sql`select owed from umpire.wallet_balances where owed > 0`).toEqual([]);
  await expectBalanced();
});
