import type { Presence } from "@colyseus/core";
import { afterAll, expect, test } from "vitest";

interface ContractParts {
  /** A presence of one process; each call gives another process's, of the same game. */
  readonly open: () => Promise<Presence>;
  /** Passes so many seconds for whatever runs out. */
  readonly pass: (seconds: number) => Promise<void>;
}

let names = 0;
const aName = () => `name-${++names}`;

/** What every presence keeps to, by the engine's contract: 30 methods, alike in one process and between several. */
export function testPresence(name: string, { open, pass }: ContractParts): void {
  const openTwo: OpenTwo = async () => {
    const [one, two] = [await open(), await open()];
    afterAll(() => {
      one.shutdown();
      two.shutdown();
    });
    return { one, two };
  };
  testTopics(name, openTwo);
  testValues(name, openTwo, pass);
  testSets(name, openTwo);
  testLists(name, openTwo);
}

type OpenTwo = () => Promise<{ one: Presence; two: Presence }>;

function testTopics(name: string, openTwo: OpenTwo): void {
  test(`[PRESENCE1] ${name}: what is published is heard from the moment that a subscription resolves until it ends`, async () => {
    const { one, two } = await openTwo();
    const [topic, heard, alsoHeard] = [aName(), [] as unknown[], [] as unknown[]];
    const listener = (data: unknown) => heard.push(data);
    one.setMaxListeners(100);
    await one.subscribe(topic, listener);
    await one.subscribe(topic, (data: unknown) => alsoHeard.push(data));
    await two.publish(topic, { a: [1, null, "ü"] });
    await two.publish(topic, undefined);
    await expect.poll(() => alsoHeard.length).toBe(2);
    expect(heard).toEqual([{ a: [1, null, "ü"] }, false]);
    one.unsubscribe(topic, listener);
    await two.publish(topic, "again");
    await expect.poll(() => alsoHeard.length).toBe(3);
    one.unsubscribe(topic);
    await two.publish(topic, "last");
    await one.subscribe(topic, (data: unknown) => heard.push(data));
    await two.publish(topic, "other");
    await expect.poll(() => heard.length).toBe(3);
    expect([heard[2], alsoHeard[2]]).toEqual(["other", "again"]);
  });

  test(`[PRESENCE1] ${name}: channels are seen from every process, by pattern, and are gone with their last listener`, async () => {
    const { one, two } = await openTwo();
    const id = aName();
    await one.subscribe(`p:${id}`, () => {});
    await one.subscribe(`q:${id}`, () => {});
    expect((await two.channels("p:*")).filter((channel) => channel.endsWith(id))).toEqual([`p:${id}`]);
    expect(await two.channels()).toEqual(expect.arrayContaining([`p:${id}`, `q:${id}`]));
    one.unsubscribe(`p:${id}`);
    await expect.poll(async () => (await two.channels("p:*")).includes(`p:${id}`)).toBe(false);
  });
}

