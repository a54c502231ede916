import { afterAll, expect, test } from "vitest";
import { createClient } from "../../client/client.ts";
import { createRegions } from "../../client/regions.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { readConfig } from "../../platform/config.ts";
import { until } from "../../testing/app.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { aPrefix, freePort, startKillableRedis } from "../../testing/redis.ts";
import { Stack } from "../../testing/stacks/stack.ts";
import { watchRegions } from "./regions.ts";

const [database, northRedis, southRedis, northPort, southPort] = await Promise.all([
  createTestDatabase(),
  startKillableRedis(),
  startKillableRedis(),
  freePort(),
  freePort(),
]);
const urls = { north: `http://127.0.0.1:${northPort}`, south: `http://127.0.0.1:${southPort}` };
const start = (REGION: string, REDIS_URL: string, PORT: number) =>
  Stack.start("cluster", {
    settings: {
      DATABASE_URL: database.url,
      REGIONS: `north=${urls.north}, south=${urls.south}`,
      REDIS_PREFIX: aPrefix(),
      REGION,
      REDIS_URL,
      PORT: String(PORT),
    },
  });
const [north, south] = await Promise.all([
  start("north", northRedis.url, northPort),
  start("south", southRedis.url, southPort),
]);
afterAll(() => Promise.all([north.stop(), south.stop()]));
const listed = async (stack: Stack) =>
  (await stack.call("GET", "/api/regions")).body["regions"] as { name: string; isHealthy: boolean; players: number }[];
const health = async (stack: Stack) =>
  Object.fromEntries((await listed(stack)).map(({ name, isHealthy }) => [name, isHealthy]));

test("[REGIONS1] every region names every region, its address, its health and its players", async () => {
  await expect.poll(() => health(north), { timeout: 4000 }).toEqual({ north: true, south: true });
  await expect.poll(() => health(south), { timeout: 4000 }).toEqual({ north: true, south: true });
  const visitor = await south.join("plain");
  await expect.poll(async () => (await listed(north)).map(({ players }) => players), { timeout: 4000 }).toEqual([0, 1]);
  visitor.socket.destroy();
});

test("[REGIONS2] an account is the same in every region, and its rooms are the region's", async () => {
  const caller = await north.caller();
  const seat = await south.matchmake(caller, "joinOrCreate", "plain", { options: { lane: "global" } });
  expect(seat.status).toBe(200);
  const wrong = await south.matchmake(caller, "joinOrCreate", "plain", { options: { region: "north" } });
  expect(wrong).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
});

test("[REGIONS3] a player is offered the regions that are healthy, the nearest first", async () => {
  const client = createClient({ endpoint: north.url, session: "token" });
  const offers = await client.regions.best();
  expect(offers.map(({ name }) => name).toSorted()).toEqual(["north", "south"]);
  // A network on which each region is a little farther than the one before.
  let nowMs = 0;
  const regions = ["far", "near", "gone", "ill"].map((name) => ({
    name,
    url: name,
    players: 0,
    isHealthy: name !== "ill",
  }));
  const far = createRegions({
    http: { call: async () => ({ regions }) as never },
    nowMs: () => nowMs,
    fetch: async (url) => {
      if (String(url).startsWith("gone")) throw new TypeError("unreachable");
      nowMs += String(url).startsWith("far") ? 80 : 10;
      return new Response("{}");
    },
  });
  expect((await far.best()).map(({ name }) => name)).toEqual(["near", "far"]);
});

test("[REGIONS4] a region whose Redis is gone drops out within seconds, and comes back", async () => {
  await southRedis.kill();
  await expect.poll(() => health(north), { timeout: 4000 }).toEqual({ north: true, south: false });
  const client = createClient({ endpoint: south.url, session: "token" });
  // The region that is ill says so itself, too, and sends players on.
  await expect.poll(() => health(south), { timeout: 4000 }).toEqual({ north: true, south: false });
  expect((await client.regions.best()).map(({ name }) => name)).toEqual(["north"]);
  await southRedis.start();
  await expect.poll(() => health(north), { timeout: 5000 }).toEqual({ north: true, south: true });
});

test("[REGIONS5] what answers for a region and is another, nothing of ours, or nothing at all, is not offered", async () => {
  const answers: Record<string, () => Response> = {
    "http://a/api/ping": () => Response.json({ region: "a", players: 3 }),
    "http://b/api/ping": () => Response.json({ region: "a", players: 3 }),
    "http://c/api/ping": () => new Response("<html>"),
    "http://d/api/ping": () => Response.json({ region: "d", players: 3 }, { status: 503 }),
  };
  const addresses = ["a", "b", "c", "d", "e"].map((name) => ({ name, url: `http://${name}` }));
  const clock = createSystemClock();
  const regions = watchRegions({
    addresses,
    clock,
    own: () => ({ name: "a", url: "", isHealthy: true, players: 0 }),
    outbound: async (url) => {
      const answer = answers[String(url)];
      if (answer === undefined) throw new TypeError("unreachable");
      return answer();
    },
  });
  await until(() => regions.all()[0]?.isHealthy);
  regions.stop();
  expect(regions.all().map(({ isHealthy }) => isHealthy)).toEqual([true, false, false, false, false]);
  expect(() => readConfig({ REGIONS: "north=ftp://x" })).toThrow(/REGIONS must be/);
  expect(() => readConfig({ REGIONS: "north=https://x" })).toThrow(/REGIONS must name this process's REGION/);
});
