import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createSystemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import type { Redis } from "../../platform/redis.ts";
import { aClaim, aListing, aName, aPlan, aWish, takenFrom } from "../../testing/listings.ts";
import { createTestRedis, openUpRedis, startKillableRedis, testRedisUrl } from "../../testing/redis.ts";
import { TIMED } from "../../testing/timed.ts";
import type { Directory, LobbyChange } from "./directory.ts";
import { createRedisDirectory } from "./redis-directory.ts";

const LEASE_MS = 1200;
const KEEP_MS = 1000;
const clock = createSystemClock();
const log = createLog({ level: "silent" });
const redis = await createTestRedis();
const prefix = redis.key("").slice(0, -1);
const killable = await startKillableRedis();
const unavailable = { code: "REDIS_UNAVAILABLE", status: 503 };
let processes = 0;

async function aDirectory(of: Redis = redis, processId = `pid-${++processes}`): Promise<Directory> {
  const times = { leaseMs: LEASE_MS, keepMs: KEEP_MS };
  const directory = createRedisDirectory({
    redis: of,
    clock,
    log,
    random: cryptoRandom,
    processId: () => processId,
    ...times,
  });
  await directory.boot?.();
  afterAll(() => directory.shutdown());
  return directory;
}

/** A process of its own. */
class Child {
  readonly processId = `child-${++processes}`;
  readonly #child: ChildProcess;
  #questions = 0;

