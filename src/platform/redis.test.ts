import { afterAll, expect, test } from "vitest";
import { until } from "../testing/app.ts";
import {
  aPrefix,
  createTestRedis,
  openUpRedis,
  startClosedRedis,
  startKillableRedis,
  testRedisUrl,
} from "../testing/redis.ts";
import { TIMED } from "../testing/timed.ts";
import { createSystemClock } from "./clock.ts";
import { readConfig, redactConfig } from "./config.ts";
import { createErrorTranslator } from "./errors.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { cryptoRandom } from "./random.ts";
import { openRedis, type Redis } from "./redis.ts";
import { parseRedisUrl, parseSentinel } from "./redis-address.ts";

const redis = await createTestRedis();
const killable = await startKillableRedis();
const closed = await startClosedRedis();
const clock = createSystemClock();
const translated: string[] = [];
const translate = createErrorTranslator({
  ids: createIds({ clock, random: cryptoRandom }),
  log: createLog({ level: "info", destination: { write: (line) => void translated.push(line) } }),
});

/** A connection whose log is kept. */
function openWatched(url: string) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ level: "debug", destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const metrics = createMetrics();
  const watched = openRedis({ url, prefix: aPrefix(), clock, log, metrics });
  afterAll(() => watched.close());
  const told = (event: string) => lines.filter(({ msg }) => msg === event).length;
  const gauge = async () => (await metrics.redisUp.get()).values[0]?.value;
  return { redis: watched, lines, told, gauge };
}

/** How long it took to be refused, and with what. */
async function refusal(work: Promise<unknown>) {
  const startedMs = performance.now();
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  return { thrown, tookMs: performance.now() - startedMs };
}

const unavailable = { code: "REDIS_UNAVAILABLE", status: 503 };
const ping = (of: Redis) => of.call((client) => client.ping());

test(
  "[REDIS1] T5: without a Redis commands fail at once with a code, and one is found as soon as it is there",
  TIMED,
  async () => {
    await killable.kill();
    const { redis: early, told, gauge } = openWatched(killable.url);
    await until(() => told("redis.lost") === 1);
    const { thrown, tookMs } = await refusal(ping(early));
    expect(thrown).toMatchObject(unavailable);
    expect(tookMs).toBeLessThan(200);
    expect(() => early.runId()).toThrow(expect.objectContaining(unavailable));
    expect([early.isUp(), await gauge()]).toEqual([false, 0]);
    await killable.start();
    await until(() => early.isUp(), 2000);
    expect([await ping(early), await gauge(), told("redis.back")]).toEqual(["PONG", 1, 1]);
  },
);

test(
  "[REDIS1] T5: a Redis that is killed fails what was asked of it within a second, and is used again when it is back",
  TIMED,
  async () => {
    const { redis: used, told } = openWatched(killable.url);
    await until(() => used.isUp());
    await used.call((client) => client.set(used.key("kept"), "1"));
    const runId = used.runId();
    const waiting = refusal(used.call((client) => client.blpop(used.key("never"), 0)));
    await killable.kill();
    const { thrown, tookMs } = await waiting;
    expect(thrown).toMatchObject(unavailable);
    expect(tookMs).toBeLessThan(1000);
    expect((await refusal(ping(used))).thrown).toMatchObject(unavailable);
    await killable.start();
    await until(() => used.isUp(), 2000);
    expect(await used.call((client) => client.get(used.key("kept")))).toBe("1");
    expect(used.runId(), "it may have forgotten something").not.toBe(runId);
    expect([told("redis.lost"), told("redis.back")], "each change once").toEqual([1, 2]);
  },
);

test(
  "[REDIS2] a Redis that hangs costs one command its deadline and the others nothing, and is used again when it goes on",
  TIMED,
  async () => {
    const { redis: used } = openWatched(killable.url);
    await until(() => used.isUp());
    killable.pause();
    const asked = await Promise.all([refusal(ping(used)), refusal(ping(used))]);
    const after = await refusal(ping(used));
    for (const { thrown, tookMs } of [...asked, after]) {
      expect(thrown).toMatchObject(unavailable);
      expect(tookMs).toBeLessThan(1000);
    }
    expect(after.tookMs).toBeLessThan(200);
    killable.resume();
    await until(() => used.isUp(), 4000);
    expect(await ping(used)).toBe("PONG");
  },
);

test(
  "[REDIS2] a Redis that hangs is noticed within two seconds, also when nobody asks it anything",
  TIMED,
  async () => {
    const { redis: idle, told } = openWatched(killable.url);
    const subscriber = idle.subscriber();
    let hearings = 0;
    subscriber.onHearing(() => {
      hearings += 1;
    });
    subscriber.subscribe(idle.key("news"), () => {});
    await until(() => idle.isUp() && hearings > 0);
    killable.pause();
    await until(() => !idle.isUp() && told("redis.subscriber_lost") === 1, 2500);
    const before = hearings;
    killable.resume();
    await until(() => idle.isUp() && hearings > before, 4000);
  },
);

test("[REDIS3] owners are told each time that Redis is there, and one that fails keeps nobody else from it", async () => {
  const { redis: used, told } = openWatched(killable.url);
  let times = 0;
  used.onBack(() => {
    throw new Error("on purpose");
  });
  const end = used.onBack(() => {
    times += 1;
  });
  await until(() => times === 1);
  await killable.kill();
  await killable.start({ isEmpty: true });
  await until(() => times === 2);
  expect(told("redis.listener_failed")).toBe(2);
  end();
  await killable.kill();
  await killable.start();
  await until(() => told("redis.back") === 3);
  expect(times).toBe(2);
});

