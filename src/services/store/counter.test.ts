import { afterEach, expect, test } from "vitest";
import type { ContentSource } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { openDatabase } from "../../platform/database.ts";
import type { AppError } from "../../platform/errors.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createCatalogue } from "../catalogue/service.ts";
import { createWallet } from "../wallet/service.ts";
import { WAITING_MAX, WAITING_MS_MAX } from "./counter.ts";
import { type BuyRequest, createStore } from "./service.ts";

const { db, sql, url } = await createTestDatabase({ connectionsMax: 12 });
const clock = new TestClock();
const ids = createIds({ clock, random: cryptoRandom });
const log = createLog({ level: "silent" });
const PRICE = 100;
const price = { kind: "currency", currency: "gold", amount: PRICE } as const;
const source = {
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" }, gems: { title: "Gems" } },
  items: { dust: { title: "Dust", kind: "stack", max: 50 }, gem: { title: "Gem", kind: "stack" } },
  offers: {
    dust: { title: "Dust", gives: { items: { dust: 20 } }, price },
    gem: { title: "Gem", gives: { items: { gem: 3 } }, price },
    alone: { title: "Gem, once", gives: { items: { gem: 3 } }, price, perPlayerMax: 9 },
  },
} satisfies ContentSource;
const catalogue = createCatalogue({ db, clock, log, source });
await catalogue.bring();
const wallet = createWallet({ db, clock, ids, log, content: catalogue.content });
const storeOn = (of: typeof db) => createStore({ db: of, clock, ids, log, secret: "s".repeat(32), catalogue });
const store = storeOn(db);

/** Whatever a test did, the books balance, and each purchase is there with its key, its payment and its goods, each once. */
afterEach(async () => {
  expect(await wallet.discrepancies()).toEqual([]);
  expect(await sql`select * from umpire.inventory_discrepancies`).toEqual([]);
  const partial = await sql`
    select p.id from umpire.store_purchases p where
      (select count(*) from umpire.idempotency i where i.answer->>'purchaseId' = p.id and i.scope = p.account_id
        and i.answer->>'offer' = p.offer and i.answer->'balances'->0->>'accountId' = p.account_id) <> 1
      or (select count(*) from umpire.wallet_lines w where w.reference = p.id and w.from_account_id = p.account_id
        and w.amount = p.amount) <> 1
      or (select count(*) from umpire.inventory_moves m where m.reference = p.id and m.account_id = p.account_id) <> 1`;
  expect(partial).toEqual([]);
});

async function players(count: number, gold: number): Promise<AccountId[]> {
  const accounts = Array.from({ length: count }, () => ids.mint("account"));
  await sql`insert into umpire.accounts ${sql(accounts.map((id) => ({ id, display_name: "Ada", kind: "guest", created_at: clock.date() })))}`;
  await Promise.all(accounts.map((accountId) => pay(accountId, gold)));
  return accounts;
}

const pay = (accountId: AccountId, gold: number) =>
  wallet.adjust({
    key: ids.mint("purchase"),
    accountId,
    currency: "gold",
    delta: BigInt(gold),
    reason: "-",
    operator: "-",
  });
const buy = (accountId: AccountId, more: Partial<BuyRequest> = {}, from = store) =>
  from.buy({
    key: ids.mint("purchase"),
    accountId,
    offer: "gem",
    price: { currency: "gold", amount: PRICE },
    ...more,
  });
const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => "",
    (thrown: AppError) => thrown.code ?? String(thrown),
  );
const goldOf = async (accountId: AccountId) =>
  Number((await wallet.balances(accountId)).find(({ currency }) => currency === "gold")?.balance);
const stackOf = async (accountId: AccountId) => {
  const [row] = await sql<{ quantity: bigint }[]>`
    select coalesce(sum(quantity), 0)::int8 as quantity from umpire.inventory_stacks where account_id = ${accountId}`;
  return Number(row?.quantity);
};
/** In how many transactions these have bought. */
const transactions = async (accounts: readonly AccountId[]) => {
  const rows = await sql`
    select distinct xmin::text from umpire.store_purchases where account_id = any(${sql.array([...accounts])})`;
  return rows.length;
};

