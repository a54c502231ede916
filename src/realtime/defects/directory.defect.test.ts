import { initializeRoomCache, type MatchMakerDriver } from "@colyseus/core";
import { RedisDriver } from "@colyseus/redis-driver";
import { afterAll, expect, test } from "vitest";
import type { Directory, Listing } from "../../cluster/directory/directory.ts";
import { createRedisDirectory } from "../../cluster/directory/redis-directory.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { aClaim, aListing, aWish } from "../../testing/listings.ts";
import { openUpRedis, startKillableRedis } from "../../testing/redis.ts";
import { SetupFailed } from "../../testing/stacks/stack.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";
import { TIMED } from "../../testing/timed.ts";

/** What lists rooms, in Redis: the engine's driver, or the directory. */
const isStock = process.env["STACK"] === "stock";
const stack = await useStack();
const redis = await startKillableRedis();
const driver = isStock ? stockDriver() : await ourDirectory();
afterAll(() => driver.shutdown());

const FEW = 50;
const MANY = 3000;
const LOOKS = 40;

/** It gives a command up at once, as it would after ten seconds of its own. */
function stockDriver(): MatchMakerDriver {
  const path = redis.url.replace(/^unix:\/\//, "");
  return new RedisDriver({ path, maxRetriesPerRequest: 0, retryStrategy: () => 50 });
}

async function ourDirectory(): Promise<Directory> {
  const connection = await openUpRedis({ url: redis.url });
  afterAll(() => connection.close());
  const parts = { clock: createSystemClock(), log: createLog({ level: "silent" }), random: cryptoRandom };
  const directory = createRedisDirectory({ ...parts, redis: connection, processId: () => "pid-1" });
  await directory.boot?.();
  for (const name of ["few", "many", "kept"]) directory.index(name, { filters: ["lane", "mode"], ranges: [] });
  return directory;
}

/** A room with a seat, as whoever joins looks for one. */
async function findSeat(name: string): Promise<Listing | undefined> {
  if (!("take" in driver)) {
    return driver.findOne({ name, locked: false, private: false, lane: "a", mode: "ffa" } as never);
  }
  const taken = await (driver as Directory).take(aWish(name), { claim: aClaim() });
  return taken.state === "found" ? taken.listing : undefined;
}

/** The median of how long it takes to find a seat, in ms. */
async function lookMs(name: string): Promise<number> {
  const taken: number[] = [];
  for (let look = 0; look < LOOKS; look++) {
    const startedMs = performance.now();
    if ((await findSeat(name)) === undefined) throw new SetupFailed("no seat was found");
    taken.push(performance.now() - startedMs);
  }
  return taken.toSorted((one, other) => one - other)[LOOKS / 2] ?? Number.NaN;
}

async function fill(name: string, count: number): Promise<void> {
  const rooms = Array.from({ length: count }, () => initializeRoomCache(aListing(name, { maxClients: 1000 })));
  for (let from = 0; from < count; from += 50) {
    await Promise.all(rooms.slice(from, from + 50).map((room) => driver.persist(room, true)));
  }
}

async function untilAnswered(ask: () => Promise<unknown>, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  while (performance.now() < deadlineMs) {
    const answered = await ask().then(Boolean, () => false);
    if (answered) return true;
    await new Promise((settle) => setTimeout(settle, 50));
  }
  return false;
}

/** The best of a few: the others tell how busy the machine is with something else. */
async function bestMs(name: string): Promise<number> {
  const measured: number[] = [];
  for (let times = 0; times < 5; times++) measured.push(await lookMs(name));
  return Math.min(...measured);
}

test("[DEFECT1] F20: a seat is found as fast among thousands of rooms as among a few", TIMED, async () => {
  await fill("few", FEW);
  const few = await bestMs("few");
  await fill("many", MANY);
  expect((await bestMs("many")) / few).toBeLessThan(4);
});

test("[DEFECT1] H: the process that looks for a seat is not held up by how many rooms there are", TIMED, async () => {
  const cpuMs = async (name: string) => {
    await lookMs(name);
    const before = process.cpuUsage();
    await lookMs(name);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / LOOKS;
  };
  expect(await cpuMs("many")).toBeLessThan(2);
});

test("[DEFECT1] F4: rooms that live are listed again soon after Redis has come back with nothing", async () => {
  const room = aListing("kept");
  await driver.persist(room, true);
  await redis.kill();
  await redis.start({ isEmpty: true });
  expect(await untilAnswered(async () => driver.findOne({ roomId: room.roomId }), 5000)).toBe(true);
});

test("[DEFECT1] G: a query that fails while Redis is away spoils none that comes after", async () => {
  await driver.persist(aListing("kept"), true);
  await redis.kill();
  await Promise.allSettled([driver.query({ name: "kept" }), driver.query({ name: "kept" })]);
  await redis.start();
  const isBack = await untilAnswered(async () => [await driver.has("somebody")], 5000);
  if (!isBack) throw new SetupFailed("Redis did not come back");
  expect(await untilAnswered(async () => driver.query({ name: "kept" }), 3000)).toBe(true);
});

test("[DEFECT1] I: players who join at once share rooms that take their time to begin", async () => {
  const server = await stack();
  const callers = await Promise.all(Array.from({ length: 16 }, () => server.caller()));
  const options = { lane: "slow" };
  const replies = await Promise.all(
    callers.map((caller) => server.matchmake(caller, "joinOrCreate", "slow", { options })),
  );
  if (replies.some(({ status }) => status !== 200))
    throw new SetupFailed(JSON.stringify(replies.map(({ body }) => body)));
  expect(new Set(replies.map(({ body }) => body["roomId"])).size).toBe(4);
});

test("[DEFECT1] I: of two answers to one request for a room only one is recorded", async () => {
  const rooms = [aListing("kept", { roomId: "twin", clients: 1 }), aListing("kept", { roomId: "twin", clients: 2 })];
  for (const room of rooms) await (driver.insert?.(room) ?? driver.persist(room, true));
  expect((await driver.findOne({ roomId: "twin" })).clients).toBe(1);
});
