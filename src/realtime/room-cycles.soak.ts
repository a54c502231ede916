import { afterAll, expect, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { aPrefix, openUpRedis, testRedisUrl } from "../testing/redis.ts";
import { census, cyclePlayers, cycleRooms, expectReturned, holdings } from "../testing/room-cycles.ts";
import { type Sample, slopeMiB } from "../testing/slope.ts";
import { type Caller, Stack } from "../testing/stacks/stack.ts";

/** The row asks for 50 000; the heap takes four times as many to find its size, and is looked at from then on. */
const CYCLES = Number(process.env["SOAK_CYCLES"] ?? 400_000);
const ROUND = 500;
/** In each round so many of the rooms are opened and closed by a player. */
const PLAYED = 10;
const PLAYERS = 400;
const ROOMS = ["arena", "yard", "walk", "plugged", "relay"];
/** By then what is made once is made, and the heap as large as so many rooms at a time want it. */
const WARM_SHARE = 0.6;
/** The row gives 50 000 cycles half an hour, so its ten minutes are this many, however fast this machine is. */
const CYCLES_PER_10_MINUTES = 50_000 / 3;
const SLOPE_MIB_MAX = 1;

const database = await createTestDatabase();
const prefix = aPrefix();
const redis = await openUpRedis({ url: testRedisUrl(), prefix });
afterAll(() => redis.close());
const server = await Stack.start("umpire", {
  settings: { DATABASE_URL: database.url, REDIS_URL: testRedisUrl(), REDIS_PREFIX: prefix, BOT_FILL: "0" },
});
afterAll(() => server.stop());
const callers = await Promise.all(Array.from({ length: PLAYERS }, () => server.caller()));

test("T28: more than fifty thousand rooms come and go, and the server is as it was", async () => {
  const samples: Sample[] = [];
  await round();
  const before = await census(server);
  const kept = await inRedis();
  for (let cycles = ROUND; cycles <= CYCLES; cycles += ROUND) {
    await round();
    // Without a collection: after one the heap is as small as it can be, and growing back would look like a leak.
    const rssBytes = await server.ask<number>("rss");
    samples.push({ at: cycles / CYCLES_PER_10_MINUTES, bytes: rssBytes });
    if (cycles % (10 * ROUND) === 0) process.stdout.write(`${cycles} of ${CYCLES} rooms, ${mib(rssBytes)} MiB\n`);
  }
  await expectReturned(server, holdings(before));
  expect(await inRedis()).toEqual(kept);
  const after = await census(server);
  const figures = {
    rssMiBPer10Minutes: slopeMiB(samples.slice(Math.floor(samples.length * WARM_SHARE))),
    inUseMiBPer10Minutes: ((after.heapBytes - before.heapBytes) / 2 ** 20 / CYCLES) * CYCLES_PER_10_MINUTES,
  };
  process.stdout.write(`${JSON.stringify({ cycles: CYCLES, ...figures })}\n`);
  expect(figures.inUseMiBPer10Minutes).toBeLessThan(SLOPE_MIB_MAX);
  expect(figures.rssMiBPer10Minutes).toBeLessThan(SLOPE_MIB_MAX);
});

/** Rooms have to leave nothing there either: no key, and nobody who listens. */
async function inRedis() {
  const keys = await redis.call((client) => client.keys(`${prefix}:*`));
  const channels = (await redis.call((client) => client.pubsub("CHANNELS", `${prefix}:*`))) as string[];
  return { keys: keys.toSorted(), channels: channels.toSorted() };
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** Each player joins now and then only, below every limit. */
function nextCallers(): Caller[] {
  callers.push(...callers.splice(0, PLAYED));
  return callers.slice(0, PLAYED);
}

async function round(): Promise<void> {
  for (const room of ROOMS) {
    await cycleRooms(server, room, (ROUND - PLAYED) / ROOMS.length);
    await cyclePlayers(server, room, PLAYED / ROOMS.length, nextCallers());
  }
}
