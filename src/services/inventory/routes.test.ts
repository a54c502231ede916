import { expect, test } from "vitest";
import type { AccountId } from "../../../schema/ids.ts";
import { createErrorTranslator } from "../../platform/errors.ts";
import { createRoutes } from "../../platform/http.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestInventory } from "../../testing/inventory.ts";
import { callRoute } from "../../testing/route-calls.ts";
import { inventoryRoutes } from "./routes.ts";

const setup = await createTestInventory();
const { inventory, db, clock, ids, aKey, anAccount, aUnique, grant, pay, held, stored } = setup;
const { accounts } = createTestAccounts({ db, clock });
const routes = inventoryRoutes(inventory);
const served = createRoutes(routes, {
  principalOf: accounts.principalOf,
  rateLimit: { take: async () => {} },
  translate: createErrorTranslator({ ids, log: createLog({ level: "silent" }) }),
  metrics: createMetrics(),
});

async function aPlayer() {
  const { token, account } = await accounts.createGuest({ label: "vitest" });
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await callRoute(served, method, `/api/inventory${path}`, { headers, body });
    return { status: answer.status, body: answer.body, code: answer.body.code as string | undefined };
  };
  return { accountId: account.id as AccountId, call };
}

test("[INVENTORY15] a player sees, wears, crafts and gives, by HTTP", async () => {
  const [{ accountId, call }, other] = [await aPlayer(), await aPlayer()];
  await grant(accountId, { wood: 4, axe: 1 });
  await pay(accountId, "gold", 5);
  const sword = await aUnique(accountId, "sword");
  const list = await call("GET", "");
  expect(list.body.holdings.map(({ item }: { item: string }) => item)).toEqual(["axe", "sword", "wood"]);
  expect(list.body.holdings[1]).toEqual({
    ...{ kind: "unique", item: "sword", id: sword, bound: false, slot: null, expiresAt: null },
    createdAt: clock.date().toISOString(),
  });
  const worn = { hand: { id: sword, item: "sword" } };
  expect((await call("POST", "/equip", { key: aKey(), itemId: sword })).body).toEqual({ worn });
  expect((await call("GET", "/worn")).body).toEqual({ worn });
  expect((await call("POST", "/loadouts", { key: aKey(), name: "war", slots: { hand: sword } })).status).toBe(200);
  expect((await call("POST", "/unequip", { key: aKey(), slot: "hand" })).body).toEqual({ worn: {} });
  expect((await call("POST", "/loadouts/wear", { key: aKey(), name: "war" })).body).toEqual({ worn });
  expect((await call("GET", "/loadouts")).body.loadouts).toEqual([
    { name: "war", slots: { hand: sword }, active: true },
  ]);
  expect((await call("POST", "/loadouts/remove", { key: aKey(), name: "war" })).body).toEqual({ worn });
  const crafted = await call("POST", "/craft", { key: aKey(), recipe: "forge" });
  expect(crafted.body.given[1]).toEqual({ item: "stone", quantity: 2, ids: [] });
  const goods = [{ item: "stone", quantity: 2 }];
  const moved = await call("POST", "/transfer", { key: aKey(), to: other.accountId, goods });
  expect(moved.body).toEqual({ moved: [{ item: "stone", quantity: 2, ids: [] }] });
  expect(await held(other.accountId)).toEqual({ stone: 2 });
  const history = await call("GET", `/items/${sword}/history?limit=1`);
  expect(history.body.history).toEqual([
    { place: expect.stringMatching(/^\d+$/), kind: "granted", accountId, reason: "match", at: expect.any(String) },
  ]);
  expect((await call("GET", `/items/${sword}/history?after=${history.body.history[0].place}`)).body.history).toEqual(
    [],
  );
});

test("[INVENTORY15] nobody without a session gets in, and whose inventory it is comes from the session alone", async () => {
  const [mine, theirs] = [await aPlayer(), await aPlayer()];
  await grant(theirs.accountId, { wood: 5 });
  const sword = await aUnique(theirs.accountId, "sword");
  for (const { method, path } of routes) {
    const answer = await callRoute(served, method, path.replace(":itemId", sword), { body: {} });
    expect(answer.status, path).toBe(401);
  }
  const before = await stored(mine.accountId, theirs.accountId);
  const own = { key: aKey() };
  const goods = [{ item: "wood", quantity: 1 }];
  const tries: [string, object, string][] = [
    ["/transfer", { ...own, from: theirs.accountId, to: mine.accountId, goods }, "REQUEST_INVALID"],
    ["/transfer", { ...own, accountId: theirs.accountId, to: mine.accountId, goods }, "REQUEST_INVALID"],
    ["/transfer", { ...own, to: mine.accountId, goods }, "INVENTORY_TO_SELF"],
    ["/equip", { ...own, itemId: sword, accountId: theirs.accountId }, "REQUEST_INVALID"],
    ["/equip", { ...own, itemId: sword }, "INVENTORY_ITEM_UNKNOWN"],
    ["/craft", { ...own, recipe: "saw", scope: "operator" }, "REQUEST_INVALID"],
  ];
  for (const [path, body, code] of tries) expect((await mine.call("POST", path, body)).code, path).toBe(code);
  expect((await mine.call("GET", `/items/${sword}/history`)).code).toBe("INVENTORY_ITEM_UNKNOWN");
  expect(await stored(mine.accountId, theirs.accountId)).toEqual(before);
});

