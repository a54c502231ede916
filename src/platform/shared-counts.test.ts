import { expect, test } from "vitest";
import { createAttempts } from "../services/accounts/attempts.ts";
import { createTestRedis, openUpRedis, startKillableRedis } from "../testing/redis.ts";
import { TIMED } from "../testing/timed.ts";
import { TestClock } from "./clock.ts";
import { createRateLimit, type RateLimit } from "./rate-limit.ts";
import { createSharedCounts } from "./shared-counts.ts";

const limit = { count: 4, perSeconds: 60 };
const redis = await createTestRedis();
let scopes = 0;

/** Two processes of one game. */
function aPair(of = redis): [RateLimit, RateLimit] {
  const scope = `scope-${scopes++}`;
  return [0, 1].map(() => createRateLimit({ shared: createSharedCounts(of, scope) })) as [RateLimit, RateLimit];
}
const codeOf = (taken: Promise<unknown>) =>
  taken.then(
    () => "in",
    ({ code }: { code: string }) => code,
  );

async function admitted(limits: readonly RateLimit[], address: (index: number) => string, times: number) {
  let count = 0;
  for (let index = 0; index < times; index++) {
    const taken = limits[index % limits.length]?.takeForAddress("door", limit, address(index));
    if (taken !== undefined && (await codeOf(taken)) === "in") count += 1;
  }
  return count;
}

test("[QUOTA3] S16: an allowance is one for all processes, for an account, an address and its network", async () => {
  const [one, two] = aPair();
  const taken = [one, two, one, two, one, two].map((each) => codeOf(each.take("door", limit, "acc_1")));
  expect((await Promise.all(taken)).filter((code) => code === "in")).toHaveLength(4);
  expect(await admitted(aPair(), () => "203.0.113.1", 20)).toBe(4);
  expect(await admitted(aPair(), (index) => `203.0.113.${index}`, 100)).toBe(4 * 8);
});

test("[QUOTA3] S16: an address that is refused takes nothing from its neighbours, and a refusal says when to come back", async () => {
  const pair = aPair();
  expect(await admitted(pair, () => "203.0.113.1", 100)).toBe(4);
  expect(await admitted(pair, (index) => `203.0.113.${2 + Math.floor(index / 4)}`, 28)).toBe(28);
  const refusal = await pair[1].takeForAddress("door", limit, "203.0.113.1").catch((thrown: unknown) => thrown);
  expect(refusal).toMatchObject({ code: "RATE_LIMITED", details: { retryAfterSeconds: expect.any(Number) } });
  const seconds = (refusal as { details: { retryAfterSeconds: number } }).details.retryAfterSeconds;
  expect([seconds > 50, seconds <= 60]).toEqual([true, true]);
});

test("[QUOTA3] what each process is asked by itself, as by a probe, is counted by each", async () => {
  const probe = { ...limit, isPerProcess: true };
  const [one, two] = aPair();
  for (const each of [one, two]) {
    for (let count = 0; count < 4; count++) await each.takeForAddress("healthz", probe, "203.0.113.1");
    expect(await codeOf(each.takeForAddress("healthz", probe, "203.0.113.1"))).toBe("RATE_LIMITED");
  }
});

test("[QUOTA3] S16: attempts at a password or a code are one count for all processes, and name nobody in Redis", async () => {
  const aProcess = () =>
    createAttempts({ clock: new TestClock(), counts: createSharedCounts(redis, "attempts") }, "test", limit);
  const [one, two] = [aProcess(), aProcess()];
  const email = "somebody@example.com";
  for (const each of [one, two, one]) await each.take(email);
  await two.check(email);
  await two.count(email);
  for (const each of [one, two]) {
    expect([await codeOf(each.check(email)), await codeOf(each.take(email))]).toEqual(["RATE_LIMITED", "RATE_LIMITED"]);
  }
  await one.count(email);
  expect(await codeOf(two.take("other@example.com"))).toBe("in");
  const names = await redis.call((client) => client.keys(redis.key("*")));
  const ends = await Promise.all(names.map((name) => redis.call((client) => client.pttl(name))));
  expect([names.length > 3, names.filter((name) => name.includes("@")), Math.min(...ends) > 0]).toEqual([
    true,
    [],
    true,
  ]);
});

test(
  "[QUOTA4] T5, T6: without Redis each process goes on by what it has counted itself, at once, and comes back",
  TIMED,
  async () => {
    const killable = await startKillableRedis();
    const own = await openUpRedis({ url: killable.url });
    const [one, two] = aPair(own);
    const take = (each: RateLimit) => codeOf(each.take("door", limit, "acc_1"));
    expect([await take(one), await take(one), await take(two)]).toEqual(["in", "in", "in"]);
    await killable.kill();
    const awayMs = performance.now();
    expect([await take(one), await take(one), await take(one)]).toEqual(["in", "in", "RATE_LIMITED"]);
    expect(await take(two)).toBe("in");
    expect(performance.now() - awayMs).toBeLessThan(500);
    await killable.start({ isEmpty: true });
    await expect.poll(() => own.isUp(), { timeout: 5000 }).toBe(true);
    expect([await take(two), await take(one)]).toEqual(["in", "RATE_LIMITED"]);
    const count = await own.call(async (client) =>
      Promise.all((await client.keys("*counts*")).map((key) => client.get(key))),
    );
    expect(count).toEqual(["1"]);
    own.close();
  },
);
