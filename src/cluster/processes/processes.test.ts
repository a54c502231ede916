import { afterAll, expect, test } from "vitest";
import { createSystemClock, TestClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import type { Redis } from "../../platform/redis.ts";
import { until } from "../../testing/app.ts";
import { aPrefix, openUpRedis, startKillableRedis, testRedisUrl } from "../../testing/redis.ts";
import { TIMED } from "../../testing/timed.ts";
import { processChannel } from "../calls/calls.ts";
import { createSeal } from "../calls/signed-messages.ts";
import { createLoneProcess, type ProcessLoad } from "./processes.ts";
import { createRedisProcesses } from "./redis-processes.ts";

const log = createLog({ level: "silent" });
const SECRET = "only-for-tests-only-for-tests-only-for-tests";
const idle: ProcessLoad = { players: 0, playersMax: 100, rooms: 0, roomsMax: 10, loop: 0.25, memory: 0.5 };
const describe = (load: ProcessLoad = idle) => ({ region: "north", role: "all" as const, relay: "127.0.0.1:1", load });
const wall = createSystemClock();
let ids = 0;

/** Processes of a game of their own. */
async function aGame(url = testRedisUrl()) {
  const prefix = aPrefix();
  const open = async () => {
    const redis = await openUpRedis({ url, prefix });
    afterAll(() => redis.close());
    return redis;
  };
  const join = async (load?: () => ProcessLoad, clock = createSystemClock()) => {
    const redis = await open();
    const id = `process-${++ids}`;
    const calls = redis.subscriber();
    calls.subscribe(processChannel(redis, id), () => {});
    await calls.hears(processChannel(redis, id)).catch(() => new Promise<void>((heard) => calls.onHearing(heard)));
    const own = () => describe(load?.());
    const processes = createRedisProcesses({ redis, secret: SECRET, clock, log, self: () => id, describe: own });
    await processes.start();
    afterAll(() => processes.stop());
    return { id, redis, processes, hangUp: () => calls.close() };
  };
  return { open, join };
}

test(
  "[PROCESSES1] processes know one another at once, what they are and how loaded; each is always among its own",
  TIMED,
  async () => {
    const game = await aGame();
    const one = await game.join();
    const two = await game.join(() => ({ ...idle, players: 7 }));
    await until(() => one.processes.find(two.id));
    expect(one.processes.find(two.id)).toEqual({
      ...describe({ ...idle, players: 7 }),
      processId: two.id,
      isDraining: false,
    });
    expect(two.processes.all().map(({ processId }) => processId)).toEqual([two.id, one.id]);
    expect(one.processes.self).toBe(one.id);
    expect(Math.abs(one.processes.sharedMs() - two.processes.sharedMs())).toBeLessThan(50);
    const lone = createLoneProcess({ self: () => "lone", describe, nowMs: () => 1 });
    expect(lone.all()).toEqual([{ ...describe(), processId: "lone", isDraining: false }]);
    await lone.drain();
    expect([lone.find("lone")?.isDraining, lone.find("other")]).toEqual([true, null]);
  },
);

test("[PROCESSES2] that a process drains, or leaves, the others know at once", TIMED, async () => {
  const game = await aGame();
  const [one, two] = [await game.join(), await game.join()];
  await until(() => one.processes.find(two.id));
  const fromMs = performance.now();
  await two.processes.drain();
  await until(() => one.processes.find(two.id)?.isDraining);
  await two.processes.stop();
  await until(() => one.processes.find(two.id) === null);
  // Both sooner than the next beat would have told.
  expect(performance.now() - fromMs).toBeLessThan(500);
});

test("[PROCESSES3] one that nobody hears any more is gone with the next beat, and one whose lease has lapsed leaves nothing", async () => {
  const game = await aGame();
  const clock = new TestClock();
  const [one, two, three] = [
    await game.join(undefined, clock),
    await game.join(),
    await game.join(undefined, new TestClock()),
  ];
  clock.advance(1000);
  await until(() => one.processes.all().length === 3);
  two.processes.lost(three.id);
  expect(two.processes.find(three.id)).toBe(null);
  two.hangUp();
  await until(() => {
    clock.advance(1000);
    return one.processes.find(two.id) === null;
  });
  // Its clock stands still, so it has not renewed its lease: as if eight seconds had passed.
  const key = one.redis.key("processes");
  await one.redis.call((client) => client.zadd(`${key}:leases`, wall.now() - 1, three.id));
  await until(() => {
    clock.advance(1000);
    return one.processes.find(three.id) === null;
  });
  expect(await one.redis.call((client) => client.hexists(key, three.id))).toBe(0);
});

test("[PROCESSES4] T6: an emptied Redis knows all again within seconds; without one a process knows itself, and the others for a lease", async () => {
  const killable = await startKillableRedis();
  const game = await aGame(killable.url);
  const clock = new TestClock();
  const [one, two] = [await game.join(undefined, clock), await game.join()];
  clock.advance(1000);
  await until(() => one.processes.find(two.id));
  await killable.kill();
  clock.advance(5000);
  expect(one.processes.all().map(({ processId }) => processId)).toEqual([one.id, two.id]);
  clock.advance(4000);
  expect(one.processes.all().map(({ processId }) => processId)).toEqual([one.id]);
  const fromMs = performance.now();
  await killable.start({ isEmpty: true });
  await until(() => {
    clock.advance(1000);
    return one.processes.find(two.id);
  }, 5000);
  expect(performance.now() - fromMs).toBeLessThan(5000);
});

test("[PROCESSES6] S39: a record that none of us has written leads nobody anywhere, and hides nobody", async () => {
  const game = await aGame();
  const [one, two] = [await game.join(), await game.join()];
  await until(() => one.processes.find(two.id));
  const write = async (redis: Redis, id: string, text: string) => {
    await redis.call((client) => client.hset(redis.key("processes"), id, `${wall.now()} ${text}`));
    redis.subscriber().subscribe(processChannel(redis, id), () => {});
  };
  const record = JSON.stringify({ ...describe(), relay: "evil:1", processId: "evil", isDraining: false });
  const other = createSeal("another-secret-another-secret-another");
  for (const [at, text] of [record, other.seal(record), "", "{", createSeal(SECRET).seal("{}")].entries())
    await write(one.redis, `evil-${at}`, text);
  const third = await game.join();
  await until(() => one.processes.find(third.id) && two.processes.find(third.id));
  expect(
    one.processes
      .all()
      .map(({ processId }) => processId)
      .toSorted(),
  ).toEqual([one.id, two.id, third.id].toSorted());
});
