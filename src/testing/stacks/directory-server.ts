/** The directory of a process of its own, with rooms that nobody plays in: for what happens when it stops or dies. */
import { createRedisDirectory } from "../../cluster/directory/redis-directory.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { openRedis } from "../../platform/redis.ts";
import { aListing, aPlan, aWish } from "../listings.ts";
import { serveParent } from "./child.ts";

const { REDIS_URL: url = "", REDIS_PREFIX: prefix = "", PROCESS: processId = "", LEASE_MS, KEEP_MS } = process.env;
const clock = createSystemClock();
const log = createLog({ level: "silent" });
const redis = openRedis({ url, prefix, clock, log, metrics: createMetrics() });
await new Promise<void>((settle) => redis.onBack(settle));
const directory = createRedisDirectory({
  redis,
  clock,
  log,
  random: cryptoRandom,
  processId: () => processId,
  ...(LEASE_MS !== undefined && { leaseMs: Number(LEASE_MS) }),
  ...(KEEP_MS !== undefined && { keepMs: Number(KEEP_MS) }),
});
const fenced: string[] = [];
directory.onFenced((roomId) => fenced.push(roomId));
await directory.boot?.();

const BATCH = 50;
const listings = new Map<string, ReturnType<typeof aListing>>();
interface Question {
  readonly name: string;
  readonly roomIds: readonly string[];
}

serveParent(0, {
  async insert(value) {
    const { name, roomIds } = value as Question;
    directory.index(name, { filters: ["lane", "mode"], ranges: ["level"] });
    const insert = (roomId: string) => {
      const listing = aListing(name, { roomId, processId, maxClients: 1000 });
      listings.set(roomId, listing);
      return directory.insert(listing);
    };
    for (let from = 0; from < roomIds.length; from += BATCH) {
      await Promise.all(roomIds.slice(from, from + BATCH).map(insert));
    }
    return true;
  },
  async plan(value) {
    const { name, roomIds } = value as Question;
    directory.index(name, { filters: ["lane", "mode"], ranges: ["level"] });
    const plan = aPlan({ roomId: roomIds[0] ?? "", processId });
    return (await directory.take(aWish(name), { claim: "of-a-child", plan })).state;
  },
  async update(roomId) {
    const listing = listings.get(String(roomId));
    return listing !== undefined && directory.update(listing, { $inc: { clients: 1 } });
  },
  fenced: () => fenced,
});
