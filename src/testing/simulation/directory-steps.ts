import type { RedisStore } from "./redis-store.ts";

/** What a script has at hand. */
export interface ScriptContext {
  readonly store: RedisStore;
  readonly nowMs: number;
  /** How many hear the channel. */
  numsub(channel: string): number;
  publish(channel: string, message: string): void;
}

export type RoomHash = Readonly<Record<string, string>>;

interface Entries {
  readonly buckets: readonly string[];
  readonly ranges: readonly (readonly [string, number])[];
  readonly values: Readonly<Record<string, number>>;
}

const CLEARED_MAX = 50;
const FENCE_MS = 600_000;

/** The prelude of the directory's scripts, function by function and by the same names. */
export class DirectorySteps {
  readonly store: RedisStore;
  readonly nowMs: number;
  readonly prefix: string;
  readonly #context: ScriptContext;
  readonly #known = new Map<string, boolean>();

  constructor(context: ScriptContext, prefix: string) {
    this.store = context.store;
    this.nowMs = context.nowMs;
    this.prefix = prefix;
    this.#context = context;
  }

  key(...parts: readonly string[]): string {
    return this.prefix + parts.join(":");
  }

  publish(channel: string, message: string): void {
    this.#context.publish(this.key(channel), message);
  }

  isAlive(pid: string): boolean {
    const isKnown = this.#known.get(pid);
    if (isKnown !== undefined) return isKnown;
    const lease = this.store.zscore(this.key("leases"), pid);
    const isAlive = lease !== null && lease > this.nowMs && this.#context.numsub(this.key("alive", pid)) > 0;
    this.#known.set(pid, isAlive);
    return isAlive;
  }

  isHeard(pid: string, spareMs: number): boolean {
    return (this.store.zscore(this.key("leases"), pid) ?? 0) - this.nowMs >= spareMs;
  }

  hash(id: string): RoomHash | null {
    return this.store.hgetall(this.key("room", id));
  }

  claimsOf(id: string): number {
    return this.store.zcard(this.key("claims", id));
  }

  takeOut(id: string, entries: Entries): void {
    for (const bucket of entries.buckets) {
      for (const index of ["full", "age", "plans"]) this.store.zrem(this.key(index, bucket), id);
    }
    for (const [range] of entries.ranges) this.store.zrem(this.key("range", range), id);
  }

  place(id: string): void {
    const h = this.hash(id);
    if (h === null) return;
    const entries = entriesOf(h);
    const used = Number(h["clients"]) + this.claimsOf(id);
    const max = Number(h["max"]);
    if (h["open"] !== "1" || h["state"] === "taken" || (max >= 0 && used >= max)) {
      this.takeOut(id, entries);
      return;
    }
    for (const bucket of entries.buckets) {
      if (h["state"] === "plan") {
        this.store.zadd(this.key("plans", bucket), Number(h["made"]), id);
      } else {
        this.store.zadd(this.key("full", bucket), used, id);
        this.store.zadd(this.key("age", bucket), Number(h["made"]), id);
      }
    }
    if (h["state"] !== "live") return;
    for (const [range, value] of entries.ranges) this.store.zadd(this.key("range", range), value, id);
  }

  nextLapse(id: string): void {
    const [first] = this.store.zrange(this.key("claims", id));
    if (first === undefined) this.store.zrem(this.key("claims"), id);
    else this.store.zadd(this.key("claims"), first[1], id);
  }

  endClaim(id: string, claim: string): void {
    if (this.store.zrem(this.key("claims", id), claim)) this.nextLapse(id);
  }

  hold(id: string, claim: string, ms: number): void {
    this.store.zadd(this.key("claims", id), this.nowMs + ms, claim);
    this.nextLapse(id);
    this.place(id);
  }

  tell(name: string, id: string, row: string): void {
    const versions = this.key("versions");
    const version = Number(this.store.hget(versions, name) ?? this.nowMs * 1000) + 1;
    this.store.hset(versions, { [name]: version });
    this.publish(`lobby:${name}`, JSON.stringify({ version: String(version), roomId: id, row }));
  }

  unlist(id: string, h: RoomHash): void {
    this.takeOut(id, entriesOf(h));
    this.store.srem(this.key("all"), id);
    this.store.srem(this.key("name", h["name"] ?? ""), id);
    if (h["shown"] === "1") this.tell(h["name"] ?? "", id, "");
  }

  drop(id: string, h: RoomHash): void {
    this.unlist(id, h);
    if (Number(h["epoch"]) > 1) this.store.set(this.key("fence", id), h["epoch"] ?? "", this.nowMs + FENCE_MS);
    this.store.del(this.key("room", id), this.key("claims", id));
    this.store.zrem(this.key("claims"), id);
    this.store.srem(this.key("of", h["pid"] ?? ""), id);
    this.store.srem(this.key("dead", h["pid"] ?? ""), id);
    if (this.store.zrem(this.key("plans"), id)) this.publish("made", id);
  }

  enrol(pid: string): void {
    if (this.store.zscore(this.key("leases"), pid) === null) this.store.zadd(this.key("leases"), this.nowMs, pid);
  }

  clear(): void {
    for (const [id] of this.store.zrangebyscore(this.key("plans"), -Infinity, this.nowMs, CLEARED_MAX)) {
      const h = this.hash(id);
      if (h?.["state"] === "plan") this.drop(id, h);
      else this.store.zrem(this.key("plans"), id);
    }
    for (const [id] of this.store.zrangebyscore(this.key("claims"), -Infinity, this.nowMs, CLEARED_MAX)) {
      const claims = this.key("claims", id);
      for (const [claim] of this.store.zrangebyscore(claims, -Infinity, this.nowMs)) this.store.zrem(claims, claim);
      this.nextLapse(id);
      this.place(id);
    }
  }
}

export function entriesOf(h: RoomHash): Entries {
  return JSON.parse(h["entries"] ?? "") as Entries;
}
