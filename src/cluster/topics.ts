import type { Clock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";
import type { Redis, RedisSubscriber } from "../platform/redis.ts";

export type TopicListener = (data: unknown) => void;

interface TopicParts {
  readonly redis: Redis;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
}

/** How long a subscription may take to become active before its owner is told that it has none. */
const ACTIVE_MS_MAX = 900;

/** Who hears what, on one connection for all of them. After a loss each is heard again by itself. */
export function createTopics({ redis, clock, log }: TopicParts) {
  const subscriber = redis.subscriber();
  const topics = new Map<string, Map<TopicListener, () => void>>();
  const end = (topic: string, listener: TopicListener) => {
    const listeners = topics.get(topic);
    listeners?.get(listener)?.();
    listeners?.delete(listener);
    if (listeners?.size === 0) topics.delete(topic);
  };
  return {
    /** Resolves when the topic is heard; fails within a second with REDIS_UNAVAILABLE, and then nobody listens. */
    async add(topic: string, listener: TopicListener): Promise<void> {
      const channel = redis.key(topic);
      const listeners = topics.get(topic) ?? new Map<TopicListener, () => void>();
      topics.set(topic, listeners);
      // A listener that is added twice hears once, and one removal ends it.
      listeners.get(listener)?.();
      const hear = (message: string) => {
        const data = parse(message);
        if (data === undefined) log.warn({ topic }, "presence.message_invalid");
        else listener(data);
      };
      listeners.set(listener, subscriber.subscribe(channel, hear));
      try {
        await active(subscriber, channel, clock);
      } catch (failure) {
        end(topic, listener);
        throw failure;
      }
    },
    /** Ends one listener, or all of a topic. Never fails: a channel that nobody listens to is dropped in time. */
    remove(topic: string, listener?: TopicListener): void {
      const listeners = listener === undefined ? [...(topics.get(topic)?.keys() ?? [])] : [listener];
      for (const each of listeners) end(topic, each);
    },
    held: topics,
    close: () => subscriber.close(),
  };
}

/** The connection may be just being made: it is given a moment. */
function active(subscriber: RedisSubscriber, channel: string, clock: Pick<Clock, "after">): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      endLooking();
      cancel();
      settle();
    };
    const look = () =>
      subscriber.hears(channel).then(
        () => finish(resolve),
        () => {},
      );
    const endLooking = subscriber.onHearing(look);
    const cancel = clock.after(ACTIVE_MS_MAX, () => finish(() => reject(new AppError("REDIS_UNAVAILABLE"))));
    void look();
  });
}

function parse(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
