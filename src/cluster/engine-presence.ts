import type { Presence } from "@colyseus/core";
import { ProcessAwayError } from "./calls/call-answers.ts";
import { failureOf } from "./calls/call-failures.ts";
import type { RoomCalls } from "./calls/engine-calls.ts";
import type { Processes } from "./processes/processes.ts";

interface EnginePresenceParts {
  readonly presence: Presence;
  readonly roomCalls: Pick<RoomCalls, "askRoom" | "askProcess">;
  readonly processes: Processes;
}

type Reply = (message: readonly [outcome: 0 | 1, data: unknown]) => void;
/** What the engine publishes to have something done elsewhere. */
type Request = readonly [method: string | null | undefined, requestId: string, args: unknown];

/** The engine's table of processes, by the number of their rooms. */
const STATS_KEY = "roomcount";
/** At this failure the engine looks for another process. */
const AWAY = "ipc_timeout";

/**
 * The presence as the engine is given it. The channels by which it calls other processes (`p:<process>`, `$<room>` and
 * `ipc:<answer>`) never reach Redis: a call goes by our own, signed way, and the engine's receivers, which do whatever
 * they are told, are never called. Its table of processes is ours, so that nothing has to be written for it.
 */
export function createEnginePresence({ presence, roomCalls, processes }: EnginePresenceParts): Presence {
  const replies = new Map<string, Reply>();
  const stats = () =>
    Object.fromEntries(
      processes.all().map(({ processId, load }) => [processId, `${load.rooms},${load.players}`] as const),
    );
  const answer = (requestId: string, asked: Promise<unknown>) => {
    const reply: Reply = (message) => replies.get(`ipc:${requestId}`)?.(message);
    asked.then(
      (data) => reply([0, data]),
      (thrown: unknown) => reply([1, engineFailure(thrown)]),
    );
  };
  const own = {
    replies,
    async subscribe(topic: string, listener: Reply) {
      if (topic.startsWith("ipc:")) replies.set(topic, listener);
      else if (!isCallChannel(topic)) await presence.subscribe(topic, listener);
      return presence;
    },
    unsubscribe(topic: string, listener?: () => void) {
      if (topic.startsWith("ipc:")) replies.delete(topic);
      else if (!isCallChannel(topic)) presence.unsubscribe(topic, listener);
    },
    publish(topic: string, data: unknown) {
      if (!isCallChannel(topic)) return presence.publish(topic, data);
      const [method, requestId, args] = data as Request;
      if (topic.startsWith("$")) answer(requestId, roomCalls.askRoom(topic.slice(1), method ?? "", args));
      else answer(requestId, roomCalls.askProcess(topic.slice(2), ...ofProcess(method, args)));
      return;
    },
    hset: (key: string, field: string, value: string) =>
      key === STATS_KEY ? Promise.resolve(true) : presence.hset(key, field, value),
    hdel: (key: string, field: string) => (key === STATS_KEY ? Promise.resolve(true) : presence.hdel(key, field)),
    hgetall: (key: string) => (key === STATS_KEY ? Promise.resolve(stats()) : presence.hgetall(key)),
  };
  return Object.assign(Object.create(presence) as Presence, own);
}

function isCallChannel(topic: string): boolean {
  return topic.startsWith("$") || topic.startsWith("p:");
}

/** The engine's request without a name is to make a room, its arguments in their order. */
function ofProcess(method: string | null | undefined, args: unknown): [method: string, args: unknown] {
  if (method === "healthcheck") return ["ping", null];
  const [name, options, , roomId] = args as [string, object, unknown, string];
  return ["create", { name, options, roomId }];
}

function engineFailure(thrown: unknown): string {
  if (thrown instanceof ProcessAwayError) return AWAY;
  const { code } = failureOf(thrown);
  return JSON.stringify({ code, message: String(code) });
}
