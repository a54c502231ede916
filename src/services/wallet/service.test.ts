import { afterEach, expect, test } from "vitest";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import type { AppError } from "../../platform/errors.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { createSeededRandom, cryptoRandom } from "../../platform/random.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { parseContent } from "../catalogue/service.ts";
import { createPersonalData } from "../personal-data/service.ts";
import type { Line } from "./movements.ts";
import { createWallet } from "./service.ts";
import type { StatementLine } from "./statement.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 16 });
const clock = new TestClock();
const ids = createIds({ clock, random: cryptoRandom });
const content = parseContent({
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" }, gems: { title: "Gems" }, energy: { title: "Energy", max: 100 } },
});
const wallet = createWallet({ db, clock, ids, log: createLog({ level: "silent" }), content: () => content });

/** Invariant I1 holds after whatever a test has done. */
afterEach(async () => {
  expect(await wallet.discrepancies()).toEqual([]);
});

async function anAccount(gold = 0): Promise<AccountId> {
  const id = ids.mint("account");
  await sql`insert into umpire.accounts ${sql({ id, display_name: "Ada", kind: "guest", created_at: clock.date() })}`;
  if (gold > 0) await give(id, "gold", BigInt(gold));
  return id;
}

const move = (lines: readonly Line[], reason = "match") =>
  db.transaction((tx) => wallet.post(tx, { id: ids.mint("transaction"), reason, reference: "a-test", lines }));
const give = (toAccount: AccountId, currency: string, amount: bigint, max?: bigint) =>
  move([{ from: "mint", to: "wallet", toAccount, currency, amount, max }]);
const spend = (fromAccount: AccountId, currency: string, amount: bigint) =>
  move([{ from: "wallet", fromAccount, to: "sink", currency, amount }]);
const clawBack = (fromAccount: AccountId, currency: string, amount: bigint) =>
  move([{ from: "wallet", fromAccount, to: "store", currency, amount, mayOwe: true }], "clawback");
const balanceOf = async (accountId: AccountId, currency = "gold") => {
  const {
    balance = 0n,
    held = 0n,
    owed = 0n,
  } = (await wallet.balances(accountId)).find((row) => row.currency === currency) ?? {};
  return { balance, held, owed };
};
const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => "",
    (thrown: AppError) => thrown.code ?? `${thrown} ${thrown.cause}`,
  );
const adjust = (accountId: AccountId, key: string, delta: bigint, reason = "a mistake of ours") =>
  wallet.adjust({ key, accountId, currency: "gold", delta, reason, operator: "opr_test" });
const hold = (accountId: AccountId, key: string, amount: bigint, seconds = 60) =>
  wallet.hold({ key, accountId, currency: "gold", amount, reason: "trade", reference: "a-trade", seconds });

test("[WALLET1] a movement is whole or not at all", async () => {
  const [rich, poor] = [await anAccount(100), await anAccount()];
  const pay = (amount: bigint): Line => ({
    from: "wallet",
    fromAccount: rich,
    to: "wallet",
    toAccount: poor,
    currency: "gold",
    amount,
  });
  await move([pay(40n)]);
  expect([(await balanceOf(rich)).balance, (await balanceOf(poor)).balance]).toEqual([60n, 40n]);
  expect(await codeOf(move([pay(61n)]))).toBe("WALLET_INSUFFICIENT");
  const gems: Line = { from: "wallet", fromAccount: rich, to: "sink", currency: "gems", amount: 1n };
  expect(await codeOf(move([pay(1n), gems]))).toBe("WALLET_INSUFFICIENT");
  expect([(await balanceOf(rich)).balance, (await balanceOf(poor)).balance]).toEqual([60n, 40n]);
});

test("[WALLET1] a line out of nothing, of nobody or between no books never lands", async () => {
  const accountId = await anAccount(10);
  const line = { from: "mint", to: "wallet", toAccount: accountId, currency: "gold", amount: 1n } as const;
  const broken = [
    { ...line, amount: 0n },
    { ...line, amount: -5n },
    { ...line, from: "pocket" },
    { ...line, to: "sink" },
  ];
  for (const one of broken) expect(await codeOf(move([one as Line]))).toContain("Failed query");
  expect(await codeOf(give(ids.mint("account"), "gold", 1n))).toBe("WALLET_ACCOUNT_UNKNOWN");
  expect((await balanceOf(accountId)).balance).toBe(10n);
});