test("[STORE9] purchases of one moment are one statement, and each gets its own, in the form of one that came alone", async () => {
  const accounts = await players(24, 1000);
  const together = await Promise.all(accounts.map((accountId) => buy(accountId)));
  expect(await transactions(accounts)).toBe(1);
  const alone = await Promise.all(accounts.map((accountId) => buy(accountId, { offer: "alone" })));
  for (const [place, accountId] of accounts.entries()) {
    const [shared, own] = [together[place], alone[place]];
    expect(shared?.balances).toEqual([{ accountId, currency: "gold", balance: "900" }]);
    expect({ ...own, offer: "gem", purchaseId: shared?.purchaseId, balances: shared?.balances }).toEqual(shared);
    const [first] = (await store.purchases(accountId, { limit: 9 })).filter(({ offer }) => offer === "gem");
    expect(first).toMatchObject({ purchaseId: shared?.purchaseId, amount: 100n, currency: "gold", contentVersion: 1 });
    expect(await stackOf(accountId)).toBe(6);
  }
});

test("[STORE9] whoever comes alone goes alone, and whoever has no neighbour's trouble is not touched by it", async () => {
  const [good, poor, full, known, liar, held] = (await players(6, 1000)) as [AccountId, ...AccountId[]] as AccountId[];
  if (!good || !poor || !full || !known || !liar || !held) throw new Error("six were made");
  await pay(poor, -901);
  await buy(full, { offer: "dust" });
  await buy(full, { offer: "dust" });
  const before = await buy(known, { key: "known" });
  await buy(liar, { key: "liar" });
  await sql`update umpire.wallet_balances set held = 950 where account_id = ${held}`;
  const attempts = [
    buy(good),
    buy(poor),
    buy(full, { offer: "dust" }),
    buy(known, { key: "known" }),
    buy(liar, { key: "liar", offer: "dust" }),
    buy(held),
    buy(ids.mint("account")),
    buy(good, { price: { currency: "gold", amount: 99 } }),
  ];
  expect(await Promise.all(attempts.map(codeOf))).toEqual([
    "",
    "WALLET_INSUFFICIENT",
    "INVENTORY_FULL",
    "",
    "IDEMPOTENCY_CONFLICT",
    "WALLET_INSUFFICIENT",
    "WALLET_ACCOUNT_UNKNOWN",
    "STORE_PRICE_CHANGED",
  ]);
  expect(await attempts[3]).toEqual(before);
  const gold = await Promise.all([good, poor, full, known, liar, held].map(goldOf));
  expect(gold).toEqual([900, 99, 800, 900, 900, 1000]);
  await sql`update umpire.wallet_balances set held = 0 where account_id = ${held}`;
});

test("[STORE9] T9: the same key two hundred times at once, among others and in two processes, buys once", async () => {
  const other = openDatabase({ url, log });
  const stores = [store, storeOn(other.db)];
  const accounts = await players(8, 1000);
  const attempts = Array.from({ length: 200 }, (_, turn) =>
    accounts.map((accountId) => buy(accountId, { key: "same" }, stores[turn % 2])),
  );
  const answers = await Promise.all(attempts.flat());
  expect(new Set(answers.map((answer) => answer.purchaseId)).size).toBe(8);
  expect(new Set(await Promise.all(accounts.map(goldOf)))).toEqual(new Set([900]));
  await other.close();
});

test("[STORE9] T9: with money for exactly seven, and room for two, so many get it of all who come at once to two processes", async () => {
  const other = openDatabase({ url, log });
  const stores = [store, storeOn(other.db)];
  const accounts = await players(6, 7 * PRICE);
  const ask = (offer: string, times: number) =>
    accounts.map(async (accountId) => {
      const turns = Array.from({ length: times }, (_, turn) => codeOf(buy(accountId, { offer }, stores[turn % 2])));
      return (await Promise.all(turns)).filter((code) => code === "").length;
    });
  expect(await Promise.all(ask("dust", 20))).toEqual(Array(6).fill(2));
  expect(await Promise.all(ask("gem", 40))).toEqual(Array(6).fill(5));
  expect(await Promise.all(accounts.map(goldOf))).toEqual(Array(6).fill(0));
  expect(await Promise.all(accounts.map(stackOf))).toEqual(Array(6).fill(2 * 20 + 5 * 3));
  await other.close();
});

test("[STORE9] two processes whose players come in opposite orders never stop each other, and it adds up", async () => {
  const other = openDatabase({ url, log });
  const elsewhere = storeOn(other.db);
  const accounts = await players(30, 100 * PRICE);
  const rounds = Array.from({ length: 10 }, () => [
    ...accounts.map((accountId) => buy(accountId)),
    ...accounts.toReversed().map((accountId) => buy(accountId, {}, elsewhere)),
  ]);
  await Promise.all(rounds.flat());
  expect(new Set(await Promise.all(accounts.map(goldOf)))).toEqual(new Set([80 * PRICE]));
  expect(new Set(await Promise.all(accounts.map(stackOf)))).toEqual(new Set([60]));
  await other.close();
});

