import type { TestProject } from "vitest/node";
import { startTestPostgres } from "./postgres.ts";
import { startTestRedis } from "./redis.ts";

/**
 * Once per test run. `DATABASE_URL` and `REDIS_URL` name servers to use instead of our own; the one of Postgres needs the
 * right to create databases.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [{ postgres, stop }, { redis, stop: stopRedis }] = await Promise.all([
    startTestPostgres({ givenUrl: process.env["DATABASE_URL"] }),
    startTestRedis({ givenUrl: process.env["REDIS_URL"] }),
  ]);
  project.provide("postgres", postgres);
  project.provide("redis", redis);
  return async () => void (await Promise.all([stop(), stopRedis()]));
}