function testValues(name: string, openTwo: OpenTwo, pass: ContractParts["pass"]): void {
  test(`[PRESENCE1] ${name}: values are kept, counted and deleted`, async () => {
    const { one, two } = await openTwo();
    const [key, count] = [aName(), aName()];
    expect([(await two.get(key)) ?? null, await two.exists(key)]).toEqual([null, false]);
    await one.set(key, "value");
    expect([await two.get(key), await two.exists(key)]).toEqual(["value", true]);
    await one.del(key);
    expect(await two.exists(key)).toBe(false);
    expect([await one.incr(count), await two.incr(count), await one.decr(count)]).toEqual([1, 2, 1]);
  });

  test.concurrent(`[PRESENCE1] ${name}: values, sets and hashes run out, and a count that runs out is one step`, async ({
    expect,
  }) => {
    const { one, two } = await openTwo();
    const [short, set, hash, kept] = [aName(), aName(), aName(), aName()];
    await one.setex(short, "value", 1);
    await one.sadd(set, "a");
    await one.expire(set, 1);
    expect([await one.hincrbyex(hash, "f", 2, 1), await two.hincrbyex(hash, "f", -1, 1)]).toEqual([2, 1]);
    await one.set(kept, "value");
    expect(await Promise.all([short, set, hash].map((key) => two.exists(key)))).toEqual([true, true, true]);
    await pass(1.1);
    expect(await Promise.all([short, set, hash, kept].map((key) => two.exists(key)))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });
}

function testSets(name: string, openTwo: OpenTwo): void {
  test(`[PRESENCE1] ${name}: sets know their members and what they have in common, be it one set, two or three`, async () => {
    const { one, two } = await openTwo();
    const [a, b, c] = [aName(), aName(), aName()];
    for (const member of ["x", "y", "z"]) await one.sadd(a, member);
    for (const member of ["y", "z"]) await one.sadd(b, member);
    await one.sadd(c, "z");
    await one.sadd(c, "z");
    expect((await two.smembers(a)).toSorted()).toEqual(["x", "y", "z"]);
    expect([await two.scard(a), await two.scard(c), await two.scard(aName())]).toEqual([3, 1, 0]);
    expect([await two.sismember(a, "x"), (await two.sismember(b, "x")) || 0]).toEqual([1, 0]);
    expect((await two.sinter(a)).toSorted()).toEqual(["x", "y", "z"]);
    expect((await two.sinter(a, b)).toSorted()).toEqual(["y", "z"]);
    expect(await two.sinter(a, b, c)).toEqual(["z"]);
    expect(await two.sinter(a, aName())).toEqual([]);
    await one.srem(c, "z");
    expect(await two.exists(c)).toBe(false);
  });

  test(`[PRESENCE1] ${name}: hashes keep, count and forget their fields`, async () => {
    const { one, two } = await openTwo();
    const key = aName();
    expect([await two.hget(key, "a"), await two.hgetall(key), await two.hlen(key)]).toEqual([null, {}, 0]);
    await one.hset(key, "a", "1");
    await one.hset(key, "__proto__", "kept");
    expect([await one.hincrby(key, "n", 3), await two.hincrby(key, "n", -1)]).toEqual([3, 2]);
    expect([await two.hget(key, "a"), await two.hlen(key)]).toEqual(["1", 3]);
    expect(Object.keys(await two.hgetall(key))).toEqual(expect.arrayContaining(["a", "n"]));
    expect([await one.hdel(key, "a"), await one.hdel(key, "a")]).toEqual([true, false]);
    await one.hdel(key, "n");
    await one.hdel(key, "__proto__");
    expect(await two.exists(key)).toBe(false);
  });
}

function testLists(name: string, openTwo: OpenTwo): void {
  test(`[PRESENCE1] ${name}: lists are filled and emptied at both ends`, async () => {
    const { one, two } = await openTwo();
    const key = aName();
    expect([await two.llen(key), await two.rpop(key), await two.lpop(key)]).toEqual([0, null, null]);
    expect([await one.rpush(key, "b", "c"), await two.lpush(key, "a")]).toEqual([2, 3]);
    expect([await two.lpop(key), await two.rpop(key), await two.llen(key)]).toEqual(["a", "c", 1]);
    await one.lpop(key);
    expect(await two.exists(key)).toBe(false);
  });

  test.concurrent(`[PRESENCE1] ${name}: a pop waits for an item of any of its lists, and meanwhile everything else goes on`, async ({
    expect,
  }) => {
    const { one, two } = await openTwo();
    const [empty, list] = [aName(), aName()];
    await two.rpush(list, "x", "y");
    expect(await one.brpop(empty, list, 1)).toEqual([list, "y"]);
    await one.rpop(list);
    const popped = one.brpop(empty, list, 3);
    const fromMs = performance.now();
    await one.set(aName(), "value");
    expect(performance.now() - fromMs).toBeLessThan(500);
    await two.rpush(list, "late");
    expect(await popped).toEqual([list, "late"]);
    expect(await one.brpop(empty, 1)).toBe(null);
  });
}
