import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { until } from "../../testing/app.ts";
import { joinAt, metricOf, startServer } from "../../testing/cluster.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { aPrefix, freePort, testRedisUrl } from "../../testing/redis.ts";

const { url: databaseUrl } = await createTestDatabase();
const settings = {
  NODE_ENV: "test",
  PORT: "0",
  METRICS_PORT: "0",
  DATABASE_URL: databaseUrl,
  REDIS_URL: testRedisUrl(),
  REDIS_PREFIX: aPrefix(),
  SERVER_SECRET: "only-for-tests-only-for-tests-only-for-tests",
  DRAIN_SECONDS: "0",
};
const port = await freePort();
const [door, game] = await Promise.all([
  startServer({ ...settings, ROLE: "api" }),
  startServer({ ...settings, ROLE: "game", PORT: `${port}`, PUBLIC_ADDRESS: `127.0.0.1:${port}` }),
]);

test("[RELAY15] with PUBLIC_ADDRESS an unmodified SDK that asks at one process dials its room's process itself", async () => {
  const room: Room<never, { tick: number }> = await joinAt(door.url, "arena");
  const tick = await until(() => room.state?.tick, 10_000);
  await until(() => room.state.tick > tick + 5, 10_000);
  const sockets = await Promise.all([door, game].map((server) => metricOf(server, "umpire_sockets")));
  expect(sockets).toEqual([0, 1]);
  expect(await metricOf(door, "umpire_relayed_sockets")).toBe(0);
  let isBack = false;
  room.reconnection.minUptime = 0;
  room.onReconnect(() => {
    isBack = true;
  });
  room.connection.transport.close(4010);
  await until(() => isBack, 10_000);
  expect(await metricOf(door, "umpire_relayed_sockets")).toBe(0);
  await room.leave();
});
