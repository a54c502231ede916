import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { type Clock, createSystemClock } from "../../platform/clock.ts";
import { type Config, environmentWith } from "../../platform/config.ts";
import { openConfiguredPostgres } from "../../platform/configured-postgres.ts";
import { KEEP_ALIVE_MS } from "../../platform/http-listener.ts";
import { keepOwnRedis } from "../../platform/kept-redis.ts";
import type { Log } from "../../platform/log.ts";
import { type Child, type Ending, launchChild } from "./child-process.ts";
import { openDealer } from "./dealing.ts";
import { startSummary } from "./summary.ts";
import { type Supervisor, startSupervisor } from "./supervisor.ts";

interface SupervisionParts {
  readonly config: Config;
  readonly log: Log;
  /** The program of a child; it is called with `child` and the child's number. */
  readonly file: string;
  /** Nothing can be kept alive any more. */
  readonly onGivenUp: (lastWords: string) => void;
}

/** A process with a few hundred players, and its collector's reserve. */
const MEMORY_PER_PROCESS = 512 * 1024 * 1024;
/** Beyond the drain itself: waiting connections, closing rooms, writing down. */
const LEAVE_MS = KEEP_ALIVE_MS + 20_000;

/** Runs PROCESSES children on one port with what they share: Postgres, Redis, and a page that says how they are. */
export async function supervise(parts: SupervisionParts): Promise<Omit<Supervisor, "status">> {
  const { config, log } = parts;
  warnOf(config, log);
  const clock = createSystemClock();
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  // Once, also when a stop that takes long is followed by a kill: both return when all is stopped.
  let stopping: Promise<void> | null = null;
  const stopShared = () => (stopping ??= stopAll());
  try {
    // First of all, because a port that is taken ends the start. Whoever comes before a process serves waits.
    const dealer = await openDealer({ host: config.HOST, port: config.PORT });
    stops.push(async () => dealer.stop());
    const { port } = dealer;
    const redisUrl = await shareServices(config, { clock, log, stops });
    const launch = (number: number): Child =>
      launchChild(
        { file: parts.file, args: ["child", `${number}`], environment: forChild(config, { number, port, redisUrl }) },
        clock,
      );
    const leaveMs = config.DRAIN_SECONDS * 1000 + LEAVE_MS;
    const onGivenUp = ({ lastWords }: Ending) => void stopShared().finally(() => parts.onGivenUp(lastWords));
    const { METRICS_HOST: host, METRICS_PORT } = config;
    const shown: { supervisor: Supervisor | null } = { supervisor: null };
    stops.push(await startSummary({ host, port: METRICS_PORT, log, status: () => shown.supervisor?.status() ?? [] }));
    const supervisor = await startSupervisor({
      count: config.PROCESSES,
      dealer,
      launch,
      clock,
      log,
      leaveMs,
      onGivenUp,
    });
    shown.supervisor = supervisor;
    return {
      ...supervisor,
      async stop() {
        await supervisor.stop();
        await stopShared();
      },
      async kill() {
        await supervisor.kill();
        await stopShared();
      },
    };
  } catch (error) {
    await stopShared();
    throw error;
  }
}

function warnOf({ PROCESSES: processes }: Config, log: Log): void {
  const cores = availableParallelism();
  if (processes > cores) log.warn({ processes, cores }, "supervisor.crowded");
  const memoryMib = Math.round(totalmem() / 2 ** 20);
  if (totalmem() < processes * MEMORY_PER_PROCESS) log.warn({ processes, memoryMib }, "supervisor.short_of_memory");
}

interface SharedParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly stops: (() => Promise<void>)[];
}

/**
 * Starts what the settings do not name. The own Postgres is held here for as long as there are children, who join it by
 * its folder: the last of all who use it stops it, so that nothing is left behind when this process is killed.
 */
async function shareServices(config: Config, { clock, log, stops }: SharedParts): Promise<string> {
  await openConfiguredPostgres(config, { log, stops });
  if (config.REDIS_URL !== null) return config.REDIS_URL;
  const redis = await keepOwnRedis({ clock, log, cacheFolder: join(config.DATA_DIR, "redis") });
  stops.push(redis.stop);
  return redis.url;
}

/** Its metrics are at METRICS_PORT plus its number; METRICS_PORT itself tells of all. */
function forChild(config: Config, { number, port, redisUrl }: { number: number; port: number; redisUrl: string }) {
  const metricsPort = config.METRICS_PORT === 0 ? 0 : config.METRICS_PORT + number;
  return environmentWith({
    PROCESSES: "1",
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
    REDIS_URL: redisUrl,
  });
}
