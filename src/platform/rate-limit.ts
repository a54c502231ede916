import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { addressScopes } from "./address-scopes.ts";
import { AppError } from "./errors.ts";
import type { SharedCounts } from "./shared-counts.ts";
import { createTally, takeAll } from "./tally.ts";

/** `count` requests per `perSeconds` seconds and key. */
export interface Limit {
  readonly count: number;
  readonly perSeconds: number;
  /** Whoever asks each process by itself, as a probe does, is counted by each for itself. */
  readonly isPerProcess?: boolean;
}

export interface RateLimit {
  /** Takes one from the allowance of `key` at `door`, or fails with RATE_LIMITED and `retryAfterSeconds`. */
  take(door: string, limit: Limit, key: string): Promise<void>;
  /** Likewise for an address, and for the networks that it is in, which have larger allowances. */
  takeForAddress(door: string, limit: Limit, address: string): Promise<void>;
}

interface RateLimitParts {
  readonly keysMax?: number;
  /** What all processes count together; null in one that is alone. */
  readonly shared?: SharedCounts | null;
}

interface Scope {
  readonly limiter: RateLimiterMemory;
  readonly key: string;
}

/** Enough for every honest player of one process; about 40 MB when an attacker has filled it. */
const KEYS_MAX = 100_000;

/**
 * Counts in this process's memory, which refuses a flood without asking anybody and goes on where Redis is away, and then
 * in Redis with all others. A restart forgets the one, an emptied Redis the other.
 */
export function createRateLimit({ keysMax = KEYS_MAX, shared = null }: RateLimitParts = {}): RateLimit {
  const limiters = new Map<string, RateLimiterMemory>();
  /** What was counted last stands last. Whoever has not been seen for longest is forgotten first. */
  const recent = new Map<string, () => void>();

  const limiterOf = (door: string, { count, perSeconds }: Limit, share = 1) => {
    const name = `${door} ×${share}`;
    const known = limiters.get(name);
    if (known !== undefined) return known;
    const limiter = new RateLimiterMemory({ keyPrefix: name, points: count * share, duration: perSeconds });
    limiters.set(name, limiter);
    return limiter;
  };
  const consume = async ({ limiter, key }: Scope) => {
    remember(recent, { keysMax, name: `${limiter.keyPrefix}:${key}`, forget: () => void limiter.delete(key) });
    await limiter.consume(key).catch((refusal: unknown) => refuse(refusal, limiter));
  };
  const consumeShared = async (scopes: readonly Scope[], { isPerProcess = false }: Limit) => {
    if (shared === null || isPerProcess) return;
    const counts = scopes.map(({ limiter: { keyPrefix, points, duration }, key }) => ({
      key: [keyPrefix, key],
      max: points,
      perSeconds: duration,
    }));
    const spent = await shared.take(counts);
    const scope = spent === null ? undefined : scopes[spent.at];
    if (spent === null || scope === undefined) return;
    const { limiter, key } = scope;
    // Known from now on: nobody need be asked again before it is given again.
    await limiter.block(key, Math.ceil(spent.msBeforeNext / 1000));
    refuse(new RateLimiterRes(0, spent.msBeforeNext), limiter);
  };
  return {
    async take(door, limit, key) {
      const scope = { limiter: limiterOf(door, limit), key };
      await consume(scope);
      await consumeShared([scope], limit);
    },
    async takeForAddress(door, limit, address) {
      const scopes = addressScopes(address).map(({ key, share }) => ({ key, limiter: limiterOf(door, limit, share) }));
      // A network that has used up its own is turned away before its next address costs memory.
      for (const { key, limiter } of scopes.slice(1)) {
        const spent = await limiter.get(key);
        if (spent !== null && spent.consumedPoints >= limiter.points) refuse(spent, limiter);
      }
      // Narrowest first: one address's refused requests take nothing from its neighbours.
      for (const scope of scopes) await consume(scope);
      await consumeShared(scopes, limit);
    },
  };
}

interface Remembered {
  readonly keysMax: number;
  readonly name: string;
  readonly forget: () => void;
}

function remember(recent: Map<string, () => void>, { keysMax, name, forget }: Remembered): void {
  recent.delete(name);
  recent.set(name, forget);
  if (recent.size <= keysMax) return;
  const [oldest] = recent;
  if (oldest === undefined) return;
  oldest[1]();
  recent.delete(oldest[0]);
}

function refuse(refusal: unknown, { duration }: RateLimiterMemory): never {
  if (!(refusal instanceof RateLimiterRes)) throw refusal;
  // The library reads the wall clock here, which may have been set back; the count itself ends by a timer.
  const seconds = Math.min(Math.ceil(refusal.msBeforeNext / 1000), duration);
  throw new AppError("RATE_LIMITED", { retryAfterSeconds: Math.max(1, seconds) });
}

export interface InFlight {
  /** Counts one request of `key` in, or fails with RATE_LIMITED or UNAVAILABLE. What it returns counts it out. */
  enter(key: string): () => void;
}

/** How many requests are being answered at once: each holds a body and a place in some queue. */
export function createInFlight({ perKeyMax, max }: { perKeyMax: number; max: number }): InFlight {
  const refusal = () => new AppError("RATE_LIMITED", { retryAfterSeconds: 1 });
  const byKey = createTally({ max: perKeyMax, refusal });
  const all = createTally({ max, refusal: () => new AppError("UNAVAILABLE", { reason: "busy" }) });
  return {
    enter: (key) =>
      takeAll(
        () => byKey.take(key),
        () => all.take("all"),
      ),
  };
}
