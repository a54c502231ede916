import { afterEach, expect, test } from "vitest";
import { contentShape } from "../../../schema/content.ts";
import type { AccountId, ItemId } from "../../../schema/ids.ts";
import { databaseError } from "../../platform/database.ts";
import { codeOf, codesOf, createTestInventory, inventoryContent } from "../../testing/inventory.ts";

const setup = await createTestInventory();
const { inventory, sql, clock, ids, active, aKey, because, days } = setup;
const { anAccount, aUnique, grant, held, stored, discrepancies } = setup;
const everything = { wood: 5, stone: 4, axe: 2, relic: 1 };

afterEach(async () => {
  expect(await discrepancies()).toEqual([]);
});

function consume(accountId: AccountId, item: string, quantity: number, itemIds?: ItemId[]) {
  return inventory.consume({ ...because, key: aKey(), accountId, goods: [{ item, quantity, ids: itemIds }] });
}

test("[INVENTORY1] I2: what is granted is held, and what is consumed is gone", async () => {
  const player = await anAccount();
  const given = await grant(player, { wood: 5, axe: 2 });
  expect(given).toEqual([
    { item: "wood", quantity: 5, ids: [] },
    { item: "axe", quantity: 2, ids: [expect.stringMatching(/^itm_/), expect.stringMatching(/^itm_/)] },
  ]);
  await grant(player, { wood: 1 });
  expect(await held(player)).toEqual({ wood: 6, axe: 2 });
  expect(await consume(player, "wood", 4)).toEqual([{ item: "wood", quantity: 4, ids: [] }]);
  expect(await consume(player, "axe", 1)).toEqual([{ item: "axe", quantity: 1, ids: [given[1]?.ids.toSorted()[0]] }]);
  expect(await held(player)).toEqual({ wood: 2, axe: 1 });
  await consume(player, "wood", 2);
  expect(await held(player)).toEqual({ axe: 1 });
});

test("[INVENTORY1] I2: the view finds whatever does not agree", async () => {
  const player = await anAccount({ wood: 2 });
  const [sword, axe] = [await aUnique(player, "sword"), await aUnique(player, "axe")];
  const other = await anAccount();
  const tampered: [string, number][] = [];
  const tamper = async (statement: string) => {
    await sql
      .begin(async (tx) => {
        await tx.unsafe(statement);
        const found = await tx`select kind, subject from umpire.inventory_discrepancies`;
        tampered.push([statement, found.length]);
        throw new Error("undo");
      })
      .catch((error) => expect(error.message).toBe("undo"));
  };
  const ofPlayer = `where account_id = '${player}'`;
  await tamper(`update umpire.inventory_stacks set quantity = 3 ${ofPlayer}`);
  await tamper(`delete from umpire.inventory_stacks ${ofPlayer}`);
  await tamper(`insert into umpire.inventory_stacks values ('${other}', 'wood', 1)`);
  await tamper(`update umpire.inventory_items set account_id = '${other}' where id = '${sword}'`);
  await tamper(`update umpire.inventory_items set account_id = null where id = '${sword}'`);
  await tamper(`delete from umpire.inventory_items where id = '${sword}'`);
  await tamper(`update umpire.inventory_items set id = 'itm_0' where id = '${sword}'`);
  await tamper(`update umpire.inventory_moves set item_id = '${axe}', item = 'axe' where item_id = '${sword}'`);
  await tamper(`update umpire.inventory_moves set account_id = '${other}' where item_id = '${sword}'`);
  await tamper(`delete from umpire.inventory_moves where item_id = '${sword}'`);
  await tamper(`update umpire.inventory_moves set quantity = 1 ${ofPlayer} and item = 'wood'`);
  await tamper(`update umpire.inventory_items set item = 'axe' where id = '${sword}'`);
  for (const [statement, found] of tampered) expect(found, statement).toBeGreaterThan(0);
});

