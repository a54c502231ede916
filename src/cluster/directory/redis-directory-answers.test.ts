import { afterAll, expect, test } from "vitest";
import { createSystemClock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom } from "../../platform/random.ts";
import type { Redis } from "../../platform/redis.ts";
import { aClaim, aListing, aName, aPlan, aWish, takenFrom } from "../../testing/listings.ts";
import { openUpRedis, startKillableRedis } from "../../testing/redis.ts";
import type { Directory } from "./directory.ts";
import { createRedisDirectory } from "./redis-directory.ts";

const clock = createSystemClock();
const log = createLog({ level: "silent" });
const killable = await startKillableRedis();
const prefix = "answers";
const watcher = await openUpRedis({ url: killable.url, prefix });
afterAll(() => watcher.close());
let processes = 0;

interface Process {
  readonly directory: Directory;
  readonly redis: Redis;
  /** The answers to scripts whose arguments hold this text are lost until it is null again, and nothing else can be asked. */
  losing: string | null;
}

async function aProcess(leaseMs = 4000): Promise<Process> {
  const redis = await openUpRedis({ url: killable.url, prefix });
  const process: Process = { redis, losing: null, directory: null as never };
  const script: Redis["script"] = (lua) => {
    const run = redis.script(lua);
    return async (keys, args) => {
      const { losing } = process;
      const answer =
        losing === null || args.includes(losing) || JSON.stringify(args).includes(losing)
          ? await run(keys, args)
          : null;
      if (losing !== null) throw new AppError("REDIS_UNAVAILABLE");
      return answer;
    };
  };
  const processId = `answers-${++processes}`;
  const parts = { redis: { ...redis, script }, clock, log, random: cryptoRandom, leaseMs, keepMs: 500 };
  const directory = createRedisDirectory({ ...parts, processId: () => processId });
  await directory.boot?.();
  afterAll(async () => {
    await directory.shutdown();
    redis.close();
  });
  return Object.assign(process, { directory });
}

const unavailable = { code: "REDIS_UNAVAILABLE" };
const [one, two] = [await aProcess(2000), await aProcess()];

test("[DIRECTORY12] T5: a takeover whose answer was lost is answered again, to nobody else, until the room is there", async () => {
  const owner = await aProcess();
  const name = aName(owner.directory);
  for (const { directory } of [one, two]) directory.index(name, { filters: ["lane", "mode"], ranges: ["level"] });
  const room = aListing(name, { clients: 2, maxClients: 5 });
  await owner.directory.insert(room);
  owner.redis.close();
  one.losing = room.roomId;
  await expect
    .poll(async () => {
      await expect(one.directory.adopt(room.roomId, 1)).rejects.toMatchObject(unavailable);
      return watcher.call((client) => client.hget(watcher.key("rooms", "room", room.roomId), "state"));
    })
    .toBe("taken");
  one.losing = null;
  expect(await two.directory.adopt(room.roomId, 1)).toBeNull();
  // Longer than the beat on which is looked for rooms that are listed and not here.
  await new Promise((settle) => setTimeout(settle, 2000));
  const expected = { epoch: 2, listing: { roomId: room.roomId, clients: 2 } };
  expect(await one.directory.adopt(room.roomId, 1)).toMatchObject(expected);
  expect(await one.directory.adopt(room.roomId, 1)).toMatchObject(expected);
  expect(await one.directory.insert({ ...room, processId: "answers-1" })).toBe(true);
  expect([one.directory.epochOf(room.roomId), await one.directory.adopt(room.roomId, 1)]).toEqual([2, null]);
  await one.directory.remove(room.roomId);
});

test("[DIRECTORY12] T5: a plan whose answer was lost is called off as soon as Redis can be told, and nobody waits for it", async () => {
  const name = aName(one.directory);
  two.directory.index(name, { filters: ["lane", "mode"], ranges: ["level"] });
  const plan = aPlan({ processId: "answers-1" });
  one.losing = plan.roomId;
  await expect(one.directory.take(aWish(name), { claim: aClaim(), plan })).rejects.toMatchObject(unavailable);
  one.losing = "nothing gets through";
  await one.directory.failed(plan.roomId);
  const startedMs = performance.now();
  const next = two.directory.take(aWish(name), { claim: aClaim(), plan: aPlan({ processId: "answers-2" }) });
  one.losing = null;
  expect((await next).state).toBe("planned");
  expect(performance.now() - startedMs).toBeLessThan(2500);
});

test("[DIRECTORY12] T6: what a process wrote after Redis was emptied is cleared away, though it died before it said more", async () => {
  const doomed = await aProcess(60_000);
  const name = aName(doomed.directory);
  const room = aListing(name);
  await doomed.directory.insert(room);
  await watcher.call((client) => client.flushall());
  await doomed.directory.update(room, { $inc: { clients: 1 } });
  const left = async () => {
    const keys = await watcher.call((client) => client.keys(`*rooms:*`));
    const rows = await Promise.all(
      keys.filter((key) => /:(all|of:|dead:)/.test(key)).map((key) => watcher.call((client) => client.smembers(key))),
    );
    return [...keys, ...rows.flat()].filter((text) => text.includes(room.roomId)).length;
  };
  expect(await left()).toBeGreaterThan(0);
  doomed.redis.close();
  expect(await takenFrom(one.directory, { name, filters: { lane: "a", mode: "ffa" } })).toBe("none");
  await expect.poll(left, { timeout: 6000, interval: 100 }).toBe(0);
});
