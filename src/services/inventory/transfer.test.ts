import { afterEach, expect, test } from "vitest";
import type { AccountId, ItemId } from "../../../schema/ids.ts";
import { codeOf, createTestInventory } from "../../testing/inventory.ts";
import type { Goods } from "./goods.ts";

const setup = await createTestInventory({ connectionsMax: 16 });
const { inventory, sql, clock, aKey, days } = setup;
const { anAccount, aUnique, grant, held, stored, discrepancies } = setup;

afterEach(async () => {
  expect(await discrepancies()).toEqual([]);
});

function give(from: AccountId, to: AccountId, goods: readonly Goods[]) {
  return inventory.transfer({ from, key: aKey(), to, goods });
}

test("[INVENTORY5] a transfer moves stacks and unique items, and these keep their ids", async () => {
  const [giver, taker] = [await anAccount({ wood: 5 }), await anAccount({ wood: 1 })];
  const sword = await aUnique(giver, "sword");
  clock.advance(1);
  await aUnique(giver, "sword");
  const moved = await give(giver, taker, [
    { item: "wood", quantity: 5 },
    { item: "sword", quantity: 1 },
  ]);
  expect(moved).toEqual([
    { item: "wood", quantity: 5, ids: [] },
    { item: "sword", quantity: 1, ids: [sword] },
  ]);
  expect(await held(giver)).toEqual({ sword: 1 });
  expect(await held(taker)).toEqual({ wood: 6, sword: 1 });
});

test("[INVENTORY5] S25: what is not tradable, not there, bound, worn, another's, for oneself or too much is refused", async () => {
  const [giver, taker] = [await anAccount({ wood: 2, key: 2, stone: 5 }), await anAccount({ stone: 6 })];
  const [worn, bound, hat] = [
    await aUnique(giver, "sword"),
    await aUnique(giver, "relic", true),
    await aUnique(giver, "hat"),
  ];
  const anothers = await aUnique(taker, "relic");
  await inventory.equip({ accountId: giver, key: aKey(), itemId: worn });
  const before = await stored(giver, taker);
  const one = (item: string, id?: ItemId): Goods[] => [{ item, quantity: 1, ids: id === undefined ? undefined : [id] }];
  const refused: [string, AccountId, Goods[]][] = [
    ["INVENTORY_NOT_TRADABLE", taker, one("key")],
    ["INVENTORY_NOT_TRADABLE", taker, one("hat", hat)],
    ["INVENTORY_INSUFFICIENT", taker, [{ item: "wood", quantity: 3 }]],
    ["INVENTORY_INSUFFICIENT", taker, one("axe")],
    ["INVENTORY_INSUFFICIENT", taker, one("relic", anothers)],
    // The id is the giver's, but of another item.
    ["INVENTORY_INSUFFICIENT", taker, one("axe", worn)],
    ["INVENTORY_BOUND", taker, one("relic", bound)],
    ["INVENTORY_BOUND", taker, one("relic")],
    ["INVENTORY_EQUIPPED", taker, one("sword", worn)],
    ["INVENTORY_EQUIPPED", taker, one("sword")],
    ["INVENTORY_FULL", taker, [{ item: "stone", quantity: 5 }]],
    ["INVENTORY_TO_SELF", giver, one("wood")],
    // The last part is refused, and so the first.
    ["INVENTORY_INSUFFICIENT", taker, [...one("wood"), ...one("wood"), ...one("wood")]],
  ];
  for (const [code, to, goods] of refused) {
    expect(await codeOf(give(giver, to, goods)), JSON.stringify(goods)).toBe(code);
  }
  const hash = "0".repeat(64);
  const toSelf = sql`select umpire.inventory_transfer('self', ${hash}, 'trf_1', ${giver}, ${giver}, '[]', ${clock.date()})`;
  expect((await toSelf.catch((error) => error)).message).toBe("INVENTORY_TO_SELF");
  expect(await stored(giver, taker)).toEqual(before);
});

test("[INVENTORY5] S25: what has expired is not given, even while the sweep has not been there", async () => {
  const [giver, taker] = [await anAccount(), await anAccount()];
  const pass = await aUnique(giver, "pass");
  clock.advance(days(2));
  expect(await codeOf(give(giver, taker, [{ item: "pass", quantity: 1, ids: [pass] }]))).toBe("INVENTORY_EXPIRED");
});

test("[INVENTORY6] T11: 64 clients trade two hot items in both directions, and every one is answered", async () => {
  const [one, other] = [await anAccount({ wood: 40, relic: 3 }), await anAccount({ wood: 40, relic: 3 })];
  const codes = new Map<string, number>();
  const client = async (number: number) => {
    const [from, to] = number % 2 === 0 ? [one, other] : [other, one];
    for (let round = 0; round < 4; round++) {
      const goods = [
        { item: "wood", quantity: 1 },
        { item: "relic", quantity: 1 },
      ];
      const code = await codeOf(give(from, to, round % 2 === 0 ? goods : goods.toReversed()));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, number) => client(number)));
  const { "": done = 0, INVENTORY_INSUFFICIENT: lacking = 0, ...rest } = Object.fromEntries(codes);
  expect(rest).toEqual({});
  expect(done + lacking).toBe(256);
  expect(done).toBeGreaterThan(100);
  const [first, second] = [await held(one), await held(other)];
  expect((first["wood"] ?? 0) + (second["wood"] ?? 0)).toBe(80);
  expect((first["relic"] ?? 0) + (second["relic"] ?? 0)).toBe(6);
});

test("[INVENTORY6] T11: transfers, recipes, rolls, worn items and sweeps of the same players at once never deadlock", async () => {
  const [one, other] = [
    await anAccount({ wood: 90, axe: 30, sword: 5 }),
    await anAccount({ wood: 90, axe: 30, sword: 5 }),
  ];
  for (const accountId of [one, other]) await setup.pay(accountId, "gold", 200);
  const swords = await Promise.all([aUnique(one, "sword"), aUnique(other, "sword")]);
  await grant(one, { pass: 10 });
  clock.advance(days(2));
  const attempts: Promise<string>[] = [];
  for (let round = 0; round < 12; round++) {
    for (const [index, from, to] of [
      [0, one, other],
      [1, other, one],
    ] as const) {
      const own = () => ({ ...setup.because, accountId: from, key: aKey() });
      attempts.push(
        codeOf(
          give(from, to, [
            { item: "axe", quantity: 1 },
            { item: "wood", quantity: 2 },
          ]),
        ),
        codeOf(inventory.craft({ ...own(), recipe: "forge" })),
        codeOf(inventory.roll({ ...own(), loot: "chest" })),
        codeOf(inventory.equip({ ...own(), itemId: swords[index] as ItemId })),
        codeOf(inventory.expire({ pageSize: 2 })),
      );
    }
  }
  const codes = new Set(await Promise.all(attempts));
  for (const expected of ["", "INVENTORY_INSUFFICIENT", "INVENTORY_FULL"]) codes.delete(expected);
  expect([...codes]).toEqual([]);
});
