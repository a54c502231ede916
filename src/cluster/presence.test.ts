import type { LocalPresence } from "@colyseus/core";
import { afterAll, expect, test } from "vitest";
import { createSystemClock } from "../platform/clock.ts";
import { createLog } from "../platform/log.ts";
import { createMetrics } from "../platform/metrics.ts";
import { openRedis } from "../platform/redis.ts";
import { until } from "../testing/app.ts";
import { testPresence } from "../testing/presence-contract.ts";
import { aPrefix, createTestRedis, openUpRedis, startKillableRedis, testRedisUrl } from "../testing/redis.ts";
import { TIMED } from "../testing/timed.ts";
import { OwnLocalPresence } from "./local-presence.ts";
import { createRedisPresence } from "./presence.ts";

const clock = createSystemClock();
const log = createLog({ level: "silent" });
const redis = await createTestRedis();
const open = (of = redis, metrics = createMetrics()) => createRedisPresence({ redis: of, clock, log, metrics });
const pass = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000));

const local = new OwnLocalPresence();
testPresence("alone", { open: async () => local, pass });
testPresence("Redis", { open: async () => open(), pass });
const unavailable = { code: "REDIS_UNAVAILABLE", status: 503 };

test("[PRESENCE2] a room's own presence, which inherits from the process's, does the same", async () => {
  for (const presence of [open(), new OwnLocalPresence()]) {
    const scoped: LocalPresence = Object.create(presence);
    await scoped.rpush("scoped", "a", "b");
    await scoped.sadd("scoped-set", "a");
    await scoped.srem("scoped-set", "a");
    expect([await scoped.rpop("scoped"), await scoped.lpop("scoped"), await scoped.exists("scoped")]).toEqual([
      "b",
      "a",
      false,
    ]);
    presence.shutdown();
  }
});

test("[PRESENCE3] T6: whatever was subscribed to is heard again after a loss, also by a Redis that has forgotten all", async () => {
  const killable = await startKillableRedis();
  const lost = openRedis({ url: killable.url, prefix: aPrefix(), clock, log, metrics: createMetrics() });
  afterAll(() => lost.close());
  const presence = open(lost);
  const heard: unknown[] = [];
  // At once: the connections are still being made.
  await Promise.all(["a", "b", "c"].map((topic) => presence.subscribe(topic, (data: unknown) => heard.push(data))));
  await killable.kill();
  await killable.start({ isEmpty: true });
  await until(() => lost.isUp());
  await expect.poll(async () => (await presence.channels()).toSorted(), { timeout: 5000 }).toEqual(["a", "b", "c"]);
  for (const topic of ["a", "b", "c"]) await presence.publish(topic, topic);
  await until(() => heard.length === 3);
});

test(
  "[PRESENCE4] T5: without its Redis everything fails within a second with a code, and what nobody waits for harms nobody",
  TIMED,
  async () => {
    const killable = await startKillableRedis();
    const lost = await openUpRedis({ url: killable.url });
    afterAll(() => lost.close());
    const metrics = createMetrics();
    const presence = open(lost, metrics);
    const heard: unknown[] = [];
    await presence.subscribe("kept", (data: unknown) => heard.push(data));
    await killable.kill();
    const strays: unknown[] = [];
    const keep = (reason: unknown) => strays.push(reason);
    process.on("unhandledRejection", keep);
    const asked = [
      () => presence.subscribe("b", () => {}),
      () => presence.publish("b", 1),
      () => presence.set("b", "1"),
      () => presence.setex("b", "1", 1),
      () => presence.expire("b", 1),
      () => presence.del("b"),
      () => presence.sadd("b", "1"),
      () => presence.hset("b", "c", "1"),
      () => presence.hincrbyex("b", "c", 1, 1),
      () => presence.brpop("b", 1),
      () => presence.channels(),
    ];
    const fromMs = performance.now();
    await Promise.all(asked.map((ask) => expect(ask()).rejects.toMatchObject(unavailable)));
    expect(performance.now() - fromMs).toBeLessThan(1000);
    for (const ask of asked) void ask();
    presence.unsubscribe("kept");
    const failures = async () => (await metrics.presenceFailed.get()).values[0]?.value;
    await expect.poll(failures, { timeout: 5000 }).toBe(2 * asked.length);
    process.off("unhandledRejection", keep);
    expect(strays).toEqual([]);
    await killable.start();
    await until(() => lost.isUp());
    // A subscription that failed is none: its owner was told so.
    await expect.poll(() => presence.channels()).toEqual([]);
  },
);

test("[PRESENCE5] every key and channel begins with the environment's prefix, and another environment sees none of them", async () => {
  const prefix = aPrefix();
  const mine = await openUpRedis({ url: testRedisUrl(), prefix });
  afterAll(() => mine.close());
  const presence = open(mine);
  await presence.subscribe("news", () => {});
  await presence.set("a", "1");
  await presence.hset("b", "c", "1");
  await presence.rpush("d", "1");
  await presence.sadd("e", "1");
  const keys = await mine.call((client) => client.keys(`${prefix}:*`));
  expect(keys.toSorted()).toEqual(["a", "b", "d", "e"].map((key) => `${prefix}:presence:${key}`));
  expect(await mine.call((client) => client.pubsub("CHANNELS", `${prefix}*`))).toEqual([`${prefix}:news`]);
  const other = open();
  expect([await other.get("a"), (await other.channels()).includes("news")]).toEqual([null, false]);
  for (const key of ["a", "b", "d", "e"]) await presence.del(key);
});
