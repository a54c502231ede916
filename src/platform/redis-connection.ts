import { Redis as RedisClient, type RedisOptions } from "ioredis";
import type { Clock } from "./clock.ts";
import { cryptoRandom } from "./random.ts";

export type { RedisClient };

/** One connection to Redis, made again whenever it is lost. */
export interface RedisConnection {
  readonly client: RedisClient;
  /** What the server calls this run of its process: another name is another memory. Null while it cannot be had. */
  runId(): string | null;
  /** Gives the connection up for dead and makes it again. */
  giveUp(): void;
  close(): void;
}

interface ConnectionParts {
  readonly options: RedisOptions;
  readonly clock: Pick<Clock, "every">;
  readonly onUp: (runId: string) => void;
  /** Called once for each loss, and once when the first attempt fails. */
  readonly onDown: (reason: string) => void;
}

/** A command that has no answer by then has failed, whatever the reason. */
const COMMAND_MS = 500;
const CONNECT_MS = 2000;
/** A hung server does not say goodbye either. */
const GOODBYE_MS = 50;
const PAUSE_MS_MIN = 25;
const PAUSE_MS_MAX = 1000;
const LOADING_MS = 250;
/** How often the connection is proved: what nobody uses can be dead for long. */
const PROVE_MS = 1000;

/** Commands never wait for a connection, and none is sent twice: whoever asked knows what may be asked again. */
const settings: RedisOptions = {
  commandTimeout: COMMAND_MS,
  connectTimeout: CONNECT_MS,
  disconnectTimeout: GOODBYE_MS,
  sentinelCommandTimeout: COMMAND_MS,
  maxLoadingRetryTime: LOADING_MS,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // The library's own would end the process where the connection is lost while it is at it.
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  connectionName: "umpire",
};

export function openConnection({ options, clock, onUp, onDown }: ConnectionParts): RedisConnection {
  const client = new RedisClient({ ...settings, ...options, retryStrategy: pauseMs, sentinelRetryStrategy: pauseMs });
  let runId: string | null = null;
  let isTold = false;
  let reason = "closed";
  const lose = () => {
    runId = null;
    if (!isTold) onDown(reason);
    isTold = true;
  };
  const giveUp = () => {
    reason = "no answer";
    lose();
    if (client.status !== "end") client.disconnect(true);
  };
  // Without a listener, errors of a connection would be those of the process.
  client.on("error", (error: Error) => {
    reason = reasonOf(error);
  });
  client.on("close", lose);
  client.on("ready", async () => {
    try {
      const found = /^run_id:(\w+)/m.exec(await client.info("server"))?.[1];
      if (client.status !== "ready") return;
      runId = found ?? "unnamed";
      isTold = false;
      onUp(runId);
    } catch {
      giveUp();
    }
  });
  const stopProving = clock.every(PROVE_MS, () => {
    if (runId !== null) client.ping().catch(giveUp);
  });
  return {
    client,
    runId: () => runId,
    giveUp,
    close() {
      stopProving();
      isTold = true;
      client.disconnect();
    },
  };
}

/** Commands and their arguments hang on the library's errors, the password among them: only the words are taken. */
export function reasonOf(thrown: unknown): string {
  const [first] = thrown instanceof AggregateError ? thrown.errors : [];
  if (first !== undefined) return reasonOf(first);
  return thrown instanceof Error ? thrown.message.slice(0, 200) : "unknown";
}

/** Longer each time, at most a second, and of those who lost it together not all at once. */
function pauseMs(attempts: number): number {
  const longest = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(attempts, 10));
  return longest / 2 + cryptoRandom.below(longest / 2 + 1);
}