test("[WALLET2] T9: of 200 who spend at once what is there for seven, seven succeed", async () => {
  const accountId = await anAccount(7 * 30 + 29);
  const codes = await Promise.all(Array.from({ length: 200 }, () => codeOf(spend(accountId, "gold", 30n))));
  expect(codes.filter((code) => code === "")).toHaveLength(7);
  expect(new Set(codes)).toEqual(new Set(["", "WALLET_INSUFFICIENT"]));
  expect((await balanceOf(accountId)).balance).toBe(29n);
});

test("[WALLET3] T9: the same key 200 times at once moves once, and everybody hears the same", async () => {
  const accountId = await anAccount();
  const answers = await Promise.all(Array.from({ length: 200 }, () => adjust(accountId, "same", 25n)));
  expect(new Set(answers.map(({ transactionId }) => transactionId)).size).toBe(1);
  expect((await balanceOf(accountId)).balance).toBe(25n);
  expect(await codeOf(adjust(accountId, "same", 26n))).toBe("IDEMPOTENCY_CONFLICT");
  expect(await codeOf(adjust(await anAccount(), "same", 25n))).toBe("IDEMPOTENCY_CONFLICT");
  expect((await balanceOf(accountId)).balance).toBe(25n);
});

test("[WALLET3] what failed leaves its key free", async () => {
  const accountId = await anAccount();
  expect(await codeOf(adjust(accountId, "later", -5n))).toBe("WALLET_INSUFFICIENT");
  await give(accountId, "gold", 5n);
  expect(await codeOf(adjust(accountId, "later", -5n))).toBe("");
  expect(await codeOf(adjust(accountId, "later", -5n))).toBe("");
  expect((await balanceOf(accountId)).balance).toBe(0n);
});

test("[WALLET4] a statement in pages lists every entry of the currency, newest first, and nobody else's", async () => {
  const [accountId, other] = [await anAccount(), await anAccount(5)];
  for (let step = 1; step <= 7; step++) {
    await give(accountId, "gold", BigInt(step));
    await give(accountId, "gems", 1n);
  }
  const lines: StatementLine[] = [];
  for (let before: bigint | undefined; ; ) {
    const page = await wallet.statement(accountId, { currency: "gold", before, limit: 3 });
    lines.push(...page);
    before = page.at(-1)?.seq;
    if (page.length < 3) break;
  }
  expect(lines.map(({ delta }) => delta)).toEqual([7n, 6n, 5n, 4n, 3n, 2n, 1n]);
  expect(lines.map(({ balanceAfter }) => balanceAfter)).toEqual([28n, 21n, 15n, 10n, 6n, 3n, 1n]);
  expect(await wallet.statement(other, { currency: "gold", limit: 100 })).toHaveLength(1);
});

test("[WALLET5] what is held cannot be spent or held again, and is captured or released once", async () => {
  const accountId = await anAccount(100);
  const { holdId } = await hold(accountId, "one", 70n);
  expect((await hold(accountId, "one", 70n)).holdId).toBe(holdId);
  expect(await balanceOf(accountId)).toEqual({ balance: 100n, held: 70n, owed: 0n });
  expect(await codeOf(spend(accountId, "gold", 31n))).toBe("WALLET_INSUFFICIENT");
  expect(await codeOf(hold(accountId, "two", 31n))).toBe("WALLET_INSUFFICIENT");
  await Promise.all(Array.from({ length: 20 }, () => wallet.capture(holdId)));
  expect(await balanceOf(accountId)).toEqual({ balance: 30n, held: 0n, owed: 0n });
  expect(await codeOf(wallet.release(holdId))).toBe("WALLET_HOLD_OVER");
  const { holdId: given } = await hold(accountId, "three", 30n);
  await Promise.all(Array.from({ length: 20 }, () => wallet.release(given)));
  expect(await balanceOf(accountId)).toEqual({ balance: 30n, held: 0n, owed: 0n });
  expect(await codeOf(wallet.capture(given))).toBe("WALLET_HOLD_OVER");
});

