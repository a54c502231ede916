import fc from "fast-check";
import { expect, test } from "vitest";
import type { AccountId, ItemId } from "../../../schema/ids.ts";
import { AppError } from "../../platform/errors.ts";
import { createTestInventory } from "../../testing/inventory.ts";
import type { Crafted, Moved, Rolled } from "./service.ts";

const setup = await createTestInventory();
const { inventory, sql, clock, aKey, because, days, anAccount, pay, held, discrepancies } = setup;

const PLAYERS = 3;
const player = fc.nat(PLAYERS - 1);
const item = fc.constantFrom("wood", "stone", "key", "sword", "axe", "hat", "pass", "relic", "nothing");
const quantity = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 1.5, 2 ** 53) },
);
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ verb: fc.constant("grant" as const), player, item, quantity, bound: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant("consume" as const), player, item, quantity }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant("transfer" as const), player, to: player, item, quantity }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant("equip" as const), player, index: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ verb: fc.constant("unequip" as const), player, slot: fc.constantFrom("hand", "head") }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ verb: fc.constant("craft" as const), player, recipe: fc.constantFrom("forge", "saw") }),
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant("roll" as const), player }) },
  {
    weight: 1,
    arbitrary: fc.record({
      verb: fc.constant("clawback" as const),
      player,
      item: fc.constantFrom("wood", "sword", "axe"),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("pass" as const), hours: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("expire" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** What the answers say that each player has, by item. What expires is not told in an answer, so `pass` is left out. */
class Model {
  readonly #counts = new Map<string, number>();

  add(accountId: AccountId, moves: readonly Moved[], sign: 1 | -1): void {
    for (const { item: of, quantity: count } of moves) {
      const key = `${accountId} ${of}`;
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * count);
    }
  }

  of(accountId: AccountId): Record<string, number> {
    const own = [...this.#counts].filter(([key, count]) => key.startsWith(accountId) && count !== 0);
    return withoutPass(Object.fromEntries(own.map(([key, count]) => [key.slice(accountId.length + 1), count])));
  }
}

function withoutPass({ pass: _, ...rest }: Record<string, number>): Record<string, number> {
  return rest;
}

async function anyItem(accountId: AccountId, index: number): Promise<ItemId> {
  const { holdings } = await inventory.list(accountId, { limit: 100 });
  const uniques = holdings.flatMap((holding) => (holding.kind === "unique" ? [holding.id] : []));
  return uniques[index % Math.max(1, uniques.length)] ?? setup.ids.mint("item");
}

async function perform(of: Action, players: readonly AccountId[], model: Model): Promise<void> {
  const accountId = players["player" in of ? of.player : 0] as AccountId;
  const own = { ...because, key: aKey(), accountId };
  switch (of.verb) {
    case "grant":
      return model.add(
        accountId,
        await inventory.grant({ ...own, items: { [of.item]: of.quantity }, bound: of.bound }),
        1,
      );
    case "consume":
      return model.add(accountId, await inventory.consume({ ...own, goods: [of] }), -1);
    case "transfer": {
      const to = players[of.to] as AccountId;
      const moved = await inventory.transfer({ from: accountId, key: own.key, to, goods: [of] });
      model.add(accountId, moved, -1);
      return model.add(to, moved, 1);
    }
    case "equip":
      return void (await inventory.equip({ ...own, itemId: await anyItem(accountId, of.index) }));
    case "unequip":
      return void (await inventory.unequip({ ...own, slot: of.slot }));
    case "craft": {
      const { taken, given }: Crafted = await inventory.craft({ ...own, recipe: of.recipe });
      model.add(accountId, taken, -1);
      return model.add(accountId, given, 1);
    }
    case "roll": {
      const { items }: Rolled = await inventory.roll({ ...own, loot: "chest" });
      return model.add(accountId, items, 1);
    }
    case "clawback": {
      const kind = of.item === "wood" ? "stack" : "unique";
      const wanted = sql.json([{ item: of.item, kind, quantity: of.count }]);
      const [row] = await sql<{ taken: Moved[] }[]>`
        select umpire.inventory_take(${accountId}, ${wanted}, 'clawback', 'pur_1', ${clock.date()}, true) as taken`;
      return model.add(accountId, row?.taken ?? [], -1);
    }
    case "pass":
      return clock.advance(days(of.hours / 24));
    case "expire":
      return void (await inventory.expire({ pageSize: 2 }));
  }
}

/** A refusal is one of the table's: any other failure is a defect. */
async function attempt(of: Action, players: readonly AccountId[], model: Model): Promise<void> {
  await perform(of, players, model).catch((thrown) => {
    if (!(thrown instanceof AppError)) throw thrown;
  });
}

async function hold(players: readonly AccountId[], model: Model): Promise<void> {
  expect(await discrepancies()).toEqual([]);
  for (const accountId of players) expect(withoutPass(await held(accountId))).toEqual(model.of(accountId));
}

async function somePlayers(): Promise<AccountId[]> {
  const players = await Promise.all(Array.from({ length: PLAYERS }, () => anAccount()));
  for (const accountId of players) await pay(accountId, "gold", 40);
  return players;
}

test("[INVENTORY1] I2: after every step of any sequence of verbs the books agree with what is held and was answered", async () => {
  const sequence = fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 25 }), async (steps) => {
    const [players, model] = [await somePlayers(), new Model()];
    for (const step of steps) {
      await attempt(step, players, model);
      await hold(players, model);
    }
  });
  await fc.assert(sequence, { numRuns: 10, endOnFailure: true });
});

test("[INVENTORY1] I2: so do they when the verbs are sent at the same moment", async () => {
  const crowd = fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60 }), async (steps) => {
    const [players, model] = [await somePlayers(), new Model()];
    await attempt({ verb: "grant", player: 0, item: "wood", quantity: 4, bound: false }, players, model);
    await Promise.all(steps.map((step) => attempt(step, players, model)));
    await hold(players, model);
  });
  await fc.assert(crowd, { numRuns: 12, endOnFailure: true });
});
