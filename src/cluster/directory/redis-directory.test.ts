import { afterAll } from "vitest";
import { createSystemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { testDirectory } from "../../testing/directory-contract.ts";
import { createTestRedis } from "../../testing/redis.ts";
import { createRedisDirectory } from "./redis-directory.ts";

const redis = await createTestRedis();
const clock = createSystemClock();
const log = createLog({ level: "error" });
const directory = createRedisDirectory({ redis, clock, log, random: cryptoRandom, processId: () => "pid-1" });
await directory.boot?.();
afterAll(() => directory.shutdown());

testDirectory("in Redis", directory);