  private constructor() {
    this.#child = fork(join(import.meta.dirname, "../../testing/stacks/directory-server.ts"), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execArgv: ["--import", join(import.meta.dirname, "../../preflight.mjs")],
      env: {
        PATH: process.env["PATH"],
        NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
        REDIS_URL: testRedisUrl(),
        REDIS_PREFIX: prefix,
        PROCESS: this.processId,
        LEASE_MS: String(LEASE_MS),
        KEEP_MS: String(KEEP_MS),
      },
    });
    afterAll(() => void this.#child.kill("SIGKILL"));
  }

  static async start(): Promise<Child> {
    const child = new Child();
    await new Promise<void>((settle) => child.#child.once("message", () => settle()));
    return child;
  }

  ask<T>(name: string, value?: unknown): Promise<T> {
    const id = ++this.#questions;
    return new Promise((settle) => {
      const hear = (answer: { id?: number; answer?: unknown }) => {
        if (answer.id !== id) return;
        this.#child.off("message", hear);
        settle(answer.answer as T);
      };
      this.#child.on("message", hear);
      this.#child.send({ id, name, value });
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

/** Waits for `read` to be true, and tells how long that took. */
async function untilTrue(read: () => Promise<boolean>, withinMs: number): Promise<number> {
  const startedMs = performance.now();
  while (!(await read().catch(() => false))) {
    if (performance.now() - startedMs > withinMs) throw new Error(`not within ${withinMs} ms: ${read.toString()}`);
    await new Promise((settle) => setTimeout(settle, 10));
  }
  return performance.now() - startedMs;
}
const pause = (ms: number) => new Promise((settle) => setTimeout(settle, ms));

test("[DIRECTORY6] I4: only a room whose owner is gone is taken over, by one, and its old epoch writes nothing", async () => {
  const [one, other, owner] = [await aDirectory(), await aDirectory(), await Child.start()];
  const name = aName(one);
  aName(other);
  const roomId = "room-to-adopt";
  await owner.ask("insert", { name, roomIds: [roomId] });
  expect(await one.adopt(roomId, 1)).toBeNull();
  expect(await one.insert(aListing(name, { roomId, processId: "pid-1" }))).toBe(false);
  owner.signal("SIGSTOP");
  await untilTrue(async () => (await one.ownerOf(roomId)) === null, 3000);
  expect(await one.adopt(roomId, 2)).toBeNull();
  const adopted = await Promise.all([one.adopt(roomId, 1), other.adopt(roomId, 1)]);
  const winner = [one, other][adopted.findIndex((answer) => answer !== null)] as Directory;
  expect(adopted.filter((answer) => answer !== null)).toMatchObject([{ epoch: 2, listing: { roomId, clients: 0 } }]);
  // Nobody is sent there before it is there.
  expect(await takenFrom(one, aWish(name))).toBe("none");
  const listing = aListing(name, { roomId, clients: 3, maxClients: 9, processId: "winner" });
  expect(await winner.insert(listing)).toBe(true);
  owner.signal("SIGCONT");
  expect(await owner.ask("update", roomId)).toBe(true);
  await untilTrue(async () => (await owner.ask<string[]>("fenced")).includes(roomId), 3000);
  expect(await winner.findOne({ roomId })).toEqual(listing);
  expect([await one.query({ name }), winner.epochOf(roomId)]).toEqual([[listing], 2]);
  expect(await takenFrom(one, aWish(name))).toBe(roomId);
  owner.signal("SIGKILL");
});

test(
  "[DIRECTORY7] T4: a short pause moves nothing; a long one takes rooms out of the lists, until their owner is back",
  TIMED,
  async () => {
    const [directory, owner] = [await aDirectory(), await Child.start()];
    const name = aName(directory);
    const lobby: LobbyChange[] = [];
    const stop = directory.watch(name, (change) => lobby.push(change));
    await owner.ask("insert", { name, roomIds: ["paused-1", "paused-2"] });
    owner.signal("SIGSTOP");
    await pause(LEASE_MS / 4);
    expect(await takenFrom(directory, aWish(name))).toMatch(/^paused/);
    // Longer than most pauses last, and nobody new is sent there; it has its rooms for as long as its lease.
    await untilTrue(async () => (await takenFrom(directory, aWish(name))) === "none", 3000);
    expect(await directory.query({ name })).toHaveLength(2);
    expect(await untilTrue(async () => (await directory.query({ name })).length === 0, 3000)).toBeLessThan(LEASE_MS);
    expect(await takenFrom(directory, aWish(name))).toBe("none");
    await untilTrue(async () => lobby.some(({ removed }) => removed.length === 2), 3000);
    // Longer than what the dead have left is kept: it is still its owner's.
    await pause(KEEP_MS + 500);
    owner.signal("SIGCONT");
    expect(await untilTrue(async () => (await directory.query({ name })).length === 2, 3000)).toBeLessThan(2000);
    expect(await takenFrom(directory, aWish(name))).toMatch(/^paused/);
    expect(await owner.ask("fenced")).toEqual([]);
    stop();
    owner.signal("SIGKILL");
  },
);

test(
  "[DIRECTORY8] F5: after kill -9 the next take is answered within 100 ms, and no dead room is offered",
  TIMED,
  async () => {
    const [directory, owner, waiting] = [await aDirectory(), await Child.start(), await Child.start()];
    const name = aName(directory);
    const dead = Array.from({ length: 700 }, (_, index) => `dead-${index}`);
    await owner.ask("insert", { name, roomIds: dead });
    const slow = aName(directory);
    expect(await waiting.ask("plan", { name: slow, roomIds: ["never-made"] })).toBe("planned");
    expect(await takenFrom(directory, aWish(name))).toMatch(/^dead/);
    const own = aListing(name);
    await directory.insert(own);
    const planned = directory.take(aWish(slow), { claim: aClaim(), plan: aPlan() });
    for (const child of [owner, waiting]) child.signal("SIGKILL");
    // The kernel closes its connections a moment after the signal.
    await untilTrue(
      async () =>
        (await redis.call((client) => client.pubsub("NUMSUB", `${prefix}:rooms:alive:${owner.processId}`)))[1] === 0,
      1000,
    );
    const startedMs = performance.now();
    expect(await takenFrom(directory, aWish(name))).toBe(own.roomId);
    expect(performance.now() - startedMs).toBeLessThan(100);
    expect(await directory.query({ name })).toEqual([own]);
    expect(await directory.takeIn({ roomId: "dead-0", claim: aClaim() })).toEqual({ state: "absent" });
    expect([await directory.has("dead-0"), await directory.ownerOf("dead-0")]).toEqual([false, null]);
    // Who waits for a room of a dead process plans another.
    expect((await planned).state).toBe("planned");
    const left = async () => (await redis.call((client) => client.keys(`${prefix}:rooms:*dead-*`))).length;
    await untilTrue(async () => (await left()) === 0, 15_000);
  },
);

test("[DIRECTORY9] T6: emptied while rooms are played in, Redis knows them all again within seconds", async () => {
  const own = await openUpRedis({ url: killable.url });
  afterAll(() => own.close());
  const directory = await aDirectory(own);
  const name = aName(directory);
  const rooms = Array.from({ length: 120 }, (_, clients) => aListing(name, { clients, maxClients: 500 }));
  for (const room of rooms) await directory.insert(room);
  const isWhole = async () => (await directory.query({ name })).length === rooms.length;
  await own.call((client) => client.flushall());
  expect(await directory.query({ name })).toEqual([]);
  expect(await untilTrue(isWhole, 5000)).toBeLessThan(5000);
  expect(await takenFrom(directory, aWish(name))).toBe(rooms.at(-1)?.roomId);
  await killable.kill();
  await killable.start({ isEmpty: true });
  expect(await untilTrue(isWhole, 5000)).toBeLessThan(5000);
  expect(await takenFrom(directory, aWish(name))).toBe(rooms.at(-1)?.roomId);
});

test(
  "[DIRECTORY10] T5: without Redis a room goes on unhindered and whoever looks fails fast; what has changed is there after",
  TIMED,
  async () => {
    const own = await openUpRedis({ url: killable.url });
    afterAll(() => own.close());
    const directory = await aDirectory(own);
    const name = aName(directory);
    const [room, closing] = [aListing(name), aListing(name)];
    for (const listing of [room, closing]) await directory.insert(listing);
    await killable.kill();
    const startedMs = performance.now();
    expect(await directory.update(room, { $inc: { clients: 2 } })).toBe(true);
    expect(await directory.persist(room)).toBe(true);
    expect(await directory.remove(closing.roomId)).toBe(true);
    const born = aListing(name);
    expect(await directory.insert(born)).toBe(true);
    await directory.giveBack({ roomId: room.roomId, claim: aClaim() });
    await directory.failed("nobody");
    await expect(directory.take(aWish(name), { claim: aClaim(), plan: aPlan() })).rejects.toMatchObject(unavailable);
    await expect(directory.takeIn({ roomId: room.roomId, claim: aClaim() })).rejects.toMatchObject(unavailable);
    await expect(directory.query({ name })).rejects.toMatchObject(unavailable);
    await expect(directory.findOne({ roomId: "of-others" })).rejects.toMatchObject(unavailable);
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect(await directory.findOne({ roomId: room.roomId })).toBe(room);
    await killable.start();
    const listed = async () =>
      (await directory.query({ name }, { createdAt: 1 })).map(({ roomId, clients }) => [roomId, clients]);
    const expected = JSON.stringify([
      [room.roomId, 2],
      [born.roomId, 0],
    ]);
    expect(await untilTrue(async () => JSON.stringify(await listed()) === expected, 5000)).toBeLessThan(5000);
    killable.pause();
    const pausedMs = performance.now();
    expect(await directory.update(room, { $inc: { clients: 1 } })).toBe(true);
    await expect(directory.query({ name })).rejects.toMatchObject(unavailable);
    expect(performance.now() - pausedMs).toBeLessThan(1500);
    killable.resume();
    await untilTrue(async () => (await directory.findOne({ roomId: room.roomId }))?.clients === 3, 5000);
  },
);

test("[DIRECTORY4] I: forty who come at once through four processes, and wait, make the ten rooms they need", async () => {
  const names = [1, 2, 3, 4].map((number) => `forty-${number}`);
  const directories = await Promise.all(names.map((processId) => aDirectory(redis, processId)));
  for (const directory of directories) directory.index("forty", { filters: ["lane", "mode"], ranges: [] });
  const seats = new Map<string, number>();
  let made = 0;
  const come = async (_: unknown, index: number) => {
    const processId = names[(index + 1) % 4] ?? "";
    const plan = aPlan({ processId });
    const taken = await directories[index % 4]?.take(aWish("forty"), { claim: aClaim(), plan });
    const roomId = taken?.state === "found" ? taken.listing.roomId : plan.roomId;
    if (taken?.state === "planned") {
      made += 1;
      await pause(1500);
      await directories[(index + 1) % 4]?.insert(aListing("forty", { roomId, processId }));
    }
    seats.set(roomId, (seats.get(roomId) ?? 0) + 1);
  };
  await Promise.all(Array.from({ length: 40 }, come));
  expect([made, [...seats.values()]]).toEqual([10, Array(10).fill(4)]);
});

test("[DIRECTORY11] S23: a filter with no end of values leaves nothing behind, and claims that come to nothing lapse", async () => {
  const directory = await aDirectory();
  const name = aName(directory);
  const keys = async () =>
    (await redis.call((client) => client.keys(`${prefix}:rooms:*`))).filter((key) => !/:(leases|versions)$/.test(key));
  const before = new Set(await keys());
  const wish = (lane: string) => aWish(name, { filters: { lane, mode: "ffa" } });
  for (let value = 0; value < 50; value++) {
    const lane = `lane ${value} \u0000:"]{}*`;
    const room = aListing(name, { metadata: { lane, mode: "ffa", level: value } as never, maxClients: 2 });
    await directory.insert(room);
    expect(await takenFrom(directory, wish(lane))).toBe(room.roomId);
    await directory.remove(room.roomId);
    await directory.take(wish(lane), { claim: aClaim(), plan: aPlan({ roomId: `plan-${value}` }) });
    await directory.failed(`plan-${value}`);
  }
  // What the tests before have left may lapse meanwhile.
  expect((await keys()).filter((key) => !before.has(key))).toEqual([]);
  const room = aListing(name, { maxClients: 1 });
  await directory.insert(room);
  expect(await takenFrom(directory, aWish(name))).toBe(room.roomId);
  expect(await takenFrom(directory, aWish(name))).toBe("none");
  // As if its time had passed: it is Redis that tells the time.
  await redis.call(async (client) => {
    for (const claim of await client.zrange(`${prefix}:rooms:claims:${room.roomId}`, 0, -1)) {
      await client.zadd(`${prefix}:rooms:claims:${room.roomId}`, 1, claim);
    }
    await client.zadd(`${prefix}:rooms:claims`, 1, room.roomId);
  });
  expect(await takenFrom(directory, aWish(name))).toBe(room.roomId);
});
