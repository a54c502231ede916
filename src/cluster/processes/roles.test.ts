import { expect, test } from "vitest";
import { ConfigError, readConfig } from "../../platform/config.ts";
import { startTestApp } from "../../testing/app.ts";
import { aPrefix, testRedisUrl } from "../../testing/redis.ts";
import { stillRooms } from "../../testing/still-room.ts";

const app = await startTestApp({
  rooms: stillRooms,
  settings: { REDIS_URL: testRedisUrl(), REDIS_PREFIX: aPrefix(), ROLE: "game", PUBLIC_ADDRESS: "game-1.example:2567" },
});

test("[SUPERVISOR7] a process for rooms only answers no API, and one that is dialled directly says what that gives up", async () => {
  expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
  for (const path of ["/api/accounts/guest", "/matchmake/joinOrCreate/still"])
    expect((await fetch(app.url + path, { method: "POST" })).status).toBe(404);
  const line = app.log.find(({ msg }) => msg === "relay.bypassed");
  expect(line).toMatchObject({ publicAddress: "game-1.example:2567", level: "warn" });
  expect(line?.["givesUp"]).toMatch(/no other process takes their redial/);
});

test("[SUPERVISOR6] settings of several processes that cannot work are refused in words", () => {
  const refused = (settings: Record<string, string>): string => {
    try {
      readConfig(settings);
      return "";
    } catch (thrown) {
      if (thrown instanceof ConfigError) return thrown.message;
      throw thrown;
    }
  };
  expect(refused({ PROCESSES: "0" })).toMatch(/PROCESSES must be whole number from 1 to 64/);
  expect(refused({ PROCESSES: "2", PUBLIC_ADDRESS: "a:1" })).toMatch(/PUBLIC_ADDRESS names one process/);
  expect(refused({ PROCESSES: "2", RELAY_PORT: "4000" })).toMatch(/RELAY_PORT is one process's own/);
  expect(refused({ ROLE: "game" })).toMatch(/REDIS_URL is required with ROLE=game/);
  expect(refused({ PROCESSES: "2", NODE_ENV: "production" })).toMatch(/REDIS_URL is required in production/);
  expect(refused({ PROCESSES: "2" })).toBe("");
});
