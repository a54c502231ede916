import { afterAll, expect, test } from "vitest";
import { RoomIndexes } from "../../cluster/directory/listing-index.ts";
import { encodeListing } from "../../cluster/directory/listing-query.ts";
import { createRedisDirectory } from "../../cluster/directory/redis-directory.ts";
import { type DirectoryScripts, loadScripts } from "../../cluster/directory/redis-directory-scripts.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createSeededRandom } from "../../platform/random.ts";
import type { Redis } from "../../platform/redis.ts";
import { testDirectory } from "../directory-contract.ts";
import { aListing } from "../listings.ts";
import { createTestRedis } from "../redis.ts";
import { twinsByLua } from "./directory-twins.ts";
import type { Weather } from "./line.ts";
import { createRedisLink } from "./redis-link.ts";
import { RedisServer } from "./redis-server.ts";

const scripts = await twinsByLua();
const clock = createSystemClock();
const random = createSeededRandom(7);
const fine: Weather = { delayMs: () => 0, cutForMs: () => 0, breaks: () => null, isHeardTwice: () => false };

const server = new RedisServer({ scripts, nowMs: () => clock.now() });
const link = createRedisLink({
  prefix: "contract",
  server,
  clock,
  after: clock.after,
  nowMs: () => clock.now(),
  deliver: (task) => task(),
  weather: fine,
  random,
});
const log = createLog({ level: "error" });
const directory = createRedisDirectory({ redis: link, clock, log, random, processId: () => "pid-1" });
await directory.boot?.();
afterAll(async () => {
  await directory.shutdown();
  link.close();
});
testDirectory("in the simulated Redis", directory);

const redis = await createTestRedis();

/** The scripts themselves, with the time that the test says it is. */
function realScripts(prefix: string): DirectoryScripts {
  const now = "tonumber(redis.call('GET', KEYS[1] .. '~now'))";
  const script: Redis["script"] = (lua) => {
    expect(lua).toContain("redis.call('TIME')");
    return redis.script(lua.replace("redis.call('TIME')", `{ math.floor(${now} / 1000), ${now} % 1000 * 1000 }`));
  };
  return loadScripts({ ...redis, script }, prefix);
}

async function dumpReal(prefix: string): Promise<Record<string, unknown>> {
  return redis.call(async (client) => {
    const keys = (await client.keys(`${prefix.replaceAll(/[[\]]/g, "?")}*`)).filter((key) => !key.endsWith("~now"));
    const entries = keys.map(async (key): Promise<[string, unknown]> => {
      const type = await client.type(key);
      if (type === "hash") return [key, await client.hgetall(key)];
      if (type === "string") return [key, await client.get(key)];
      if (type === "set") return [key, (await client.smembers(key)).toSorted()];
      const flat = await client.zrange(key, 0, -1, "WITHSCORES");
      const members = flat.filter((_, index) => index % 2 === 0);
      return [key, members.map((member, index) => [member, Number(flat[index * 2 + 1])])];
    });
    return Object.fromEntries(await Promise.all(entries));
  });
}

const indexes = new RoomIndexes();
indexes.set("duel", { filters: ["lane"], ranges: ["level"], wider: [["lane"]] });

const seed = Number(process.env["SEED"] ?? 1);

test(`[SIMULATION1] the simulated Redis answers and keeps what a real one does, call for call (seed ${seed})`, async () => {
  const { below } = createSeededRandom(seed);
  const prefix = `${redis.key("twins")}:`;
  const real = realScripts(prefix);
  let nowMs = 1_790_000_000_000;
  const model = new RedisServer({ scripts, nowMs: () => nowMs });
  const subscriber = redis.subscriber();
  // The third is gone: it has a lease and no subscription.
  const alive = ["p0", "p1"].map((pid) => `${prefix}alive:${pid}`);
  model.hearers.add({ channels: new Set(alive), onMessage: () => {} });
  for (const channel of alive) subscriber.subscribe(channel, () => {});
  await new Promise<void>((settle) => subscriber.onHearing(settle));
  const luaOf = new Map([...scripts].map(([lua, { name }]) => [name, lua]));
  const answers = new Map<string, number>();
  for (let step = 0; step < 600; step++) {
    if (below(4) === 0) nowMs += below(3000);
    const [name, args] = aCall(below);
    await redis.call((client) => client.set(`${prefix}~now`, nowMs));
    const expected = await real[name](args);
    const answer = model.script(luaOf.get(name) ?? "", prefix, args.map(String));
    expect(answer, `step ${step}: ${name} ${args.join(" ")}`).toEqual(expected);
    const kind = `${name} ${Array.isArray(answer) && typeof answer[0] === "string" ? answer[0].slice(0, 8) : ""}`;
    answers.set(kind, (answers.get(kind) ?? 0) + 1);
    if (step % 25 === 0) expect(model.store.dump(), `step ${step}`).toEqual(await dumpReal(prefix));
  }
  expect(model.store.dump()).toEqual(await dumpReal(prefix));
  // Otherwise the same refusal could be all that was compared.
  for (const kind of ["take found", "take waiting", "take planned", "take none", "takeIn found", "takeIn full"]) {
    expect(answers.get(kind), kind).toBeGreaterThan(0);
  }
  subscriber.close();
});

