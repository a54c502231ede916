import { afterEach, expect, test } from "vitest";
import { codeOf, createTestInventory } from "../../testing/inventory.ts";

const setup = await createTestInventory();
const { inventory, sql, ids, aKey, because, anAccount, aUnique, pay, held, stored, balance, discrepancies } = setup;

afterEach(async () => {
  expect(await discrepancies()).toEqual([]);
});

test("[INVENTORY9] a recipe takes items and money, and gives items and money", async () => {
  const player = await anAccount({ wood: 4, axe: 1 });
  await pay(player, "gold", 7);
  const { taken, given } = await inventory.craft({ accountId: player, key: aKey(), recipe: "forge" });
  const one = [expect.stringMatching(/^itm_/)];
  expect(taken).toEqual([
    { item: "wood", quantity: 3, ids: [] },
    { item: "axe", quantity: 1, ids: one },
  ]);
  expect(given).toEqual([
    { item: "sword", quantity: 1, ids: one },
    { item: "stone", quantity: 2, ids: [] },
  ]);
  expect(await held(player)).toEqual({ wood: 1, sword: 1, stone: 2 });
  expect([await balance(player, "gold"), await balance(player, "gem")]).toEqual([2n, 1n]);
  const [entry] = await sql<{ reason: string; reference: string }[]>`
    select reason, reference from umpire.inventory_moves where account_id = ${player} and kind = 'consumed' limit 1`;
  expect(entry).toEqual({ reason: "craft", reference: expect.stringMatching(/^forge:txn_/) });
  const lines = await sql`
    select from_book, to_book, currency, amount from umpire.wallet_lines
    where reference = ${entry?.reference ?? ""} order by currency`;
  expect(lines.map((line) => Object.values(line))).toEqual([
    ["mint", "wallet", "gem", 1n],
    ["wallet", "sink", "gold", 5n],
  ]);
});

test("[INVENTORY9] S25: when anything lacks, is worn or finds no room, nothing happens", async () => {
  const craft = (accountId: Awaited<ReturnType<typeof anAccount>>) =>
    codeOf(inventory.craft({ accountId, key: aKey(), recipe: "forge" }));
  const poor = await anAccount({ wood: 3, axe: 1 });
  await pay(poor, "gold", 4);
  const bare = await anAccount({ wood: 3 });
  const full = await anAccount({ wood: 3, axe: 1, stone: 9 });
  const wearer = await anAccount({ wood: 3 });
  await inventory.equip({ accountId: wearer, key: aKey(), itemId: await aUnique(wearer, "axe") });
  for (const accountId of [bare, full, wearer]) await pay(accountId, "gold", 5);
  const before = await stored(poor, bare, full, wearer);
  expect(await craft(poor)).toBe("WALLET_INSUFFICIENT");
  expect(await craft(bare)).toBe("INVENTORY_INSUFFICIENT");
  expect(await craft(full)).toBe("INVENTORY_FULL");
  expect(await craft(wearer)).toBe("INVENTORY_EQUIPPED");
  expect(await stored(poor, bare, full, wearer)).toEqual(before);
  expect(await craft(ids.mint("account"))).toBe("WALLET_ACCOUNT_UNKNOWN");
});

test("[INVENTORY9] T9: of forty at once with money for exactly 7, seven are made; of forty with one key, one", async () => {
  const player = await anAccount({ wood: 100, axe: 20 });
  await pay(player, "gold", 35);
  const many = Array.from({ length: 40 }, () => codeOf(craftFor(aKey())));
  const craftCodes = await Promise.all(many);
  expect(craftCodes.filter((code) => code === "")).toHaveLength(5);
  expect(craftCodes.filter((code) => code !== "" && code !== "INVENTORY_FULL")).toEqual([]);
  await inventory.consume({ ...because, key: aKey(), accountId: player, goods: [{ item: "stone", quantity: 10 }] });
  const rest = await Promise.all(Array.from({ length: 40 }, () => codeOf(craftFor(aKey()))));
  expect(rest.filter((code) => code === "")).toHaveLength(2);
  expect(new Set(rest)).toEqual(new Set(["", "WALLET_INSUFFICIENT"]));
  expect([await balance(player, "gold"), await balance(player, "gem")]).toEqual([0n, 7n]);
  await pay(player, "gold", 50);
  const key = aKey();
  const same = await Promise.all(Array.from({ length: 40 }, () => craftFor(key)));
  expect(new Set(same.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await balance(player, "gold")).toBe(45n);

  function craftFor(used: string) {
    return inventory.craft({ accountId: player, key: used, recipe: "forge" });
  }
});

test("[INVENTORY9] a recipe is one statement to the database", async () => {
  const player = await anAccount({ wood: 3, axe: 1 });
  await pay(player, "gold", 5);
  const statements: string[] = [];
  sql.options.debug = (_connection: number, query: string) => void statements.push(query);
  await inventory.craft({ accountId: player, key: aKey(), recipe: "forge" }).finally(() => {
    sql.options.debug = false;
  });
  expect(statements.filter((text) => text.includes("inventory_exchange"))).toHaveLength(1);
  expect(statements).toHaveLength(1);
});