test.each([
  ["balance", "select from umpire.wallet_balances where account_id = $1 for update"],
  ["stack", "select from umpire.inventory_stacks where account_id = $1 for update"],
  ["key", "select umpire.replay($1, 'theirs', 'store.buy', repeat('0', 64))"],
  ["whole account", "select umpire.account_lock(array[$1])"],
])("[STORE9] whose %s somebody else holds waits for that, and nobody else does", async (_, hold) => {
  // Nothing but the shared statement itself gives up a lock.
  const patient = openDatabase({ url, log, lockTimeoutMs: 0, statementTimeoutMs: 0, connectionsMax: 14 });
  const from = storeOn(patient.db);
  const accounts = await players(12, 1000);
  const stuck = accounts[5] ?? ("" as AccountId);
  await buy(stuck);
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const holding = sql.begin(async (tx) => {
    await tx.unsafe(hold, [stuck]);
    held.resolve();
    await released.promise;
  });
  await held.promise;
  const attempts = accounts.map((accountId) => buy(accountId, { key: "theirs" }, from));
  await Promise.all(attempts.filter((_, place) => place !== 5));
  expect(await goldOf(stuck)).toBe(900);
  released.resolve();
  await Promise.all([holding, ...attempts]);
  expect(await goldOf(stuck)).toBe(800);
  await patient.close();
});

test("[STORE9] a stack that fills up behind the look at it is not overfilled", async () => {
  const [player] = await players(1, 1000);
  const given = sql`select umpire.inventory_give_many(${sql.array([player ?? ""])}, array['dust'], array[51]::bigint[],
    array[50]::bigint[], 'purchase', array['-'], array[1], now())`;
  await expect(given).rejects.toMatchObject({ code: "40001" });
});

test("[STORE10] a shared statement that fails, or whose connection dies at its very end, is done by each alone, once", async () => {
  const accounts = await players(12, 1000);
  // Fails when more than one purchase is being committed: in the middle, or by the death of the connection.
  await sql.unsafe(`
    create function umpire.test_refuse_many() returns trigger language plpgsql as $$
    begin
      if (select count(*) from added) > 1 then
        if current_setting('umpire.test_dies', true) = 'yes' then
          perform pg_terminate_backend(pg_backend_pid());
        end if;
        raise exception 'not together';
      end if;
      return null;
    end $$;
    create trigger test_refuse_many after insert on umpire.idempotency referencing new table as added
      for each statement execute function umpire.test_refuse_many()`);
  await Promise.all(accounts.map((accountId) => buy(accountId)));
  await sql.unsafe(
    `do $$ begin execute format('alter database %I set umpire.test_dies = yes', current_database()); end $$`,
  );
  const doomed = openDatabase({ url, log });
  await Promise.all(accounts.map((accountId) => buy(accountId, {}, storeOn(doomed.db))));
  await sql.unsafe("drop trigger test_refuse_many on umpire.idempotency; drop function umpire.test_refuse_many()");
  expect(await transactions(accounts)).toBe(24);
  expect(new Set(await Promise.all(accounts.map(goldOf)))).toEqual(new Set([800]));
  await doomed.close();
});

test("[STORE11] T16: a thousand may wait, for five seconds; the others hear when to come again, and have bought nothing", async () => {
  const [player] = await players(1, 1_000_000);
  if (player === undefined) throw new Error("one was made");
  const waiting = await sql.begin(async (tx) => {
    await tx`select from umpire.wallet_balances where account_id = ${player} for update`;
    const codes = Array.from({ length: WAITING_MAX }, () => codeOf(buy(player)));
    // By now all have come to the counter, and nobody has been called.
    await Promise.resolve();
    await expect(buy(player)).rejects.toMatchObject({ code: "UNAVAILABLE", details: { retryAfterSeconds: 1 } });
    await tx`select 1`;
    clock.advance(WAITING_MS_MAX);
    return { codes };
  });
  const codes = await Promise.all(waiting.codes);
  expect(codes.filter((code) => code === "")).toHaveLength(1);
  expect(codes.filter((code) => code === "UNAVAILABLE")).toHaveLength(WAITING_MAX - 1);
  expect(await goldOf(player)).toBe(1_000_000 - PRICE);
});