test("[REDIS4] a subscriber hears again after a loss, and says from when on", async () => {
  const { redis: used } = openWatched(killable.url);
  const subscriber = used.subscriber();
  const [heard, others]: string[][] = [[], []];
  let hearings = 0;
  subscriber.onHearing(() => {
    hearings += 1;
  });
  const channel = used.key("news");
  const end = subscriber.subscribe(channel, (message) => void heard?.push(message));
  subscriber.subscribe(used.key("other"), (message) => void others?.push(message));
  const say = (message: string) => used.call((client) => client.publish(channel, message));
  await until(() => hearings >= 1);
  expect(await say("one")).toBe(1);
  await until(() => heard?.length === 1);
  const before = hearings;
  await killable.kill();
  await killable.start({ isEmpty: true });
  await until(() => used.isUp() && hearings > before);
  expect(await say("two")).toBe(1);
  await until(() => heard?.length === 2);
  expect([heard, others]).toEqual([["one", "two"], []]);
  end();
  for (let receivers = 1; receivers > 0; ) receivers = await say("four");
});

test("[REDIS5] a script is taught again to a Redis that has forgotten it, and its defects are not taken for an outage", async () => {
  const add = redis.script(`return redis.call("INCRBY", KEYS[1], ARGV[1])`);
  const keys = [redis.key("sum")];
  expect(await add(keys, [2])).toBe(2);
  await redis.call((client) => client.script("FLUSH"));
  expect(await add(keys, [3])).toBe(5);
  await expect(add(keys, ["no number"])).rejects.toThrow(/not an integer/);
  await expect(add(keys, ["no number"])).rejects.not.toMatchObject(unavailable);
});

test("[REDIS6] keys begin with the prefix, so that environments do not see each other", async () => {
  const other = await openUpRedis({ url: testRedisUrl() });
  await redis.call((client) => client.set(redis.key("a", "b"), "mine"));
  expect(await other.call((client) => client.get(other.key("a", "b")))).toBeNull();
  expect(redis.key("a", "b")).toMatch(/^test_\w+:a:b$/);
  other.close();
});

test("[REDIS7] no password reaches the log or an error, whether it is right or wrong", async () => {
  const { redis: strange, lines, told } = openWatched(closed.url.replace("//:hunter2", "//someone:hunter3"));
  const { redis: known, lines: more } = openWatched(closed.url);
  await until(() => told("redis.lost") === 1 && known.isUp());
  const { thrown } = await refusal(ping(strange));
  expect(thrown).toMatchObject(unavailable);
  expect(lines).toContainEqual(expect.objectContaining({ reason: expect.stringMatching(/WRONGPASS|NOAUTH/) }));
  const { thrown: defect } = await refusal(known.call((client) => client.call("AUTH", "hunter2", "b", "c")));
  translate(defect, {});
  expect(known.isUp()).toBe(true);
  const { cause } = thrown as Error;
  const shown = JSON.stringify([lines, more, translated, cause, Object.entries(cause ?? {})]);
  expect(translated).toHaveLength(1);
  expect(shown).not.toMatch(/hunter[23]/);
});

test("[REDIS8] addresses are those of Redis, of Redis by TLS, and of a socket", () => {
  expect(parseRedisUrl("redis://example")).toEqual({ host: "example", port: 6379, db: 0 });
  expect(parseRedisUrl("rediss://me:p%40ss@[::1]:7000/3")).toEqual({
    host: "::1",
    port: 7000,
    db: 3,
    username: "me",
    password: "p@ss",
    tls: {},
  });
  expect(parseRedisUrl("unix:///run/redis.sock")).toEqual({ path: "/run/redis.sock" });
  for (const wrong of ["", "example:6379", "http://example", "redis://", "redis://a/b", "redis://a?b=c", "unix://"])
    expect(parseRedisUrl(wrong), wrong).toBeNull();
  expect(parseSentinel("one")).toEqual({ host: "one", port: 26_379 });
  expect(parseSentinel("[::1]:7")).toEqual({ host: "::1", port: 7 });
  for (const wrong of ["", "a:b", "a:0", "a:70000", "redis://a", "a b"]) expect(parseSentinel(wrong), wrong).toBeNull();
});

test("[REDIS8] wrong settings are refused by name and without what they say, and the address is never printed", () => {
  const wrong = { REDIS_URL: "http://:hunter2@example", REDIS_PREFIX: "a:b", REDIS_SENTINELS: "a:b" };
  expect(() => readConfig(wrong)).toThrow(
    /REDIS_URL must be .*\n.*REDIS_SENTINELS must be .*\n.*REDIS_PREFIX must be /,
  );
  expect(() => readConfig(wrong)).not.toThrow(/hunter2/);
  expect(() => readConfig({ REDIS_SENTINELS: "one,two" })).toThrow(/REDIS_URL is required with REDIS_SENTINELS/);
  const config = readConfig({ REDIS_URL: "redis://:hunter2@mymaster", REDIS_SENTINELS: "one, two:7" });
  expect(config.REDIS_SENTINELS).toEqual([
    { host: "one", port: 26_379 },
    { host: "two", port: 7 },
  ]);
  expect(JSON.stringify(redactConfig(config))).not.toContain("hunter2");
});
