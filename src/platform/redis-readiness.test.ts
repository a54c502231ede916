import { expect, test } from "vitest";
import { startTestApp } from "../testing/app.ts";
import { aPrefix, startKillableRedis } from "../testing/redis.ts";

const redis = await startKillableRedis();
await redis.kill();
const content = {
  levels: { base: 100, growth: 50, max: 100 },
  stats: { points: { title: "Points", kind: "counter" as const } },
  leaderboards: { sum: { title: "Sum", stat: "points", score: "sum" as const, periods: ["all" as const] } },
};
const settings = { REDIS_URL: redis.url, REDIS_PREFIX: aPrefix(), LOG_LEVEL: "info" };
const app = await startTestApp({ rooms: {}, catalogue: content, settings });

test("[REDIS10] a process starts without its Redis and is not ready until it has reached it once, and then whatever comes", async () => {
  const { token } = await app.guest();
  const board = () => app.call("GET", "/api/leaderboards/sum", { token });
  const ready = () => app.call("GET", "/readyz");
  expect(await ready()).toMatchObject({ status: 503, body: { code: "UNAVAILABLE", details: { reason: "redis" } } });
  expect((await board()).status).toBe(200);
  await redis.start();
  // Not as fast as it goes: a player has an allowance for boards.
  const soon = { timeout: 15_000, interval: 250 };
  const readyMeanwhile = async () => {
    expect((await board()).status).toBe(200);
    return (await ready()).status;
  };
  await expect.poll(readyMeanwhile, soon).toBe(200);
  const builtMeanwhile = async () => {
    expect((await board()).status).toBe(200);
    return app.log.some(({ msg }) => msg === "leaderboards.built");
  };
  await expect.poll(builtMeanwhile, soon).toBe(true);
  const metrics = await (await fetch(app.metricsUrl)).text();
  expect(metrics).toMatch(/^umpire_redis_up 1$/m);
  await redis.kill();
  expect((await board()).status).toBe(200);
  expect((await ready()).status).toBe(200);
  const told = app.log.map(({ msg }) => msg).filter((msg) => String(msg).startsWith("redis."));
  expect(told.slice(0, 2)).toEqual(["redis.lost", "redis.back"]);
  expect(JSON.stringify(app.log)).not.toContain("INTERNAL");
});
