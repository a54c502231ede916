import { type AddressScope, addressScopes } from "./address-scopes.ts";
import { createSystemClock } from "./clock.ts";
import { AppError } from "./errors.ts";

/** `count` requests per `perSeconds` seconds and key. */
export interface Limit {
  readonly count: number;
  readonly perSeconds: number;
}

export interface RateLimit {
  /** Takes one from the allowance of `key` at `door`, or fails with RATE_LIMITED and `retryAfterSeconds`. */
  take(door: string, limit: Limit, key: string): Promise<void>;
  /** Likewise for an address, and for the networks that it is in, which have larger allowances. */
  takeForAddress(door: string, limit: Limit, address: string): Promise<void>;
}

/** Enough for every honest player of one process; about 40 MB when an attacker has filled it. */
const KEYS_MAX = 100_000;

/** A key's allowance at a door, from its first request on. */
interface Window {
  readonly untilMs: number;
  taken: number;
}

/**
 * Counts in this process's memory; a restart forgets. Several processes each allow the full count, so the true
 * allowance is the count times the processes until the counts live in Redis.
 */
export function createRateLimit({ clock = createSystemClock(), keysMax = KEYS_MAX } = {}): RateLimit {
  /** By door and key. What was counted last stands last, and whoever has not been seen for longest is forgotten first. */
  const windows = new Map<string, Window>();

  const forgetOldest = (nowMs: number) => {
    for (const [oldest, { untilMs }] of windows) {
      if (untilMs > nowMs && windows.size <= keysMax) break;
      windows.delete(oldest);
    }
  };
  const windowOf = (name: string, perSeconds: number): Window => {
    const nowMs = clock.monotonicMs();
    const known = windows.get(name);
    if (known !== undefined) windows.delete(name);
    if (known !== undefined && known.untilMs > nowMs) {
      windows.set(name, known);
      return known;
    }
    const window = { untilMs: nowMs + perSeconds * 1000, taken: 0 };
    windows.set(name, window);
    forgetOldest(nowMs);
    return window;
  };
  const refuse = ({ untilMs }: Window): never => {
    const retryAfterSeconds = Math.max(1, Math.ceil((untilMs - clock.monotonicMs()) / 1000));
    throw new AppError("RATE_LIMITED", { retryAfterSeconds });
  };
  const take = (door: string, { count, perSeconds }: Limit, { key, share }: AddressScope): void => {
    const window = windowOf(nameOf(door, key), perSeconds);
    window.taken += 1;
    if (window.taken > count * share) refuse(window);
  };
  return {
    take: async (door, limit, key) => take(door, limit, { key, share: 1 }),
    async takeForAddress(door, limit, address) {
      const [alone, ...networks] = addressScopes(address);
      // A network that has used up its own is turned away before its next address costs memory.
      for (const { key, share } of networks) {
        const window = windows.get(nameOf(door, key));
        const isSpent = window !== undefined && window.taken >= limit.count * share;
        if (isSpent && window.untilMs > clock.monotonicMs()) refuse(window);
      }
      // Narrowest first: one address's refused requests take nothing from its neighbours.
      take(door, limit, alone);
      for (const network of networks) take(door, limit, network);
    },
  };
}

const nameOf = (door: string, key: string) => `${door}:${key}`;

export interface InFlight {
  /** Counts one request of `key` in, or fails with RATE_LIMITED or UNAVAILABLE. What it returns counts it out. */
  enter(key: string): () => void;
}

/** How many requests are being answered at once: each holds a body and a place in some queue. */
export function createInFlight({ perKeyMax, max }: { perKeyMax: number; max: number }): InFlight {
  const counts = new Map<string, number>();
  let total = 0;
  return {
    enter(key) {
      const count = counts.get(key) ?? 0;
      if (count >= perKeyMax) throw new AppError("RATE_LIMITED", { retryAfterSeconds: 1 });
      if (total >= max) throw new AppError("UNAVAILABLE", { reason: "busy" });
      counts.set(key, count + 1);
      total++;
      return () => {
        total--;
        const left = (counts.get(key) ?? 1) - 1;
        if (left === 0) counts.delete(key);
        else counts.set(key, left);
      };
    },
  };
}