test("[INVENTORY4] S25: what is not a quantity, a key or a name never gets as far as the database", async () => {
  const [{ accountId, call }, other] = [await aPlayer(), await anAccount()];
  await grant(accountId, { wood: 5 });
  const before = await stored(accountId, other);
  const good = { key: aKey(), to: other, goods: [{ item: "wood", quantity: 1 }] };
  const wrong: object[] = [
    ...[0, -1, 1.5, 2 ** 53 + 1, "1", null, true, [1], {}].map((quantity) => ({
      ...good,
      goods: [{ item: "wood", quantity }],
    })),
    { ...good, key: "" },
    { ...good, key: "k".repeat(129) },
    { ...good, key: 1 },
    { ...good, key: "a\u0000b" },
    { to: other, goods: good.goods },
    { ...good, to: "acc_'; drop table x" },
    { ...good, to: `acc_${"a".repeat(100)}` },
    { ...good, goods: [] },
    { ...good, goods: Array.from({ length: 21 }, () => good.goods[0]) },
    { ...good, goods: [{ item: "wood' or 1=1", quantity: 1 }] },
    { ...good, goods: [{ item: "wood", quantity: 1, ids: ["itm_1"] }] },
    { ...good, goods: [{ item: "wood", quantity: 1, max: 9 }] },
  ];
  for (const body of wrong) {
    expect((await call("POST", "/transfer", body)).code, JSON.stringify(body)).toBe("REQUEST_INVALID");
  }
  for (const name of ["", " ", "n".repeat(33), "a\u0000b", "<b>", "\u202e"]) {
    const body = { key: aKey(), name, slots: {} };
    expect((await call("POST", "/loadouts", body)).code, JSON.stringify(name)).toBe("REQUEST_INVALID");
  }
  const slots = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`slot-${n}`, ids.mint("item")]));
  expect((await call("POST", "/loadouts", { key: aKey(), name: "many", slots })).code).toBe("REQUEST_INVALID");
  expect(await stored(accountId, other)).toEqual(before);
  expect((await call("POST", "/craft", { key: aKey(), recipe: "constructor" })).code).toBe("INVENTORY_RECIPE_UNKNOWN");
});

test("[INVENTORY2] T9: a request that is sent again is answered as before, and its key takes no other", async () => {
  const [{ accountId, call }, other] = [await aPlayer(), await anAccount()];
  await grant(accountId, { wood: 5 });
  const body = { key: aKey(), to: other, goods: [{ item: "wood", quantity: 2 }] };
  const answers = await Promise.all(Array.from({ length: 10 }, () => call("POST", "/transfer", body)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  const changed = { ...body, goods: [{ item: "wood", quantity: 3 }] };
  expect(await call("POST", "/transfer", changed)).toMatchObject({ status: 409, code: "IDEMPOTENCY_CONFLICT" });
  expect(await held(accountId)).toEqual({ wood: 3 });
});

test("[INVENTORY15] pages neither repeat nor skip, and are never longer than they may be", async () => {
  const { accountId, call } = await aPlayer();
  await grant(accountId, { wood: 4, stone: 1, key: 2, sword: 60, relic: 50, hat: 3 });
  await inventory.expire();
  for (const limit of [1, 7, 100]) {
    const seen: string[] = [];
    for (let next: string | null = ""; next !== null; ) {
      const page: { holdings: { item: string; id?: string }[]; next: string | null } = (
        await call("GET", `?limit=${limit}${next === "" ? "" : `&after=${next}`}`)
      ).body;
      expect(page.holdings.length).toBeLessThanOrEqual(limit);
      seen.push(...page.holdings.map(({ item, id = "" }) => `${item} ${id}`));
      next = page.next;
      if (limit === 1 && seen.length === 12) break;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(limit === 1 ? 12 : 116);
  }
  for (const query of [
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=1.5",
    "limit=x",
    "after='",
    "after=wood.itm_1",
    "sort=id",
  ]) {
    expect((await call("GET", `?${query}`)).code, query).toBe("REQUEST_INVALID");
  }
});
