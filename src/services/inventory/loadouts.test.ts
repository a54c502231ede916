import { afterEach, expect, test } from "vitest";
import type { ItemId } from "../../../schema/ids.ts";
import { codeOf, codesOf, createTestInventory } from "../../testing/inventory.ts";
import { LOADOUTS_MAX } from "./loadouts.ts";

const setup = await createTestInventory();
const { inventory, clock, ids, aKey, days, anAccount, aUnique, grant, stored, discrepancies } = setup;

afterEach(async () => {
  expect(await discrepancies()).toEqual([]);
});

/** A player with two things for the hand and one for the head. */
async function aWardrobe() {
  const accountId = await anAccount();
  const [sword, axe, hat] = [
    await aUnique(accountId, "sword"),
    await aUnique(accountId, "axe"),
    await aUnique(accountId, "hat"),
  ];
  const own = () => ({ accountId, key: aKey() });
  return { accountId, sword, axe, hat, own };
}

test("[INVENTORY7] an item is worn where its kind fits, and what was there comes off", async () => {
  const { accountId, sword, axe, hat, own } = await aWardrobe();
  expect(await inventory.equip({ ...own(), itemId: sword })).toEqual({ hand: { id: sword, item: "sword" } });
  await inventory.equip({ ...own(), itemId: hat });
  const worn = { hand: { id: axe, item: "axe" }, head: { id: hat, item: "hat" } };
  expect(await inventory.equip({ ...own(), itemId: axe })).toEqual(worn);
  expect(await inventory.worn(accountId)).toEqual(worn);
  expect(await inventory.unequip({ ...own(), slot: "hand" })).toEqual({ head: worn.head });
  expect(await inventory.unequip({ ...own(), slot: "hand" })).toEqual({ head: worn.head });
});

test("[INVENTORY7] S25: another's item, one that is not worn, and none at all are refused", async () => {
  const [mine, theirs] = [await aWardrobe(), await aWardrobe()];
  const relic = await aUnique(mine.accountId, "relic");
  const before = await stored(mine.accountId, theirs.accountId);
  expect(await codeOf(inventory.equip({ ...mine.own(), itemId: theirs.sword }))).toBe("INVENTORY_ITEM_UNKNOWN");
  expect(await codeOf(inventory.equip({ ...mine.own(), itemId: ids.mint("item") }))).toBe("INVENTORY_ITEM_UNKNOWN");
  expect(await codeOf(inventory.equip({ ...mine.own(), itemId: relic }))).toBe("INVENTORY_NOT_WEARABLE");
  expect(await stored(mine.accountId, theirs.accountId)).toEqual(before);
});

test("[INVENTORY7] of many put on one slot at once, one is worn", async () => {
  const { accountId, sword, axe, own } = await aWardrobe();
  const attempts = Array.from({ length: 20 }, (_, n) => inventory.equip({ ...own(), itemId: n % 2 ? sword : axe }));
  expect(await codesOf(attempts)).toEqual([""]);
  expect(Object.keys(await inventory.worn(accountId))).toEqual(["hand"]);
});

test("[INVENTORY7] of wearing and giving away at the same moment, one happens", async () => {
  for (let round = 0; round < 10; round++) {
    const { accountId, sword, own } = await aWardrobe();
    const to = await anAccount();
    const goods = [{ item: "sword", quantity: 1, ids: [sword] }];
    const codes = await codesOf([
      inventory.equip({ ...own(), itemId: sword }),
      inventory.transfer({ from: accountId, key: aKey(), to, goods }),
    ]);
    expect(["INVENTORY_EQUIPPED", "INVENTORY_ITEM_UNKNOWN"]).toContain(codes[1]);
    expect(await inventory.worn(to)).toEqual({});
  }
});

test("[INVENTORY8] a loadout that is worn is all that is worn, and a change by hand ends that", async () => {
  const { accountId, sword, axe, hat, own } = await aWardrobe();
  await inventory.saveLoadout({ ...own(), name: "war", slots: { hand: axe } });
  await inventory.saveLoadout({ ...own(), name: "feast", slots: { hand: sword, head: hat } });
  const active = async () => (await inventory.loadouts(accountId)).filter((one) => one.active).map(({ name }) => name);
  expect(await active()).toEqual([]);
  const feast = { hand: { id: sword, item: "sword" }, head: { id: hat, item: "hat" } };
  expect(await inventory.wearLoadout({ ...own(), name: "feast" })).toEqual(feast);
  expect(await active()).toEqual(["feast"]);
  expect(await inventory.wearLoadout({ ...own(), name: "war" })).toEqual({ hand: { id: axe, item: "axe" } });
  expect(await active()).toEqual(["war"]);
  await inventory.equip({ ...own(), itemId: hat });
  expect(await active()).toEqual([]);
  await inventory.wearLoadout({ ...own(), name: "war" });
  await inventory.unequip({ ...own(), slot: "hand" });
  expect(await active()).toEqual([]);
  await inventory.removeLoadout({ ...own(), name: "war" });
  await inventory.removeLoadout({ ...own(), name: "war" });
  expect((await inventory.loadouts(accountId)).map(({ name }) => name)).toEqual(["feast"]);
  expect(await codeOf(inventory.wearLoadout({ ...own(), name: "war" }))).toBe("INVENTORY_LOADOUT_UNKNOWN");
});

test("[INVENTORY8] what is gone from a loadout is left out", async () => {
  const { accountId, sword, hat, own } = await aWardrobe();
  const pass = await aUnique(accountId, "pass");
  await inventory.saveLoadout({ ...own(), name: "all", slots: { hand: sword, head: hat, neck: pass } });
  const goods = [{ item: "sword", quantity: 1, ids: [sword] }];
  await inventory.transfer({ from: accountId, key: aKey(), to: await anAccount(), goods });
  clock.advance(days(2));
  expect(await inventory.wearLoadout({ ...own(), name: "all" })).toEqual({ head: { id: hat, item: "hat" } });
});

test("[INVENTORY8] S25: a set of another's items, of the wrong slots, or too many sets are refused", async () => {
  const [mine, theirs] = [await aWardrobe(), await aWardrobe()];
  const save = (slots: Record<string, ItemId>, name = "one") => inventory.saveLoadout({ ...mine.own(), name, slots });
  expect(await codeOf(save({ hand: theirs.sword }))).toBe("INVENTORY_ITEM_UNKNOWN");
  expect(await codeOf(save({ head: mine.sword }))).toBe("INVENTORY_NOT_WEARABLE");
  expect(await codeOf(save({ hand: mine.sword, head: mine.sword }))).toBe("INVENTORY_NOT_WEARABLE");
  expect(await inventory.loadouts(mine.accountId)).toEqual([]);
  const names = Array.from({ length: LOADOUTS_MAX + 4 }, (_, n) => `set ${n}`);
  const codes = await Promise.all(names.map((name) => codeOf(save({ hand: mine.axe }, name))));
  expect(codes.filter((code) => code === "INVENTORY_LOADOUTS_FULL")).toHaveLength(4);
  const kept = await inventory.loadouts(mine.accountId);
  expect(kept).toHaveLength(LOADOUTS_MAX);
  await save({ hand: mine.sword }, kept[0]?.name);
  expect((await inventory.loadouts(mine.accountId))[0]?.slots).toEqual({ hand: mine.sword });
  expect(await inventory.loadouts(theirs.accountId)).toEqual([]);
  await grant(mine.accountId, { wood: 1 });
});
