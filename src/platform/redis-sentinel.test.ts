import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { until } from "../testing/app.ts";
import { aPrefix, freePort } from "../testing/redis.ts";
import { createSystemClock } from "./clock.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { openRedis } from "./redis.ts";
import { findRedisProgram, startOwnRedis } from "./redis-server.ts";

const cacheFolder = join(import.meta.dirname, "../../.cache/redis");
const folder = await mkdtemp(join(tmpdir(), "umpire-sentinel-"));
const ports = await Promise.all([freePort(), freePort(), freePort()]);
const [masterPort, replicaPort, sentinelPort] = ports;
const settings = { bind: "127.0.0.1", requirepass: "hunter2", masterauth: "hunter2", "repl-diskless-sync-delay": "0" };
const master = await startOwnRedis({ cacheFolder, settings: { ...settings, port: String(masterPort) } });
const replica = await startOwnRedis({
  cacheFolder,
  settings: { ...settings, port: String(replicaPort), replicaof: `127.0.0.1 ${masterPort}` },
});
const stopSentinel = await startSentinel();
afterAll(async () => {
  stopSentinel();
  await Promise.all([master.stop(), replica.stop(), rm(folder, { recursive: true, force: true })]);
});

test("[REDIS9] the master is the one that the sentinels name, and when they name another it is used instead", async () => {
  const redis = openRedis({
    url: "redis://:hunter2@mymaster",
    sentinels: [
      { host: "127.0.0.1", port: 1 },
      { host: "127.0.0.1", port: sentinelPort },
    ],
    prefix: aPrefix(),
    clock: createSystemClock(),
    log: createLog({ level: "silent" }),
    metrics: createMetrics(),
  });
  afterAll(() => redis.close());
  await until(() => redis.isUp());
  const set = (value: string) => redis.call((client) => client.set(redis.key("a"), value));
  expect(await set("1")).toBe("OK");
  // A sentinel hears of the replica from the master, and without one there is nobody to name.
  for (let replicas = 0; replicas < 1; ) {
    const info = await redis.call((client) => client.info("replication"));
    replicas = /state=online/.test(info) ? 1 : 0;
  }
  const before = redis.runId();
  await master.stop();
  await expect(set("2")).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  await until(() => redis.isUp(), 15_000);
  expect(redis.runId()).not.toBe(before);
  expect(await set("3")).toBe("OK");
});

async function startSentinel(): Promise<() => void> {
  const program = await findRedisProgram(cacheFolder);
  const file = join(folder, "sentinel.conf");
  const lines = [
    `port ${sentinelPort}`,
    "bind 127.0.0.1",
    `dir ${folder}`,
    `logfile ${folder}/sentinel.log`,
    `sentinel monitor mymaster 127.0.0.1 ${masterPort} 1`,
    "sentinel auth-pass mymaster hunter2",
    "sentinel down-after-milliseconds mymaster 300",
    "sentinel failover-timeout mymaster 2000",
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  // Ends when this process does, however that ends.
  const script = `"$1" "$2" --sentinel & read -r nothing; kill -9 $!`;
  const stdio = ["pipe" as const, "ignore" as const, "ignore" as const];
  const child = spawn("sh", ["-c", script, "sentinel", program.path, file], {
    env: { ...process.env, ...program.environment },
    stdio,
  });
  return () => void child.stdin?.end();
}
