import { afterEach, expect, test } from "vitest";
import { contentShape } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { codeOf, createTestInventory, inventoryContent } from "../../testing/inventory.ts";
import { rollLoot } from "./rules.ts";

const setup = await createTestInventory();
const { inventory, sql, aKey, because, anAccount, held, balance, active, discrepancies } = setup;
const chest = contentShape.parse(inventoryContent).loot["chest"];
if (chest === undefined) throw new Error("there is a chest");

afterEach(async () => {
  expect(await discrepancies()).toEqual([]);
});

type StoredRoll = { id: string; seed: string; misses_before: number; picks: number[]; content_version: number };

const open = (accountId: AccountId) => inventory.roll({ ...because, key: aKey(), accountId, loot: "chest" });
const rollsOf = (accountId: AccountId) => sql<StoredRoll[]>`
  select * from umpire.inventory_rolls where account_id = ${accountId} order by id`;

test("[INVENTORY10] a roll gives what it says, and anybody can recompute it from what is stored", async () => {
  const player = await anAccount();
  const owed: Record<string, number> = {};
  let [gold, gems] = [0, 0];
  for (let round = 0; round < 25; round++) {
    setup.clock.advance(1);
    const rolled = await open(player);
    for (const { item, quantity } of rolled.items) owed[item] = (owed[item] ?? 0) + quantity;
    gold += rolled.currencies["gold"] ?? 0;
    gems = Math.min(50, gems + (rolled.currencies["gem"] ?? 0));
  }
  expect(await held(player)).toEqual(owed);
  expect(await balance(player, "gold")).toBe(BigInt(gold));
  expect(await balance(player, "gem")).toBe(BigInt(gems));
  const rows = await rollsOf(player);
  let misses = 0;
  for (const { seed, misses_before, picks, content_version } of rows) {
    expect(misses_before).toBe(misses);
    expect(content_version).toBe(7);
    const outcome = rollLoot(chest, seed, misses_before);
    expect(outcome.picks).toEqual(picks);
    misses = outcome.missesAfter;
  }
  expect(new Set(rows.map(({ seed }) => seed)).size).toBe(25);
  const references = await sql`
    select distinct reference from umpire.inventory_moves where account_id = ${player} and reason = 'loot'`;
  expect(references.map(({ reference }) => reference).every((id) => rows.some((row) => row.id === id))).toBe(true);
});

test("[INVENTORY10] a seed's outcome is fixed: this one was computed by hand with sha256sum", () => {
  // sha256("00000000000000000000000000000000:0") begins 881dd1d9; the sum of the weights is 100.
  const seed = "0".repeat(32);
  const value = 0x881dd1d9 % 100;
  const pick = value < 90 ? 0 : value < 99 ? 1 : 2;
  expect(rollLoot(chest, seed, 0).picks).toEqual([pick]);
});

test("[INVENTORY10] each entry comes in proportion to its weight", () => {
  const { pity: _, ...free } = chest;
  const many = { ...free, rolls: 100 };
  const counts = [0, 0, 0];
  for (let seed = 0; seed < 200; seed++) {
    for (const pick of rollLoot(many, seed.toString(16).padStart(32, "0"), 0).picks)
      counts[pick] = (counts[pick] ?? 0) + 1;
  }
  // The seeds are fixed. Four standard deviations of 20 000 draws.
  for (const [index, share] of [0.9, 0.09, 0.01].entries()) {
    expect(Math.abs((counts[index] ?? 0) - 20_000 * share)).toBeLessThan(4 * Math.sqrt(20_000 * share * (1 - share)));
  }
});

test("[INVENTORY11] the promised entry comes after so many without it, never later, and begins the count again", () => {
  for (let number = 0; number < 100; number++) {
    const seed = number.toString(16).padStart(32, "0");
    expect(rollLoot(chest, seed, 4)).toEqual({ picks: [2], missesAfter: 0 });
    const { picks, missesAfter } = rollLoot(chest, seed, 3);
    expect(missesAfter).toBe(picks[0] === 2 ? 0 : 4);
    const long = rollLoot({ ...chest, rolls: 60 }, seed, 0).picks;
    for (let start = 0; start + 5 <= 60; start++) expect(long.slice(start, start + 5)).toContain(2);
  }
});

test("[INVENTORY11] T9: of thirty at the same moment each counts, and of thirty with one key one does", async () => {
  const player = await anAccount();
  // Only by pity, so that the number is certain.
  const rare = { ...inventoryContent.loot.chest, pity: { after: 4, entry: 1 } };
  const entries = [rare.entries[0], { weight: 1, gives: { items: { hat: 1 } } }].map((entry, index) => ({
    ...entry,
    weight: index === 0 ? 1_000_000 : 1,
  }));
  active.content = contentShape.parse({ ...inventoryContent, loot: { chest: { ...rare, entries } } });
  await Promise.all(Array.from({ length: 30 }, () => open(player)));
  const order = { ...because, key: aKey(), accountId: player, loot: "chest" };
  const same = await Promise.all(Array.from({ length: 30 }, () => inventory.roll(order)));
  active.content = contentShape.parse(inventoryContent);
  expect(new Set(same.map(({ rollId }) => rollId)).size).toBe(1);
  const rows = await rollsOf(player);
  expect(rows).toHaveLength(31);
  const before = rows.map(({ misses_before }) => misses_before).sort();
  // Six whole rounds of 0 1 2 3 4, and one that begins the seventh; a hat by luck, once in a million, would show here.
  for (const count of [1, 2, 3, 4]) expect(before.filter((misses) => misses === count)).toHaveLength(6);
  expect(before.filter((misses) => misses === 0)).toHaveLength(7);
  expect(await held(player)).toEqual({ wood: 50, hat: 6 });
});

test("[INVENTORY11] a roll that cannot be given leaves no count, no seed and no money", async () => {
  const player = await anAccount({ stone: 10 });
  const full = { rolls: 1, entries: [{ weight: 1, gives: { items: { stone: 1 }, currencies: { gold: 1 } } }] };
  active.content = contentShape.parse({ ...inventoryContent, loot: { chest: full } });
  const code = await codeOf(open(player));
  active.content = contentShape.parse(inventoryContent);
  expect(code).toBe("INVENTORY_FULL");
  expect(await rollsOf(player)).toEqual([]);
  expect(await sql`select * from umpire.inventory_pity where account_id = ${player}`).toEqual([]);
  expect(await balance(player, "gold")).toBe(0n);
});
