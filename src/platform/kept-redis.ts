import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import { type OwnRedis, startOwnRedis } from "./redis-server.ts";

interface KeptRedisParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Where programs are kept that had to be fetched. */
  readonly cacheFolder: string;
}

export interface KeptRedis {
  /** The same for every server that follows on the first. */
  readonly url: string;
  /** Of the one that runs now. */
  pid(): number;
  stop(): Promise<void>;
}

/** One that dies again at once is tried no oftener: what lives by it says meanwhile that it is away. */
const RESTART_MS = 500;

/** A Redis of our own that is started again, at the same address, whenever it dies. What it had is gone, as ever. */
export async function keepOwnRedis({ clock, log, cacheFolder }: KeptRedisParts): Promise<KeptRedis> {
  const folder = await mkdtemp(join(tmpdir(), "umpire-redis-"));
  const start = () => startOwnRedis({ cacheFolder, folder, isFolderRemoved: true });
  let isStopped = false;
  let starting: Promise<void> = Promise.resolve();
  let cancel = () => {};
  const later = () => {
    if (isStopped) return;
    cancel = clock.after(RESTART_MS, () => {
      starting = again();
    });
  };
  const again = async () => {
    try {
      server = watched(await start());
      log.info({ pid: server.pid }, "redis.started");
    } catch (err) {
      log.error({ err }, "redis.not_started");
      later();
    }
  };
  const watched = (fresh: OwnRedis) => {
    void fresh.ended.then(() => {
      if (!isStopped) log.warn({ pid: fresh.pid }, "redis.died");
      later();
    });
    return fresh;
  };
  let server = watched(await start());
  log.info({ pid: server.pid }, "redis.started");
  return {
    url: server.url,
    pid: () => server.pid,
    async stop() {
      isStopped = true;
      cancel();
      await starting;
      await server.stop();
    },
  };
}
