import { afterAll, expect, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { aPrefix, openUpRedis, testRedisUrl } from "../testing/redis.ts";
import { census, cycleRooms, expectReturned, holdings } from "../testing/room-cycles.ts";
import { Stack } from "../testing/stacks/stack.ts";

const database = await createTestDatabase();
const prefix = aPrefix();
const settings = { DATABASE_URL: database.url, REDIS_URL: testRedisUrl(), REDIS_PREFIX: prefix };
const [server, redis] = await Promise.all([
  Stack.start("cluster", { settings }),
  openUpRedis({ url: testRedisUrl(), prefix }),
]);
afterAll(() => Promise.all([server.stop(), redis.close()]));

/** Everything that the environment has in Redis, and how many listen where. */
async function inRedis() {
  const keys = (await redis.call((client) => client.keys(`${prefix}:*`))).toSorted();
  const channels = (await redis.call((client) => client.pubsub("CHANNELS", `${prefix}:*`))) as string[];
  return { keys, channels: channels.toSorted() };
}

test("[PRESENCE7] T28: three hundred rooms come and go on a Redis, and leave no key, channel, listener or timer behind", {
  timeout: 60_000,
}, async () => {
  await cycleRooms(server, "plain", 50);
  // Of the process, and none of a room. A connection that a busy machine has lost has them again in a moment.
  const channels = async () => (await inRedis()).channels;
  await expect.poll(channels, { timeout: 5000 }).toHaveLength(5);
  const [before, kept] = [holdings(await census(server)), await inRedis()];
  await cycleRooms(server, "plain", 300);
  await expectReturned(server, before);
  await expect.poll(inRedis, { timeout: 5000 }).toEqual(kept);
});
