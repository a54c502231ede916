import { afterAll, expect, test } from "vitest";
import { createSystemClock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import { createLog } from "../platform/log.ts";
import { cryptoRandom } from "../platform/random.ts";
import type { Redis } from "../platform/redis.ts";
import { createTestRedis, openUpRedis, startKillableRedis, testRedisUrl } from "../testing/redis.ts";
import { TIMED } from "../testing/timed.ts";
import { createRedisDirectory } from "./directory/redis-directory.ts";
import { createHoldings, type Holdings, type Quota } from "./holdings.ts";

const clock = createSystemClock();
const log = createLog({ level: "silent" });
const shared = await createTestRedis();
const prefix = shared.key("").slice(0, -1);
const killable = await startKillableRedis();
let processes = 0;
let keys = 0;

interface Process {
  readonly holdings: Holdings;
  readonly redis: Redis;
  /** As kill -9 does: its connections are closed, and nothing else is said. */
  kill(): void;
}

async function aProcess({ url = testRedisUrl(), of = prefix, heldMs = 30_000 } = {}): Promise<Process> {
  const redis = await openUpRedis({ url, prefix: of });
  const processId = `holder-${++processes}`;
  const parts = { redis, clock, log, processId: () => processId };
  const directory = createRedisDirectory({ ...parts, random: cryptoRandom });
  await directory.boot?.();
  const holdings = createHoldings({ ...parts, heldMs });
  const kill = () => {
    holdings.stop();
    redis.close();
  };
  afterAll(async () => {
    kill();
    await directory.shutdown();
  });
  return { holdings, redis, kill };
}

const aQuota = (max: number): Quota => ({
  name: "rooms",
  max,
  refusal: () => new AppError("ROOM_CREATE_EXCEEDED", { retryAfterSeconds: 1 }),
});
const aWanted = (max: number) => ({ quota: aQuota(max), key: `key-${keys++}` });
const codeOf = (taken: Promise<unknown>) =>
  taken.then(
    () => "held",
    ({ code }: { code: string }) => code,
  );
const FULL = "ROOM_CREATE_EXCEEDED";
const keyOf = ({ key }: { key: string }, redis = shared) => redis.key("held", `rooms:${key}`);
const [one, two] = [await aProcess(), await aProcess()];

test("[QUOTA1] S10: what is held counts over all processes, and what is given back can be had anywhere, once", async () => {
  const wanted = aWanted(2);
  const release = await one.holdings.take("a", [wanted]);
  await two.holdings.take("b", [wanted]);
  expect([await codeOf(one.holdings.take("c", [wanted])), await codeOf(two.holdings.take("c", [wanted]))]).toEqual([
    FULL,
    FULL,
  ]);
  release();
  release();
  // Each has a connection of its own to Redis.
  await expect.poll(() => codeOf(two.holdings.take("c", [wanted]))).toBe("held");
  expect(await codeOf(one.holdings.take("d", [wanted]))).toBe(FULL);
});

test("[QUOTA1] S10: of many who ask at once at two processes, as many are let in as there is room for", async () => {
  const wanted = aWanted(5);
  const asked = Array.from({ length: 40 }, (_, index) =>
    codeOf([one, two][index % 2]?.holdings.take(`thing-${index}`, [wanted]) ?? Promise.reject()),
  );
  expect((await Promise.all(asked)).filter((code) => code === "held")).toHaveLength(5);
});

test("[QUOTA1] a thing that two processes hold counts once, and as long as one of them does", async () => {
  const roomy = aWanted(2);
  await one.holdings.take("room", [roomy]);
  await two.holdings.take("room", [roomy]);
  expect([await codeOf(one.holdings.take("b", [roomy])), await codeOf(two.holdings.take("c", [roomy]))]).toEqual([
    "held",
    FULL,
  ]);
  const wanted = aWanted(1);
  const release = await one.holdings.take("room", [wanted]);
  const again = two.holdings.add("room", [wanted]);
  expect(await codeOf(one.holdings.take("room", [wanted]))).toBe("held");
  release();
  expect(await codeOf(two.holdings.take("other", [wanted]))).toBe(FULL);
  again();
  // Held a second time by the first.
  expect(await codeOf(two.holdings.take("other", [wanted]))).toBe(FULL);
});

test("[QUOTA1] who is refused by one quota counts against none", async () => {
  const [free, full] = [aWanted(1), aWanted(0)];
  expect(await codeOf(one.holdings.take("a", [free, full]))).toBe(FULL);
  expect(await codeOf(two.holdings.take("b", [free]))).toBe("held");
});

test(
  "[QUOTA2] after kill -9 of a process nothing that it held counts any more, and no key is without its end",
  TIMED,
  async () => {
    const wanted = aWanted(1);
    const doomed = await aProcess();
    await doomed.holdings.take("a", [wanted]);
    expect(await codeOf(one.holdings.take("b", [wanted]))).toBe(FULL);
    doomed.kill();
    const killedMs = performance.now();
    await expect.poll(() => codeOf(one.holdings.take("b", [wanted])), { timeout: 2000, interval: 20 }).toBe("held");
    expect(performance.now() - killedMs).toBeLessThan(1000);
    const names = await shared.call((client) => client.keys(shared.key("held", "*")));
    const ends = await Promise.all(names.map((name) => shared.call((client) => client.pttl(name))));
    expect(names.length).toBeGreaterThan(2);
    for (const ms of ends) expect(ms).toBeGreaterThan(0);
  },
);

test("[QUOTA2] what is still held stays, and what nobody gives back is forgotten", async () => {
  const wanted = aWanted(9);
  const brief = await aProcess({ heldMs: 1500 });
  await brief.holdings.take("a", [wanted]);
  // As a release that Redis never heard of would leave it.
  await shared.call((client) => client.zadd(keyOf(wanted), clock.now() + 900, "holder-1 lost"));
  const held = () => shared.call((client) => client.zcard(keyOf(wanted)));
  expect(await held()).toBe(2);
  await expect
    .poll(
      async () => {
        await codeOf(brief.holdings.take("a", [wanted]));
        return held();
      },
      { timeout: 5000 },
    )
    .toBe(1);
});

test(
  "[QUOTA4] T5, T6: without Redis each process counts its own at once; what it holds is there again after",
  TIMED,
  async () => {
    const of = `${prefix}-away`;
    const [first, second] = [await aProcess({ url: killable.url, of }), await aProcess({ url: killable.url, of })];
    const wanted = aWanted(2);
    const release = await first.holdings.take("a", [wanted]);
    await first.holdings.take("b", [wanted]);
    expect(await codeOf(second.holdings.take("c", [wanted]))).toBe(FULL);
    await killable.kill();
    const awayMs = performance.now();
    expect(await codeOf(first.holdings.take("c", [wanted]))).toBe(FULL);
    release();
    expect(await codeOf(first.holdings.take("c", [wanted]))).toBe("held");
    expect(await codeOf(second.holdings.take("d", [wanted]))).toBe("held");
    expect(performance.now() - awayMs).toBeLessThan(500);
    await killable.start({ isEmpty: true });
    // Three are held, which is one too many for either.
    const count = () => second.redis.call((client) => client.zcard(keyOf(wanted, second.redis))).catch(() => 0);
    await expect.poll(count, { timeout: 5000 }).toBe(3);
    await expect.poll(() => codeOf(second.holdings.take("e", [wanted])), { timeout: 5000 }).toBe(FULL);
  },
);

test(
  "[QUOTA4] T5: a Redis that hangs holds nobody up for longer than half a second, and then nobody at all",
  TIMED,
  async () => {
    const hung = await aProcess({ url: killable.url, of: `${prefix}-hung` });
    const wanted = aWanted(9);
    killable.pause();
    const pausedMs = performance.now();
    expect(await codeOf(hung.holdings.take("a", [wanted]))).toBe("held");
    expect(performance.now() - pausedMs).toBeLessThan(900);
    const nextMs = performance.now();
    expect(await codeOf(hung.holdings.take("b", [wanted]))).toBe("held");
    expect(performance.now() - nextMs).toBeLessThan(100);
    killable.resume();
  },
);

test("[QUOTA1] a process that is alone counts by itself", async () => {
  const alone = createHoldings({ redis: null, clock, log });
  const wanted = aWanted(1);
  const release = await alone.take("a", [wanted]);
  expect(await codeOf(alone.take("b", [wanted]))).toBe(FULL);
  release();
  expect(await codeOf(alone.take("b", [wanted]))).toBe("held");
});