test("[INVENTORY2] T9: fifty with the same key at the same moment grant once and are told the same", async () => {
  const player = await anAccount();
  const order = { ...because, key: aKey(), accountId: player, items: { wood: 3, sword: 1 } };
  const answers = await Promise.all(Array.from({ length: 50 }, () => inventory.grant(order)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await held(player)).toEqual({ wood: 3, sword: 1 });
});

test("[INVENTORY2] T9: every verb answers its repeat as the first time, also after the content has changed", async () => {
  const [player, other] = [await anAccount(everything), await anAccount()];
  await setup.pay(player, "gold", 5);
  const goods = [{ item: "wood", quantity: 1 }];
  const own = () => ({ accountId: player, key: aKey() });
  const sword = await aUnique(player, "sword");
  const [consumed, given, crafted, rolled, worn] = [own(), own(), own(), own(), own()];
  const verbs: (() => Promise<unknown>)[] = [
    () => inventory.grant({ ...because, ...consumed, scope: "grants", items: { relic: 2 } }),
    () => inventory.consume({ ...because, ...consumed, goods }),
    () => inventory.transfer({ from: player, key: given.key, to: other, goods }),
    () => inventory.craft({ ...crafted, recipe: "forge" }),
    () => inventory.roll({ ...because, ...rolled, loot: "chest" }),
    () => inventory.equip({ ...worn, itemId: sword }),
  ];
  const first = [];
  for (const verb of verbs) first.push(await verb());
  const before = await stored(player, other);
  const { items: _, recipes: __, loot: ___, ...rest } = inventoryContent;
  active.content = contentShape.parse(rest);
  const again = await Promise.all(verbs.map((verb) => verb())).finally(() => {
    active.content = contentShape.parse(inventoryContent);
  });
  expect(again).toEqual(first);
  expect(await stored(player, other)).toEqual(before);
});

test("[INVENTORY2] T9: the same key with another request or at another verb is refused and changes nothing", async () => {
  const [player, other] = [await anAccount(everything), await anAccount()];
  const key = aKey();
  const order = { ...because, scope: player, key, accountId: player };
  await inventory.consume({ ...order, goods: [{ item: "wood", quantity: 1 }] });
  const before = await stored(player, other);
  const attempts = [
    inventory.consume({ ...order, goods: [{ item: "wood", quantity: 2 }] }),
    inventory.consume({ ...order, goods: [{ item: "stone", quantity: 1 }] }),
    inventory.consume({ ...order, reference: "mat_2", goods: [{ item: "wood", quantity: 1 }] }),
    inventory.consume({ ...order, accountId: other, goods: [{ item: "wood", quantity: 1 }] }),
    inventory.grant({ ...order, items: { wood: 1 } }),
    inventory.transfer({ from: player, key, to: other, goods: [{ item: "wood", quantity: 1 }] }),
    inventory.craft({ accountId: player, key, recipe: "saw" }),
    inventory.roll({ ...order, loot: "chest" }),
  ];
  expect(await codesOf(attempts)).toEqual(["IDEMPOTENCY_CONFLICT"]);
  expect(await stored(player, other)).toEqual(before);
});

test("[INVENTORY3] T9: of fifty with different keys, what is there for seven goes to seven", async () => {
  const [player, other] = [await anAccount({ wood: 21, axe: 7 }), await anAccount()];
  const outcomes = async (attempt: () => Promise<unknown>) => {
    const codes = await Promise.all(Array.from({ length: 50 }, () => codeOf(attempt())));
    return { done: codes.filter((code) => code === "").length, refused: [...new Set(codes)].sort() };
  };
  const seven = { done: 7, refused: ["", "INVENTORY_INSUFFICIENT"] };
  expect(await outcomes(() => consume(player, "wood", 3))).toEqual(seven);
  const axe = [{ item: "axe", quantity: 1 }];
  expect(await outcomes(() => inventory.transfer({ from: player, key: aKey(), to: other, goods: axe }))).toEqual(seven);
  expect(await held(player)).toEqual({});
  expect(await held(other)).toEqual({ axe: 7 });
});

test("[INVENTORY3] T9: of fifty grants at once, only what there is room for arrives", async () => {
  const player = await anAccount();
  const codes = await Promise.all(Array.from({ length: 50 }, () => codeOf(grant(player, { stone: 3 }))));
  expect(codes.filter((code) => code === "")).toHaveLength(3);
  expect(codes.filter((code) => code === "INVENTORY_FULL")).toHaveLength(47);
  expect(await held(player)).toEqual({ stone: 9 });
});

const WRONG = [0, -1, 1.5, 1_000_000_001, 2 ** 53 + 1, 2 ** 64, Number.NaN, Number.POSITIVE_INFINITY];

test.each(WRONG)(
  "[INVENTORY4] S25: a quantity of %d is refused at every verb and changes nothing",
  async (quantity) => {
    const [player, other] = [await anAccount(everything), await anAccount()];
    const before = await stored(player, other);
    const goods = [{ item: "wood", quantity }];
    expect(await codeOf(grant(player, { wood: quantity }))).toBe("INVENTORY_QUANTITY_INVALID");
    expect(await codeOf(grant(player, { axe: quantity }))).toBe("INVENTORY_QUANTITY_INVALID");
    expect(await codeOf(consume(player, "wood", quantity))).toBe("INVENTORY_QUANTITY_INVALID");
    expect(await codeOf(inventory.transfer({ from: player, key: aKey(), to: other, goods }))).toBe(
      "INVENTORY_QUANTITY_INVALID",
    );
    expect(await stored(player, other)).toEqual(before);
  },
);

test("[INVENTORY4] S25: a quantity as text, ids of another number and too many unique ones at once are refused", async () => {
  const player = await anAccount(everything);
  const id = await aUnique(player, "sword");
  const before = await stored(player);
  const attempts = [
    consume(player, "wood", "1" as never),
    consume(player, "wood", 1n as never),
    consume(player, "sword", 2, [id]),
    consume(player, "sword", 1, []),
    consume(player, "wood", 1, [id]),
    grant(player, { sword: 1001 }),
  ];
  expect(await codesOf(attempts)).toEqual(["INVENTORY_QUANTITY_INVALID"]);
  // The same one twice is one.
  expect(await codeOf(consume(player, "sword", 2, [id, id]))).toBe("INVENTORY_INSUFFICIENT");
  expect(await stored(player)).toEqual(before);
});

test("[INVENTORY4] S25: what the content does not know, and whoever is not there, is refused", async () => {
  const player = await anAccount(everything);
  const nobody = ids.mint("account");
  const before = await stored(player, nobody);
  for (const item of ["nothing", "constructor", "__proto__", "toString", "", "wood'--"]) {
    const named = Object.fromEntries([[item, 1]]);
    expect(await codeOf(grant(player, named)), item).toBe("INVENTORY_ITEM_UNKNOWN");
    expect(await codeOf(consume(player, item, 1)), item).toBe("INVENTORY_ITEM_UNKNOWN");
    expect(await codeOf(inventory.craft({ accountId: player, key: aKey(), recipe: item }))).toBe(
      "INVENTORY_RECIPE_UNKNOWN",
    );
    const order = { ...because, key: aKey(), accountId: player, loot: item };
    expect(await codeOf(inventory.roll(order))).toBe("INVENTORY_LOOT_UNKNOWN");
  }
  const goods = [{ item: "wood", quantity: 1 }];
  const attempts = [
    grant(nobody, { wood: 1 }),
    consume(nobody, "wood", 1),
    inventory.transfer({ from: player, key: aKey(), to: nobody, goods }),
    inventory.transfer({ from: nobody, key: aKey(), to: player, goods }),
    inventory.craft({ accountId: nobody, key: aKey(), recipe: "saw" }),
    inventory.roll({ ...because, key: aKey(), accountId: nobody, loot: "chest" }),
    inventory.unequip({ accountId: nobody, key: aKey(), slot: "hand" }),
  ];
  expect(await codesOf(attempts)).toEqual(["INVENTORY_ACCOUNT_UNKNOWN"]);
  expect(await stored(player, nobody)).toEqual(before);
});

test("[INVENTORY4] a refused part refuses the whole, and what is beyond an item's max is never given", async () => {
  const player = await anAccount({ wood: 2, stone: 9 });
  const before = await stored(player);
  expect(await codeOf(grant(player, { wood: 1, sword: 1, stone: 2 }))).toBe("INVENTORY_FULL");
  const goods = [
    { item: "wood", quantity: 2 },
    { item: "stone", quantity: 10 },
  ];
  expect(await codeOf(inventory.consume({ ...because, key: aKey(), accountId: player, goods }))).toBe(
    "INVENTORY_INSUFFICIENT",
  );
  expect(await stored(player)).toEqual(before);
  await grant(player, { stone: 1 });
  expect(await held(player)).toEqual({ wood: 2, stone: 10 });
});

test("[INVENTORY4] S25: the functions themselves refuse what no caller may send", async () => {
  const player = await anAccount({ wood: 2 });
  const before = await stored(player);
  const entries = [
    { kind: "stack", quantity: -1 },
    { kind: "stack", quantity: 0 },
    { kind: "stack", quantity: 1.5 },
    { kind: "stack", quantity: null },
    { kind: "stack", quantity: "9223372036854775808" },
    { kind: "other", quantity: 1 },
    { quantity: 1 },
    { kind: "unique", quantity: 2, ids: ["itm_1"] },
    { kind: "unique", quantity: 1, ids: [] },
  ].map((entry) => sql.json([{ item: "wood", ...entry }]));
  const at = clock.date();
  for (const entry of entries) {
    const give = sql`select umpire.inventory_give(${player}, ${entry}, 'match', 'mat_1', 1, ${at})`;
    expect(databaseError(await give.catch((error) => error))).not.toBeNull();
    const take = sql`select umpire.inventory_take(${player}, ${entry}, 'match', 'mat_1', ${at}, true)`;
    expect(databaseError(await take.catch((error) => error))).not.toBeNull();
  }
  expect(await stored(player)).toEqual(before);
  const huge = sql.json([{ item: "wood", kind: "stack", quantity: "9007199254740990" }]);
  const overflow = sql`select umpire.inventory_give(${player}, ${huge}, 'match', 'mat_1', 1, ${at})`;
  expect((await overflow.catch((error) => error)).message).toBe("INVENTORY_FULL");
});

test("[INVENTORY14] the oldest goes first, chosen ones go, and worn ones stay unless they have to be taken back", async () => {
  const player = await anAccount();
  const axes: ItemId[] = [];
  for (let count = 0; count < 4; count++) {
    clock.advance(10);
    axes.push(await aUnique(player, "axe"));
  }
  const [first, second, third, fourth] = axes as [ItemId, ItemId, ItemId, ItemId];
  await inventory.equip({ accountId: player, key: aKey(), itemId: first });
  expect((await consume(player, "axe", 1))[0]?.ids).toEqual([second]);
  expect((await consume(player, "axe", 1, [fourth]))[0]?.ids).toEqual([fourth]);
  expect(await codeOf(consume(player, "axe", 2))).toBe("INVENTORY_EQUIPPED");
  expect(await codeOf(consume(player, "axe", 1, [first]))).toBe("INVENTORY_EQUIPPED");
  expect(await codeOf(consume(player, "axe", 1, [second]))).toBe("INVENTORY_INSUFFICIENT");
  expect(await codeOf(consume(player, "axe", 3))).toBe("INVENTORY_INSUFFICIENT");
  const back = await takeBack(player, [{ item: "axe", kind: "unique", quantity: 1 }]);
  expect(back).toEqual([{ item: "axe", quantity: 1, ids: [third] }]);
  expect(await takeBack(player, [{ item: "axe", kind: "unique", quantity: 5 }])).toEqual([
    { item: "axe", quantity: 1, ids: [first] },
  ]);
  expect(await inventory.worn(player)).toEqual({});
});

test("[INVENTORY14] what has to be taken back is taken as far as it is there, bound or expired too", async () => {
  const player = await anAccount({ wood: 3 });
  const pass = await aUnique(player, "pass", true);
  const other = await aUnique(await anAccount(), "pass");
  clock.advance(days(3));
  const wanted = [
    { item: "wood", kind: "stack", quantity: 10 },
    { item: "stone", kind: "stack", quantity: 1 },
    { item: "pass", kind: "unique", quantity: 2, ids: [pass, other] },
  ];
  expect(await takeBack(player, wanted)).toEqual([
    { item: "wood", quantity: 3, ids: [] },
    { item: "pass", quantity: 1, ids: [pass] },
  ]);
  expect(await takeBack(player, wanted)).toEqual([]);
  expect(await takeBack(ids.mint("account"), wanted)).toEqual([]);
});

async function takeBack(accountId: AccountId, wanted: { item: string; kind: string; quantity: number }[]) {
  const [row] = await sql<{ taken: unknown }[]>`
    select umpire.inventory_take(${accountId}, ${sql.json(wanted)}, 'clawback', 'pur_1', ${clock.date()}, true) as taken`;
  return row?.taken;
}

test("[INVENTORY13] an owner reads how an item came to be and every owner, and nobody else does", async () => {
  const [maker, buyer, stranger] = [await anAccount(), await anAccount(), await anAccount()];
  const relic = await aUnique(maker, "relic");
  const goods = [{ item: "relic", quantity: 1, ids: [relic] }];
  clock.advance(1000);
  await inventory.transfer({ from: maker, key: aKey(), to: buyer, goods });
  await inventory.transfer({ from: buyer, key: aKey(), to: maker, goods });
  await inventory.transfer({ from: maker, key: aKey(), to: buyer, goods });
  const history = await inventory.history(buyer, relic, { limit: 100 });
  expect(history.map(({ kind, accountId }) => [kind, accountId])).toEqual([
    ["granted", maker],
    ["traded-out", maker],
    ["traded-in", buyer],
    ["traded-out", buyer],
    ["traded-in", maker],
    ["traded-out", maker],
    ["traded-in", buyer],
  ]);
  expect(history[0]).toMatchObject({ reason: "match", reference: "mat_1", contentVersion: 7 });
  expect(history[1]?.reference).toBe(history[2]?.reference);
  const [, second] = await inventory.history(buyer, relic, { limit: 2 });
  const rest = await inventory.history(buyer, relic, { after: second?.place, limit: 100 });
  expect(rest).toEqual(history.slice(2));
  for (const asking of [maker, stranger, ids.mint("account")]) {
    expect(await codeOf(inventory.history(asking, relic, { limit: 10 }))).toBe("INVENTORY_ITEM_UNKNOWN");
  }
  await consume(buyer, "relic", 1);
  expect(await codeOf(inventory.history(buyer, relic, { limit: 10 }))).toBe("INVENTORY_ITEM_UNKNOWN");
  const { item, history: whole } = await inventory.provenance(relic, { after: second?.place, limit: 100 });
  expect(item).toMatchObject({ id: relic, item: "relic", accountId: null, contentVersion: 7 });
  expect(whole.slice(0, -1)).toEqual(rest);
  expect(whole.at(-1)).toMatchObject({ kind: "consumed", accountId: buyer });
  expect(await codeOf(inventory.provenance(ids.mint("item"), { limit: 10 }))).toBe("INVENTORY_ITEM_UNKNOWN");
});

test("[INVENTORY12] from the moment it expires an item is neither seen nor worn, used nor given", async () => {
  const [player, other] = [await anAccount(), await anAccount()];
  const [pass, spare] = [await aUnique(player, "pass"), await aUnique(player, "pass")];
  await inventory.equip({ accountId: player, key: aKey(), itemId: pass });
  clock.advance(days(2) - 1);
  expect(Object.keys(await inventory.worn(player))).toEqual(["neck"]);
  expect(await held(player)).toEqual({ pass: 2 });
  clock.advance(1);
  expect(await inventory.worn(player)).toEqual({});
  expect(await held(player)).toEqual({});
  const goods = [{ item: "pass", quantity: 1, ids: [spare] }];
  const attempts = [
    consume(player, "pass", 1),
    consume(player, "pass", 1, [pass]),
    consume(player, "pass", 1, [spare]),
    inventory.transfer({ from: player, key: aKey(), to: other, goods }),
    inventory.equip({ accountId: player, key: aKey(), itemId: pass }),
    inventory.saveLoadout({ accountId: player, key: aKey(), name: "one", slots: { neck: pass } }),
  ];
  expect(await codesOf(attempts)).toEqual(["INVENTORY_EXPIRED"]);
  await inventory.expire();
});

test("[INVENTORY12] the sweep ends what has expired, a page at a time, and nothing else", async () => {
  const player = await anAccount({ pass: 5, axe: 1 });
  const other = await anAccount({ pass: 4 });
  clock.advance(days(1));
  await grant(other, { pass: 2 });
  clock.advance(days(1));
  expect(await inventory.expire({ pageSize: 2, pagesMax: 2 })).toEqual({ expired: 4, done: false });
  expect(await inventory.expire({ pageSize: 2 })).toEqual({ expired: 5, done: true });
  expect(await inventory.expire({ pageSize: 2 })).toEqual({ expired: 0, done: true });
  expect(await held(player)).toEqual({ axe: 1 });
  expect(await held(other)).toEqual({ pass: 2 });
  const moves = await sql`
    select reason, kind from umpire.inventory_moves where account_id = ${player} and reason = 'expired'`;
  expect(moves).toHaveLength(5);
  clock.advance(days(1));
  const sweeps = await Promise.all(Array.from({ length: 6 }, () => inventory.expire()));
  expect(sweeps.reduce((sum, { expired }) => sum + expired, 0)).toBe(2);
});