test("[WALLET5] a hold lapses by the server's time, and capture and lapse at once end in one of them", async () => {
  const accountId = await anAccount(100);
  const { holdId } = await hold(accountId, "short", 10n, 30);
  clock.advance(29_000);
  expect(await wallet.releaseLapsed()).toBe(0);
  clock.advance(1000);
  const [captured] = await Promise.all([codeOf(wallet.capture(holdId)), wallet.releaseLapsed()]);
  const { balance, held } = await balanceOf(accountId);
  expect([captured, balance, held]).toEqual(captured === "" ? ["", 90n, 0n] : ["WALLET_HOLD_OVER", 100n, 0n]);
});

test("[WALLET6] what goes beyond a cap is in the books of the house", async () => {
  const accountId = await anAccount();
  await give(accountId, "energy", 80n, 100n);
  await give(accountId, "energy", 80n, 100n);
  await give(accountId, "energy", 5n, 100n);
  expect((await balanceOf(accountId, "energy")).balance).toBe(100n);
  const [lost] =
    await sql`select sum(amount)::int as lost from umpire.wallet_lines where to_book = 'overflow' and currency = 'energy'`;
  expect(lost?.["lost"]).toBe(65);
});

test("[WALLET7] what a clawback cannot take is owed, and what comes in pays it first", async () => {
  const accountId = await anAccount(40);
  await hold(accountId, "kept", 10n);
  await clawBack(accountId, "gold", 100n);
  expect(await balanceOf(accountId)).toEqual({ balance: 10n, held: 10n, owed: 70n });
  await give(accountId, "gold", 50n);
  expect(await balanceOf(accountId)).toEqual({ balance: 10n, held: 10n, owed: 20n });
  await give(accountId, "gold", 50n);
  expect(await balanceOf(accountId)).toEqual({ balance: 40n, held: 10n, owed: 0n });
  expect(await codeOf(spend(accountId, "gold", 31n))).toBe("WALLET_INSUFFICIENT");
  const debts = await wallet.statement(accountId, { currency: "gold", limit: 100 });
  expect(debts.filter(({ book }) => book === "debt").map(({ delta }) => delta)).toEqual([20n, 50n, -70n]);
});

test("[WALLET8] an operator's correction keeps its reason and its operator, and takes only what is there", async () => {
  const accountId = await anAccount(10);
  expect(await codeOf(adjust(accountId, "too-much", -11n))).toBe("WALLET_INSUFFICIENT");
  const { transactionId } = await adjust(accountId, "back", -10n, "bought twice");
  const [row] =
    await sql`select reason, reference, metadata from umpire.wallet_lines where movement_id = ${transactionId}`;
  expect(row).toEqual({
    reason: "adjustment",
    reference: "back",
    metadata: { reason: "bought twice", operator: "opr_test" },
  });
});

test("[WALLET9] T11: players who pay each other in both directions at once never stand in each other's way for good", async () => {
  const [one, other] = [await anAccount(1000), await anAccount(1000)];
  const pay = (fromAccount: AccountId, toAccount: AccountId) =>
    move([
      { from: "wallet", fromAccount, to: "wallet", toAccount, currency: "gold", amount: 3n },
      { from: "mint", to: "wallet", toAccount, currency: "gems", amount: 1n },
    ]);
  const codes = await Promise.all(
    Array.from({ length: 64 }, (_, index) => codeOf(index % 2 === 0 ? pay(one, other) : pay(other, one))),
  );
  expect(new Set(codes)).toEqual(new Set([""]));
  expect([(await balanceOf(one)).balance, (await balanceOf(other)).balance]).toEqual([1000n, 1000n]);
});

