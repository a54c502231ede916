import { initializeRoomCache, LocalDriver, type MatchMakerDriver } from "@colyseus/core";
import { RedisDriver } from "@colyseus/redis-driver";
import type { Directory, Listing } from "../src/cluster/directory/directory.ts";
import { createMemoryDirectory } from "../src/cluster/directory/memory-directory.ts";
import { createRedisDirectory } from "../src/cluster/directory/redis-directory.ts";
import { createSystemClock } from "../src/platform/clock.ts";
import { createLog } from "../src/platform/log.ts";
import { createMetrics } from "../src/platform/metrics.ts";
import { cryptoRandom } from "../src/platform/random.ts";
import { openRedis, type Redis } from "../src/platform/redis.ts";

/** Something that lists rooms and finds one with a seat, once it has been given so many. */
export interface SeatFinder {
  fill(rooms: number): Promise<void>;
  /** Finds a room for the nth who asks, and reserves where it can. Fails when there is none. */
  find(number: number): Promise<void>;
  stop(): Promise<void>;
}

/** In how many groups the rooms are, as players' filters part them. */
const LANES = 20;
const MAX_CLIENTS = 1_000_000;
const FILL_BATCH = 50;
const NAME = "arena";
const INDEX = { filters: ["lane", "mode"], ranges: [] };
/** Whoever fills does nothing else while others are measured. */
const FILLER_LEASE_MS = 3_600_000;

const filtersOf = (number: number) => ({ lane: `lane-${number % LANES}`, mode: "ffa" });

function aRoom(number: number): Listing {
  const row = { name: NAME, roomId: `room-${number}`, processId: "filler", maxClients: MAX_CLIENTS };
  return initializeRoomCache({ ...row, metadata: filtersOf(number) });
}

async function connect(url: string, prefix: string): Promise<Redis> {
  const clock = createSystemClock();
  const redis = openRedis({ url, prefix, clock, log: createLog({ level: "silent" }), metrics: createMetrics() });
  await new Promise<void>((settle) => redis.onBack(settle));
  return redis;
}

async function fillUp(driver: MatchMakerDriver, from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += FILL_BATCH) {
    const numbers = Array.from({ length: Math.min(FILL_BATCH, to - first) }, (_, index) => first + index);
    await Promise.all(numbers.map((number) => driver.persist(aRoom(number), true)));
  }
}

/** Our directory, filled by one process and asked by another. */
export async function ourRedis(url: string): Promise<SeatFinder> {
  const connections = [await connect(url, "bench"), await connect(url, "bench")];
  const [filler, seeker] = connections.map((redis, index) => {
    const parts = { clock: createSystemClock(), log: createLog({ level: "silent" }), random: cryptoRandom, redis };
    const times = index === 0 ? { leaseMs: FILLER_LEASE_MS } : {};
    const directory = createRedisDirectory({
      ...parts,
      ...times,
      processId: () => (index === 0 ? "filler" : "seeker"),
    });
    directory.index(NAME, INDEX);
    return directory;
  }) as [Directory, Directory];
  await Promise.all([filler.boot?.(), seeker.boot?.()]);
  return {
    ...asking(filler, seeker),
    async stop() {
      // Its Redis goes with it: nobody waits for a hundred thousand rooms to be taken out of it.
      for (const redis of connections) redis.close();
      for (const directory of [filler, seeker]) void directory.shutdown();
    },
  };
}

export async function ourMemory(): Promise<SeatFinder> {
  const directory = createMemoryDirectory({ clock: createSystemClock() });
  directory.index(NAME, INDEX);
  return { ...asking(directory, directory), stop: async () => void (await directory.shutdown()) };
}

function asking(filler: Directory, seeker: Directory): Pick<SeatFinder, "fill" | "find"> {
  let filled = 0;
  let claims = 0;
  return {
    async fill(rooms) {
      await fillUp(filler, filled, rooms);
      filled = rooms;
    },
    async find(number) {
      const taken = await seeker.take({ name: NAME, filters: filtersOf(number) }, { claim: `claim-${claims++}` });
      if (taken.state !== "found") throw new Error("No seat was found.");
    },
  };
}

export async function stockRedis(url: string): Promise<SeatFinder> {
  const path = url.replace(/^unix:\/\//, "");
  return stock(new RedisDriver({ path }));
}

export async function stockLocal(): Promise<SeatFinder> {
  return stock(new LocalDriver());
}

/** It finds and does not reserve: that would be a call to the room's process. */
function stock(driver: MatchMakerDriver): SeatFinder {
  let filled = 0;
  return {
    async fill(rooms) {
      await fillUp(driver, filled, rooms);
      filled = rooms;
    },
    async find(number) {
      const conditions = { name: NAME, locked: false, private: false, ...filtersOf(number) };
      if (!(await driver.findOne(conditions))) throw new Error("No seat was found.");
    },
    stop: async () => void (await driver.shutdown()),
  };
}

/** The least that finds and reserves in one step: a sorted set for each group, and a count for each room. */
const IDEAL = `
local id = redis.call('ZREVRANGE', KEYS[1], 0, 0)[1]
if not id then return nil end
redis.call('ZINCRBY', KEYS[1], 1, id)
redis.call('HINCRBY', KEYS[2] .. id, 'clients', 1)
return redis.call('HGET', KEYS[2] .. id, 'row')
`;

export async function idealIndex(url: string): Promise<SeatFinder> {
  const redis = await connect(url, "ideal");
  const take = redis.script(IDEAL);
  const laneOf = (number: number) => redis.key("open", JSON.stringify([NAME, filtersOf(number)]));
  let filled = 0;
  return {
    async fill(rooms) {
      for (let first = filled; first < rooms; first += FILL_BATCH) {
        const pipeline = await redis.call(async (client) => client.pipeline());
        for (let number = first; number < Math.min(first + FILL_BATCH, rooms); number++) {
          const room = aRoom(number);
          pipeline.hset(`${redis.key("room")}:${room.roomId}`, "clients", 0, "row", JSON.stringify(room));
          pipeline.zadd(laneOf(number), 0, room.roomId);
        }
        await pipeline.exec();
      }
      filled = rooms;
    },
    async find(number) {
      if ((await take([laneOf(number), `${redis.key("room")}:`], [])) === null) throw new Error("No seat was found.");
    },
    stop: async () => redis.close(),
  };
}
