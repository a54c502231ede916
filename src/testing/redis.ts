import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, inject } from "vitest";
import { createSystemClock } from "../platform/clock.ts";
import { createLog, type Log } from "../platform/log.ts";
import { createMetrics } from "../platform/metrics.ts";
import { openRedis, type Redis } from "../platform/redis.ts";
import { type OwnRedis, startOwnRedis } from "../platform/redis-server.ts";
import { startGuard } from "./postgres.ts";

/** The Redis of a whole test run, or why there is none: whoever needs it fails with that. */
export type TestRedis = { readonly url: string } | { readonly problem: string };

declare module "vitest" {
  interface ProvidedContext {
    redis: TestRedis;
  }
}

/** Kept from run to run. */
const cacheFolder = join(import.meta.dirname, "../../.cache/redis");
const silent = createLog({ level: "silent" });

export async function startTestRedis({ givenUrl }: { givenUrl: string | undefined }) {
  const nothing = async () => {};
  if (givenUrl !== undefined) return { redis: { url: givenUrl }, stop: nothing };
  try {
    const { url, stop } = await startOwnRedis({ cacheFolder });
    return { redis: { url }, stop };
  } catch (thrown) {
    return { redis: { problem: String(thrown) }, stop: nothing };
  }
}

/** The address of the run's Redis. Fails with what to do where there is none: a test that needs it is never left out. */
export function testRedisUrl(): string {
  const redis = inject("redis");
  if ("problem" in redis) throw new Error(redis.problem);
  return redis.url;
}

/** What keeps the keys of a test apart from all others'. */
export function aPrefix(): string {
  return `test_${randomBytes(6).toString("hex")}`;
}

/** A connection to the run's Redis with a prefix of its own, whose keys are gone after the last test. */
export async function createTestRedis(): Promise<Redis> {
  const prefix = aPrefix();
  const redis = await openUpRedis({ url: testRedisUrl(), prefix });
  afterAll(async () => {
    await redis.call(async (client) => {
      const keys = await client.keys(`${prefix}:*`);
      if (keys.length > 0) await client.unlink(...keys);
    });
    redis.close();
  });
  return redis;
}

/** A connection that has been made. */
export async function openUpRedis({
  url,
  prefix = aPrefix(),
  log = silent,
}: {
  url: string;
  prefix?: string;
  log?: Log;
}): Promise<Redis> {
  const redis = openRedis({ url, prefix, log, clock: createSystemClock(), metrics: createMetrics() });
  await new Promise<void>((settle) => redis.onBack(settle));
  return redis;
}

/** A Redis that a test may kill, hold up and empty. What it has acknowledged, it has written down. */
export interface KillableRedis {
  /** Stays the same over kills and starts. */
  readonly url: string;
  kill(): Promise<void>;
  /** Starts it again, on what it has written down or with nothing. */
  start(options?: { isEmpty?: boolean }): Promise<void>;
  /** It is there, and answers nothing. */
  pause(): void;
  resume(): void;
}

/** Of this test file alone, ended after the last test. */
export async function startKillableRedis(): Promise<KillableRedis> {
  const folder = await mkdtemp(join(tmpdir(), "umpire-redis-"));
  const guard = startGuard(folder);
  const settings = { appendonly: "yes", appendfsync: "always" };
  let server: OwnRedis = await startOwnRedis({ cacheFolder, folder, settings });
  const { url } = server;
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
    guard.stdin?.end();
  });
  return {
    url,
    kill: () => server.stop(),
    async start({ isEmpty = false } = {}) {
      if (isEmpty) await rm(join(folder, "appendonlydir"), { recursive: true, force: true });
      server = await startOwnRedis({ cacheFolder, folder, settings });
    },
    pause: () => void process.kill(server.pid, "SIGSTOP"),
    resume: () => void process.kill(server.pid, "SIGCONT"),
  };
}

/** A Redis behind a password, at a port of loopback, ended after the last test. */
export async function startClosedRedis(): Promise<{ readonly url: string }> {
  const port = await freePort();
  const settings = { port: String(port), bind: "127.0.0.1", requirepass: "hunter2" };
  const server = await startOwnRedis({ cacheFolder, settings });
  afterAll(() => server.stop());
  return { url: `redis://:hunter2@127.0.0.1:${port}` };
}

/** One that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
