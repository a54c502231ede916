import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { until } from "../testing/app.ts";
import { openUpRedis } from "../testing/redis.ts";
import { createSystemClock } from "./clock.ts";
import { keepOwnRedis } from "./kept-redis.ts";
import { createLog } from "./log.ts";
import { findRedisProgram, startOwnRedis } from "./redis-server.ts";

const cacheFolder = join(import.meta.dirname, "../../.cache/redis");
const folder = await mkdtemp(join(tmpdir(), "umpire-redis-test-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("[REDIS11] a server of our own is there at once, answers, and leaves nothing when it is stopped", async () => {
  const server = await startOwnRedis({ cacheFolder });
  const redis = await openUpRedis({ url: server.url });
  expect(await redis.call((client) => client.ping())).toBe("PONG");
  redis.close();
  await server.stop();
  expect(existsSync(new URL(server.url).pathname)).toBe(false);
});

test("[REDIS11] it ends with the process that started it, also by kill -9", async () => {
  const home = join(import.meta.dirname, "redis-server.ts");
  const program = `
    const { startOwnRedis } = await import(${JSON.stringify(home)});
    console.log(JSON.stringify(await startOwnRedis({ cacheFolder: ${JSON.stringify(cacheFolder)} })));
    setTimeout(() => {}, 60_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = await new Promise<string>((settle) => child.stdout.once("data", (chunk) => settle(String(chunk))));
  const { url, pid } = JSON.parse(line) as { url: string; pid: number };
  expect(isRunning(pid)).toBe(true);
  child.kill("SIGKILL");
  await until(() => !isRunning(pid));
  await until(() => !existsSync(new URL(url).pathname));
});

test("[REDIS11] one that is kept comes back at the same address when it dies, and leaves nothing when it is stopped", async () => {
  const kept = await keepOwnRedis({ clock: createSystemClock(), log: createLog({ level: "silent" }), cacheFolder });
  const redis = await openUpRedis({ url: kept.url });
  const first = kept.pid();
  for (let death = 0; death < 2; death++) {
    const dying = kept.pid();
    process.kill(dying, "SIGKILL");
    await until(() => kept.pid() !== dying);
    await until(redis.isUp);
    expect(await redis.call((client) => client.ping())).toBe("PONG");
  }
  const last = kept.pid();
  expect(last).not.toBe(first);
  redis.close();
  await kept.stop();
  expect(isRunning(last)).toBe(false);
  expect(existsSync(dirname(new URL(kept.url).pathname))).toBe(false);
});

test("[REDIS12] what is fetched is in its place whole or not at all, also when several fetch it at once", async () => {
  const cache = join(folder, "cache");
  const programs = {
    "apt-get": `[ "$1" = download ] && : > redis-server.deb`,
    dpkg: `/bin/mkdir -p "$3/usr/lib/libraries" "$3/usr/bin"
      /bin/sleep 0.05
      echo '#!/bin/sh' > "$3/usr/bin/redis-server" && /bin/chmod 755 "$3/usr/bin/redis-server"`,
  };
  const found = await withPrograms(programs, () =>
    Promise.all(Array.from({ length: 4 }, () => findRedisProgram(cache))),
  );
  expect(new Set(found.map(({ path }) => path)).size).toBe(1);
  expect(await readdir(cache), "and nothing half made is left").toHaveLength(1);
  // There now, it is not fetched again.
  expect(await withPrograms({}, () => findRedisProgram(cache))).toEqual(found[0]);
});

test("[REDIS12] where there is no server and none can be fetched, the failure says what to do", async () => {
  const cache = join(folder, "none");
  const failing = { "apt-get": "exit 100" };
  await expect(withPrograms(failing, () => findRedisProgram(cache))).rejects.toThrow(
    /Set REDIS_URL .* or install redis-server or valkey-server/,
  );
  await expect(withPrograms({}, () => findRedisProgram(cache))).rejects.toThrow(/Set REDIS_URL/);
  expect(await readdir(cache)).toEqual([]);
});

/** Other people's programs, played by scripts: nothing else is on PATH but a shell. */
async function withPrograms<T>(scripts: Record<string, string>, run: () => Promise<T>): Promise<T> {
  const programs = await mkdtemp(join(folder, "programs-"));
  await symlink("/bin/sh", join(programs, "sh"));
  for (const [name, script] of Object.entries(scripts))
    await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const before = process.env["PATH"];
  process.env["PATH"] = programs;
  try {
    return await run();
  } finally {
    process.env["PATH"] = before;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
