import { test } from "vitest";
import { expectExactRooms, startServers } from "../../testing/forty-joins.ts";
import { aPrefix, testRedisUrl } from "../../testing/redis.ts";

const [alone, together] = await Promise.all([
  startServers(1, {}),
  startServers(4, { REDIS_URL: testRedisUrl(), REDIS_PREFIX: aPrefix() }),
]);

test("[DIRECTORY4] I5: forty who come at once make exactly the rooms that they need, with a slow onCreate, on one process", async () => {
  await expectExactRooms(alone);
});

test("[DIRECTORY4] I5: forty who come at once make exactly the rooms that they need, with a slow onCreate, on four processes", async () => {
  for (let times = 0; times < 3; times++) await expectExactRooms(together);
});
