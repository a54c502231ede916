import { type Content, type ContentSource, contentShape } from "../../schema/content.ts";
import type { AccountId, ItemId } from "../../schema/ids.ts";
import { TestClock } from "../platform/clock.ts";
import { createIds } from "../platform/ids.ts";
import { createLog } from "../platform/log.ts";
import { cryptoRandom as random } from "../platform/random.ts";
import type { Holding } from "../services/inventory/holdings.ts";
import { createInventory } from "../services/inventory/service.ts";
import { createTestDatabase } from "./postgres.ts";

const DAY_MS = 24 * 60 * 60_000;

/** Something of each kind. */
export const inventoryContent = {
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" }, gem: { title: "Gems", max: 50 } },
  items: {
    wood: { title: "Wood", kind: "stack", tradable: true },
    stone: { title: "Stone", kind: "stack", tradable: true, max: 10 },
    key: { title: "Key", kind: "stack" },
    sword: { title: "Sword", kind: "unique", tradable: true, slot: "hand" },
    axe: { title: "Axe", kind: "unique", tradable: true, slot: "hand" },
    hat: { title: "Hat", kind: "unique", slot: "head" },
    pass: { title: "Pass", kind: "unique", tradable: true, slot: "neck", expiresAfterDays: 2 },
    relic: { title: "Relic", kind: "unique", tradable: true },
  },
  recipes: {
    forge: {
      title: "Forge",
      takes: { items: { wood: 3, axe: 1 }, currencies: { gold: 5 } },
      gives: { items: { sword: 1, stone: 2 }, currencies: { gem: 1 } },
    },
    saw: { title: "Saw", takes: { items: { wood: 1 } }, gives: { items: { key: 1 } } },
  },
  loot: {
    chest: {
      rolls: 1,
      entries: [
        { weight: 90, gives: { items: { wood: 2 }, currencies: { gold: 3 } } },
        { weight: 9, gives: { items: { hat: 1 } } },
        { weight: 1, gives: { items: { relic: 1 }, currencies: { gem: 20 } } },
      ],
      pity: { after: 4, entry: 2 },
    },
  },
} satisfies ContentSource;

/** An inventory on a database of its own, with players, and what tests ask of both. Call it at the top of a file. */
export async function createTestInventory({ connectionsMax = 8, source = inventoryContent as ContentSource } = {}) {
  const { db, sql } = await createTestDatabase({ connectionsMax });
  const clock = new TestClock();
  const ids = createIds({ clock, random });
  const active: { content: Content; version: number } = { content: contentShape.parse(source), version: 7 };
  const inventory = createInventory({
    db,
    clock,
    ids,
    random,
    log: createLog({ level: "silent" }),
    content: () => active.content,
    contentVersion: () => active.version,
  });
  let keys = 0;
  const aKey = () => `key-${++keys}`;
  const because = { scope: "test", reason: "match", reference: "mat_1" };

  async function anAccount(items: Record<string, number> = {}): Promise<AccountId> {
    const accountId = ids.mint("account");
    const row = { id: accountId, display_name: "Ada", kind: "guest", created_at: clock.date() };
    await sql`insert into umpire.accounts ${sql(row)}`;
    if (Object.keys(items).length > 0) await grant(accountId, items);
    return accountId;
  }

  async function grant(accountId: AccountId, items: Record<string, number>, bound = false) {
    return inventory.grant({ ...because, key: aKey(), accountId, items, bound });
  }

  async function aUnique(accountId: AccountId, item: string, bound = false): Promise<ItemId> {
    const [given] = await grant(accountId, { [item]: 1 }, bound);
    const [id] = given?.ids ?? [];
    if (id === undefined) throw new Error(`${item} is unique`);
    return id;
  }

  async function pay(accountId: AccountId, currency: string, amount: number): Promise<void> {
    const lines = [{ from: "mint", to: "wallet", toAccount: accountId, currency, amount }];
    await sql`select umpire.wallet_post(${ids.mint("transaction")}, 'match', 'mat_1', null, ${clock.date()}, ${sql.json(lines)})`;
  }

  /** How many of each item, in one page. */
  async function held(accountId: AccountId): Promise<Record<string, number>> {
    const { holdings } = await inventory.list(accountId, { limit: 100 });
    const sums: Record<string, number> = {};
    for (const holding of holdings) sums[holding.item] = (sums[holding.item] ?? 0) + quantityOf(holding);
    return sums;
  }

  /** Everything that is stored about these accounts, to see that nothing has changed. */
  async function stored(...accountIds: AccountId[]): Promise<unknown> {
    return Promise.all([
      sql`select * from umpire.inventory_stacks where account_id in ${sql(accountIds)} order by account_id, item`,
      sql`select * from umpire.inventory_items where account_id in ${sql(accountIds)} order by id`,
      sql`select * from umpire.inventory_moves where account_id in ${sql(accountIds)} order by sequence`,
      sql`select * from umpire.wallet_balances where account_id in ${sql(accountIds)} order by account_id, currency`,
      sql`select count(*) from umpire.idempotency`,
    ]);
  }

  async function discrepancies(): Promise<unknown[]> {
    const items = await sql`select * from umpire.inventory_discrepancies`;
    return [...items, ...(await sql`select * from umpire.wallet_discrepancies`)];
  }

  async function balance(accountId: AccountId, currency: string): Promise<bigint> {
    const [row] = await sql<{ balance: bigint }[]>`
      select balance from umpire.wallet_balances where account_id = ${accountId} and currency = ${currency}`;
    return row?.balance ?? 0n;
  }

  const days = (count: number) => count * DAY_MS;
  const made = { inventory, db, sql, clock, ids, active, aKey, because, days };
  return { ...made, anAccount, aUnique, grant, pay, held, stored, discrepancies, balance };
}

/** The code that an attempt was refused with, or an empty text when it was not. */
export async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "",
    (thrown) => thrown.code ?? String(thrown),
  );
}

/** The different codes of attempts that are under way at once. */
export async function codesOf(attempts: readonly Promise<unknown>[]): Promise<string[]> {
  return [...new Set(await Promise.all(attempts.map(codeOf)))].sort();
}

function quantityOf(holding: Holding): number {
  return holding.kind === "stack" ? holding.quantity : 1;
}
