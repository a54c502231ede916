import type { NamedScript } from "./directory-twins.ts";
import { RedisStore } from "./redis-store.ts";

/** A connection that hears, as the server has it. */
export interface Hearer {
  readonly channels: ReadonlySet<string>;
  onMessage(channel: string, message: string): void;
}

/** What a script was asked, and what it answered: told at once, before the one who asked hears it. */
export type Witness = (call: { name: NamedScript["name"]; args: readonly string[]; answer: unknown }) => void;

interface ServerParts {
  readonly scripts: ReadonlyMap<string, NamedScript>;
  readonly nowMs: () => number;
  readonly witness?: Witness;
}

/** One Redis: commands one after the other on one memory, and channels that remember nothing. */
export class RedisServer {
  readonly store = new RedisStore();
  /** Another name is another run. */
  runId = 1;
  isUp = true;
  /** Another number is another memory. */
  memory = 1;
  readonly hearers = new Set<Hearer>();
  readonly #parts: ServerParts;

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  script(lua: string, prefix: string, args: readonly string[]): unknown {
    const script = this.#parts.scripts.get(lua);
    if (script === undefined) throw new Error(`no twin of this script is known: ${lua.slice(-200)}`);
    const answer = script.run(
      {
        store: this.store,
        nowMs: Math.floor(this.#parts.nowMs()),
        numsub: (channel) => this.numsub(channel),
        publish: (channel, message) => this.publish(channel, message),
      },
      prefix,
      args,
    );
    this.#parts.witness?.({ name: script.name, args, answer });
    return answer;
  }

  numsub(channel: string): number {
    let count = 0;
    for (const { channels } of this.hearers) if (channels.has(channel)) count += 1;
    return count;
  }

  publish(channel: string, message: string): void {
    for (const hearer of [...this.hearers]) if (hearer.channels.has(channel)) hearer.onMessage(channel, message);
  }

  /** Connections are closed by whoever has them; what they heard on is forgotten with them. */
  kill(): void {
    this.isUp = false;
    this.hearers.clear();
  }

  empty(): void {
    this.memory += 1;
    this.store.flushall();
  }

  start({ isEmpty }: { isEmpty: boolean }): void {
    this.isUp = true;
    this.runId += 1;
    if (isEmpty) this.empty();
  }
}
