import { expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { createErrorTranslator } from "../../platform/errors.ts";
import { createRoutes } from "../../platform/http.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { callRoute } from "../../testing/route-calls.ts";
import { accountsRoutes } from "./routes.ts";

/**
 * Whether time tells which addresses have accounts. The routes are called without a socket in between,
 * whose own wavering would hide a difference that an attacker next door could average out.
 */
const ADDRESSES = 200;
const MEDIAN_MS_MAX = 1;
/** How likely a known address takes longer than an unknown one: a half when time tells nothing. */
const AUC = { least: 0.45, most: 0.55 };

const { db } = await createTestDatabase();
const clock = new TestClock();
const { accounts, parts } = createTestAccounts({ db, clock, registration: "confirmed" });
const open = createTestAccounts({ db, clock });
const routes = createRoutes(accountsRoutes(accounts, { isProduction: false }), {
  principalOf: accounts.principalOf,
  rateLimit: { take: async () => {} },
  translate: createErrorTranslator({ ids: parts.ids, log: createLog({ level: "silent" }) }),
  metrics: createMetrics(),
});
const label = "vitest";
const PASSWORD = "correct horse battery";
/** Of the same length, as an attacker would see to. */
const emailOf = (kind: "known" | "other", index: number) => `${kind}-${String(index).padStart(4, "0")}@example.com`;

async function aGuest(): Promise<string> {
  return (await accounts.createGuest({ label })).token;
}

for (let index = 0; index < ADDRESSES; index++) {
  const principal = await accounts.principalOf({ authorization: `Bearer ${await aGuest()}` });
  if (principal === null) throw new Error("the session is over");
  await open.accounts.register(principal, { email: emailOf("known", index), password: PASSWORD, label });
}

interface Sample {
  readonly ms: number;
  readonly status: number;
}

async function call(path: string, body: object, token?: string): Promise<Sample> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const beganMs = performance.now();
  const { status } = await callRoute(routes, "POST", `/api/accounts/${path}`, { headers, body });
  return { ms: performance.now() - beganMs, status };
}

interface Times {
  readonly known: number[];
  readonly other: number[];
}

/** One after the other, so that whatever else the machine does happens to both; who comes first is drawn each time. */
async function interleave(rounds: number, ask: (email: string) => Promise<Sample>, status: number): Promise<Times> {
  const times: Times = { known: [], other: [] };
  for (let round = 0; round < rounds; round++) {
    const kinds = parts.random.below(2) === 0 ? (["known", "other"] as const) : (["other", "known"] as const);
    for (const kind of kinds) {
      const sample = await ask(emailOf(kind, round % ADDRESSES));
      expect(sample.status).toBe(status);
      if (round >= rounds / 10) times[kind].push(sample.ms);
      // Mail that was asked for is written while the next answers are given, as it would be.
      clock.advance(20);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // No address is tried too often, nor are all of them together.
    if (round % 100 === 99) clock.advance(15 * 60_000);
  }
  return times;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** The share of pairs in which the known address took longer: Mann and Whitney's U over the number of pairs. */
function areaUnderCurve({ known, other }: Times): number {
  const ascending = other.toSorted((a, b) => a - b);
  const below = (value: number) => {
    let low = 0;
    let high = ascending.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ascending[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return known.reduce((sum, value) => sum + below(value), 0) / (known.length * other.length);
}

function expectAlike(door: string, times: Times): void {
  const difference = median(times.known) - median(times.other);
  const auc = areaUnderCurve(times);
  process.stdout.write(
    `${door}: medians ${median(times.known).toFixed(3)} and ${median(times.other).toFixed(3)} ms, ` +
      `AUC ${auc.toFixed(3)}, ${times.known.length} samples each\n`,
  );
  expect(Math.abs(difference), door).toBeLessThanOrEqual(MEDIAN_MS_MAX);
  expect(auc, door).toBeGreaterThanOrEqual(AUC.least);
  expect(auc, door).toBeLessThanOrEqual(AUC.most);
}

test("[CREDENTIALS3] S17: the time of a sign-in does not tell who has an account", async () => {
  const ask = (email: string) => call("sign-in", { email, password: "a wrong password" });
  expectAlike("sign-in", await interleave(1000, ask, 401));
}, 300_000);

test("[CREDENTIALS3] S17: the time of a reset request does not tell who has an account", async () => {
  const ask = (email: string) => call("password/reset", { email });
  expectAlike("reset", await interleave(4000, ask, 200));
}, 300_000);

test("[CREDENTIALS8] S17: the time of a confirmed registration does not tell who has an account", async () => {
  const token = await aGuest();
  const ask = (email: string) => call("register", { email, password: PASSWORD }, token);
  expectAlike("register", await interleave(600, ask, 200));
}, 300_000);
