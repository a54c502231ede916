import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Redis } from "../../platform/redis.ts";
import { processChannel } from "../calls/calls.ts";
import { createSeal } from "../calls/signed-messages.ts";
import type { DescribeProcess, OwnProcesses, ProcessRecord } from "./processes.ts";

interface ProcessesParts {
  readonly redis: Redis;
  /** SERVER_SECRET: a record leads players and calls to an address, so it has to be one of ours. */
  readonly secret: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: () => string;
  readonly describe: DescribeProcess;
}

/** Silent for so long, a process counts as gone. */
const LEASE_MS = 8000;
const BEAT_MS = 1000;
/** An answer that took longer says too little of what time it is. */
const TRIP_MS_MAX = 100;

const share = z.number().min(0).max(1);
const count = z.number().int().min(0);
const recordShape = z.strictObject({
  processId: z.string().min(1).max(64),
  relay: z.string().max(256),
  region: z.string().max(256),
  role: z.enum(["all", "game", "api"]),
  isDraining: z.boolean(),
  load: z.strictObject({
    players: count,
    playersMax: count,
    rooms: count,
    roomsMax: count.optional(),
    loop: share,
    memory: share,
  }),
});

/**
 * One step: writes this process's record, forgets those whose lease has lapsed, and reads the others'. Who is registered
 * and has nobody listening at its channel is gone, or about to be back: it is left out, and its lease decides.
 * KEYS: records, leases. ARGV: process, record (empty to leave), ms of the lease, what every channel begins with.
 */
const BEAT = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == "" then
  redis.call("HDEL", KEYS[1], ARGV[1])
  redis.call("ZREM", KEYS[2], ARGV[1])
else
  redis.call("HSET", KEYS[1], ARGV[1], now .. " " .. ARGV[2])
  redis.call("ZADD", KEYS[2], now + ARGV[3], ARGV[1])
end
for _, lapsed in ipairs(redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", now)) do
  redis.call("HDEL", KEYS[1], lapsed)
  redis.call("ZREM", KEYS[2], lapsed)
end
local found = { tostring(now) }
local records = redis.call("HGETALL", KEYS[1])
for at = 1, #records, 2 do
  local heard = redis.call("PUBSUB", "NUMSUB", ARGV[4] .. records[at])
  if records[at] ~= ARGV[1] and heard[2] > 0 then found[#found + 1] = records[at + 1] end
end
return found`;

interface Known {
  readonly record: ProcessRecord;
  readonly writtenMs: number;
}

/** The processes that share a Redis and a prefix. Each writes its record every second, under a lease of eight. */
export function createRedisProcesses({ redis, secret, clock, log, self, describe }: ProcessesParts): OwnProcesses {
  const { seal, open } = createSeal(secret);
  const beatScript = redis.script(BEAT);
  const keys = [redis.key("processes"), redis.key("processes", "leases")];
  const news = redis.key("processes", "news");
  const subscriber = redis.subscriber();
  let others = new Map<string, Known>();
  let readMs = clock.monotonicMs();
  let offsetMs: number | null = null;
  let isDraining = false;
  let stopBeating: (() => void)[] = [];
  let own: Known | null = null;
  const sharedMs = () => clock.monotonicMs() + (offsetMs ?? clock.now() - clock.monotonicMs());

  /** As of the last beat, like the others', so that they can be compared. */
  const describeSelf = (): Known => {
    const record = { ...describe(), processId: self(), isDraining };
    own = { record, writtenMs: sharedMs() };
    return own;
  };
  const beat = async (told: Known | null) => {
    const startedMs = clock.monotonicMs();
    const written = told === null ? "" : seal(JSON.stringify(told.record));
    const [now = "", ...texts] = (await beatScript(keys, [
      self(),
      written,
      LEASE_MS,
      processChannel(redis, ""),
    ])) as string[];
    const endedMs = clock.monotonicMs();
    if (offsetMs === null || endedMs - startedMs < TRIP_MS_MAX) offsetMs = Number(now) - (startedMs + endedMs) / 2;
    readMs = endedMs;
    others = new Map(texts.flatMap((text) => parseRecord(text, open)).map((known) => [known.record.processId, known]));
  };
  // What cannot be written now is written with the next beat.
  const beatSafely = () => beat(describeSelf()).catch((err: unknown) => log.debug({ err }, "processes.beat_failed"));
  const tell = () => redis.call((client) => client.publish(news, self())).catch(() => {});
  const known = (): readonly ProcessRecord[] => {
    // Whoever cannot ask knows nothing of the others by the time that their leases lapse.
    const isStale = clock.monotonicMs() - readMs > LEASE_MS;
    return [
      { ...(own ?? describeSelf()).record, isDraining },
      ...(isStale ? [] : [...others.values()].map(({ record }) => record)),
    ];
  };
  return {
    get self() {
      return self();
    },
    all: known,
    find: (processId) => known().find((record) => record.processId === processId) ?? null,
    sharedMs,
    writtenMs: (processId) => (processId === self() ? own : others.get(processId))?.writtenMs ?? 0,
    lost: (processId) => void others.delete(processId),
    async drain() {
      isDraining = true;
      await beatSafely();
      await tell();
    },
    async start() {
      stopBeating = [
        clock.every(BEAT_MS, beatSafely),
        redis.onBack(beatSafely),
        subscriber.subscribe(news, (from) => from !== self() && void beatSafely()),
      ];
      await beatSafely();
      await tell();
    },
    async stop() {
      for (const stop of stopBeating.splice(0)) stop();
      subscriber.close();
      await beat(null).then(tell, () => {});
    },
  };
}

/** `ms record`. One that is none of ours, or that another version wrote and this one does not understand, is left out. */
function parseRecord(text: string, open: (sealed: string) => string | null): Known[] {
  const space = text.indexOf(" ");
  const opened = open(text.slice(space + 1));
  const parsed = opened === null ? null : recordShape.safeParse(JSON.parse(opened));
  if (parsed?.success !== true) return [];
  const { load, ...record } = parsed.data;
  const { roomsMax, ...rest } = load;
  const known = { ...record, load: { ...rest, ...(roomsMax !== undefined && { roomsMax }) } };
  return [{ record: known, writtenMs: Number(text.slice(0, space)) }];
}