test("[WALLET10] whatever is changed behind the books' back is found", async () => {
  const accountId = await anAccount(10);
  const cases = [
    sql`update umpire.wallet_balances set balance = balance + 1 where account_id = ${accountId}`,
    sql`update umpire.wallet_balances set owed = 1 where account_id = ${accountId}`,
    sql`update umpire.wallet_balances set held = 1 where account_id = ${accountId}`,
    sql`update umpire.wallet_lines set amount = amount + 1 where to_account_id = ${accountId}`,
    sql`delete from umpire.wallet_balances where account_id = ${accountId}`,
  ];
  for (const [index, damage] of cases.entries()) {
    await sql
      .begin(async (tx) => {
        await tx`${damage}`;
        const found = await tx`select kind from umpire.wallet_discrepancies`;
        expect([index, found.length]).toEqual([index, 1]);
        throw new Error("rolled back");
      })
      .catch((thrown: Error) => expect(thrown.message).toBe("rolled back"));
  }
});

test("[WALLET11] S25: amounts beyond 2^53 are exact, and what is no amount is refused", async () => {
  const accountId = await anAccount();
  const large = 2n ** 53n + 1n;
  await give(accountId, "gold", large);
  await spend(accountId, "gold", 1n);
  expect((await balanceOf(accountId)).balance).toBe(2n ** 53n);
  expect(await codeOf(give(accountId, "gold", 2n ** 63n - 1n))).toContain("Failed query");
  expect(await codeOf(adjust(accountId, "zero", 0n))).toBe("WALLET_AMOUNT_INVALID");
  expect(await codeOf(adjust(accountId, "beyond", 2n ** 63n - 1n))).toBe("WALLET_AMOUNT_INVALID");
  expect(await codeOf(hold(accountId, "zero", 0n))).toBe("WALLET_AMOUNT_INVALID");
  expect(await codeOf(hold(accountId, "negative", -1n))).toBe("WALLET_AMOUNT_INVALID");
  expect(await codeOf(hold(accountId, "soon", 1n, Number.NaN))).toBe("WALLET_AMOUNT_INVALID");
  const unknown = wallet.adjust({ key: "k", accountId, currency: "__proto__", delta: 1n, reason: "-", operator: "-" });
  expect(await codeOf(unknown)).toBe("WALLET_CURRENCY_UNKNOWN");
  expect((await balanceOf(accountId)).balance).toBe(2n ** 53n);
});

test("[WALLET12] S31: the books of whoever is gone stay balanced, and lead to nobody", async () => {
  const accountId = await anAccount(100);
  await hold(accountId, "open", 10n);
  await clawBack(accountId, "gold", 200n);
  const pseudonym = ids.mint("account");
  await db.transaction((tx) => createPersonalData({ db }).erase(tx, [{ accountId, pseudonym }]));
  expect(await wallet.balances(accountId)).toEqual([]);
  expect(await balanceOf(pseudonym)).toEqual({ balance: 10n, held: 10n, owed: 110n });
});

test("[WALLET1] I1: whatever happens in whatever order, the books agree with their balances", async () => {
  const seed = cryptoRandom.below(2 ** 31);
  const random = createSeededRandom(seed);
  const accounts = await Promise.all(Array.from({ length: 4 }, () => anAccount(50)));
  const holds: Awaited<ReturnType<typeof hold>>[] = [];
  const pick = () => accounts[random.below(accounts.length)] as AccountId;
  for (let step = 0; step < 150; step++) {
    const amount = BigInt(1 + random.below(60));
    const acts = [
      () => give(pick(), "gold", amount, 200n),
      () => spend(pick(), "gold", amount),
      () => clawBack(pick(), "gold", amount),
      () => hold(pick(), `${seed}-${step}`, amount).then((made) => void holds.push(made)),
      () => wallet.capture((holds[random.below(holds.length || 1)] ?? { holdId: ids.mint("hold") }).holdId),
      () => wallet.release((holds[random.below(holds.length || 1)] ?? { holdId: ids.mint("hold") }).holdId),
    ];
    const code = await codeOf((acts[random.below(acts.length)] as () => Promise<void>)());
    expect([seed, step, ["", "WALLET_INSUFFICIENT", "WALLET_HOLD_OVER"].includes(code) ? "" : code]).toEqual([
      seed,
      step,
      "",
    ]);
  }
  expect([seed, await wallet.discrepancies()]).toEqual([seed, []]);
});
