import { AppError } from "../../platform/errors.ts";
import type { Redis, RedisSubscriber } from "../../platform/redis.ts";
import type { RedisClient } from "../../platform/redis-connection.ts";
import { Line, type LineParts, type Wire } from "./line.ts";
import type { Hearer, RedisServer } from "./redis-server.ts";

/** A command that has no answer by then has failed, and its connection with it. */
const COMMAND_MS = 500;

/** The Redis of one process. */
export interface RedisLink extends Redis {
  /** Since when each of its connections is there; Infinity while one is not. */
  upSinceMs(): number;
  /** See Line.lost. */
  lost(how: { isAtOnce: boolean }): void;
}

/**
 * What `openRedis` gives, over a network that can do to it what a network does: each connection keeps its order, an answer
 * that never comes leaves open whether the command was carried out, and one that was given up may still be.
 */
export function createRedisLink({ prefix, ...parts }: LineParts & { prefix: string }): RedisLink {
  const backs = new Set<() => void>();
  const pending = new Map<Wire, Set<() => void>>();
  const subscribers = new Set<SimulatedSubscriber>();
  const line = new Line(parts, {
    up: () => {
      for (const listener of [...backs]) listener();
    },
    down: (wire) => {
      for (const fail of pending.get(wire) ?? []) fail();
      pending.delete(wire);
    },
    closed: () => {},
  });
  const ask = <T>(work: (server: RedisServer) => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const { wire } = line;
      if (wire === null) {
        reject(unavailable());
        return;
      }
      const waiting = pending.get(wire) ?? new Set();
      pending.set(wire, waiting);
      const cancel = parts.clock.after(COMMAND_MS, () => line.giveUp(wire));
      const fail = () => {
        cancel();
        reject(unavailable());
      };
      waiting.add(fail);
      const broken = parts.weather.breaks();
      line.send(wire, () => {
        const answer = broken === "before" ? null : work(parts.server);
        if (broken !== null || wire.isClosed) line.break(wire);
        else {
          line.answer(wire, () => {
            cancel();
            waiting.delete(fail);
            resolve(answer as T);
          });
        }
      });
    });
  const client = createClient(ask);
  return {
    isUp: () => line.wire !== null,
    runId() {
      if (line.wire === null) throw unavailable();
      return String(line.wire.runId);
    },
    key: (...names) => [prefix, ...names].join(":"),
    call: async (work) => work(client),
    script: (lua) => async (keys, args) => {
      const texts = args.map(String);
      return ask((server) => server.script(lua, keys[0] ?? "", texts));
    },
    onBack(listener) {
      backs.add(listener);
      return () => void backs.delete(listener);
    },
    subscriber() {
      const subscriber = new SimulatedSubscriber(parts);
      subscribers.add(subscriber);
      return subscriber;
    },
    close() {
      line.end();
      for (const subscriber of subscribers) subscriber.close();
    },
    upSinceMs: () => Math.max(line.upSinceMs, ...[...subscribers].map((each) => each.upSinceMs)),
    lost(how) {
      line.lost(how);
      for (const subscriber of subscribers) subscriber.lost(how);
    },
  };
}

/** The commands that the directory sends beside its scripts. */
function createClient(ask: <T>(work: (server: RedisServer) => T) => Promise<T>): RedisClient {
  const client = {
    keys: (pattern: string) => ask(({ store }) => store.keys(pattern.replace(/\*$/, ""))),
    unlink: (...keys: string[]) => ask(({ store }) => store.del(...keys)),
    hget: (key: string, field: string) => ask(({ store }) => store.hget(key, field)),
    smembers: (key: string) => ask(({ store }) => store.smembers(key)),
    sscan: (key: string) => ask(({ store }) => ["0", store.smembers(key)]),
  };
  return client as unknown as RedisClient;
}

class SimulatedSubscriber implements RedisSubscriber {
  readonly #parts: LineParts;
  readonly #line: Line;
  readonly #listeners = new Map<string, Set<(message: string) => void>>();
  readonly #hearings = new Set<() => void>();
  readonly #hearers = new Map<Wire, Hearer & { readonly channels: Set<string> }>();

  constructor(parts: LineParts) {
    this.#parts = parts;
    this.#line = new Line(parts, {
      up: (wire) => this.#hear(wire),
      down: () => {},
      closed: (wire) => {
        const hearer = this.#hearers.get(wire);
        if (hearer !== undefined) parts.server.hearers.delete(hearer);
        this.#hearers.delete(wire);
      },
    });
  }

  subscribe(channel: string, listener: (message: string) => void): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    if (listeners.size === 1 && this.#line.wire !== null) this.#hear(this.#line.wire);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
      this.#listeners.delete(channel);
      const { wire } = this.#line;
      if (wire !== null) this.#line.send(wire, () => this.#hearers.get(wire)?.channels.delete(channel));
    };
  }

  /** Presence asks for it, which is not simulated. */
  async hears(): Promise<void> {
    throw new Error("only onHearing is simulated");
  }

  onHearing(listener: () => void): () => void {
    this.#hearings.add(listener);
    return () => void this.#hearings.delete(listener);
  }

  get upSinceMs(): number {
    return this.#line.upSinceMs;
  }

  close(): void {
    this.#line.end();
  }

  lost(how: { isAtOnce: boolean }): void {
    this.#line.lost(how);
  }

  #hear(wire: Wire): void {
    const wanted = [...this.#listeners.keys()];
    this.#line.send(wire, () => {
      const { channels } = this.#hearers.get(wire) ?? this.#accept(wire);
      for (const channel of wanted) channels.add(channel);
      this.#line.answer(wire, () => {
        for (const listener of [...this.#hearings]) listener();
      });
    });
  }

  /** The server's end. */
  #accept(wire: Wire): Hearer & { readonly channels: Set<string> } {
    const onMessage = (channel: string, message: string) => {
      const times = this.#parts.weather.isHeardTwice() ? 2 : 1;
      for (let time = 0; time < times; time++) this.#line.answer(wire, () => this.#receive(channel, message));
    };
    const hearer = { channels: new Set<string>(), onMessage };
    this.#hearers.set(wire, hearer);
    this.#parts.server.hearers.add(hearer);
    return hearer;
  }

  #receive(channel: string, message: string): void {
    for (const listener of [...(this.#listeners.get(channel) ?? [])]) listener(message);
  }
}

function unavailable(): AppError {
  return new AppError("REDIS_UNAVAILABLE", {}, new Error("redis: simulated"));
}