type Call = readonly [name: keyof DirectoryScripts, args: readonly (string | number)[]];

function aCall(below: (below: number) => number): Call {
  const pick = <T>(items: readonly [T, ...T[]]) => items[below(items.length)] ?? items[0];
  const pid = () => pick(["p0", "p0", "p1", "p1", "p2"]);
  const id = () => `room-${below(8)}`;
  const claim = () => `claim-${below(12)}`;
  const filters = { lane: pick(["a", "b"]) };
  const names: readonly [Call[0], ...Call[0][]] = [
    ...([
      "write",
      "write",
      "write",
      "write",
      "take",
      "take",
      "take",
      "take",
      "takeIn",
      "takeIn",
      "renew",
      "renew",
    ] as const),
    ...(["giveBack", "failed", "plan", "remove", "rows", "adopt", "adopt", "leave"] as const),
  ];
  const name = pick(names);
  const anyRoom = () => {
    const listing = aListing("duel", {
      roomId: id(),
      processId: "",
      clients: below(4),
      maxClients: pick([4, 2, 3]),
      locked: below(6) === 0,
      createdAt: new Date(1_790_000_000_000 + below(9)),
      metadata: { ...(below(9) > 0 && filters), level: below(10) },
    });
    const fields = {
      name: "duel",
      clients: listing.clients,
      max: below(9) === 0 ? -1 : listing.maxClients,
      open: listing.locked || below(9) === 0 ? "0" : "1",
      shown: below(4) === 0 ? "0" : "1",
      made: listing.createdAt?.getTime() ?? 0,
      entries: JSON.stringify(indexes.entriesOf(listing)),
    };
    const row = encodeListing(listing);
    return [listing.roomId, 1 + below(3), below(9), row, JSON.stringify(fields), below(3) === 0 ? claim() : ""];
  };
  const wanted = { name: "duel", filters, ...(below(3) === 0 && { ranges: { level: [2, 7] as const } }) };
  const wish = { ...wanted, ...(below(3) === 0 && { without: [["lane"]] }) };
  const aPlan = () => {
    const plan = { roomId: `plan-${below(12)}`, processId: pid(), seats: 1 + below(3), metadata: { level: below(10) } };
    const entries = JSON.stringify(indexes.entriesOfPlan(wish, plan));
    return JSON.stringify({ ...plan, name: "duel", entries, maker: pid() });
  };
  const bounds = JSON.stringify("ranges" in wish ? [["level", 2, 7]] : []);
  const rooms = Array.from({ length: 1 + below(2) }, anyRoom).flat();
  const calls: Record<Call[0], readonly (string | number)[]> = {
    write: [pid(), pick(["put", "put", "insert", "again"]), 5000, ...rooms],
    take: [
      ...[claim(), 5000, 10_000, pick(["fullest", "newest", "oldest"]), JSON.stringify(indexes.placesOf(wish)), bounds],
      ...[below(2) === 0 ? aPlan() : "", pick([0, 1000, 4000])],
    ],
    takeIn: [id(), claim(), 5000],
    giveBack: [id(), claim()],
    failed: [`plan-${below(12)}`, pid()],
    plan: [below(2) === 0 ? id() : `plan-${below(12)}`],
    remove: [pid(), id(), 1 + below(3), id(), 1 + below(3)],
    rows: [id(), id(), id()],
    adopt: [pid(), id(), 1 + below(3)],
    renew: [pid(), 1000 + below(8000), 4000],
    leave: [pid()],
  };
  return [name, calls[name]];
}
