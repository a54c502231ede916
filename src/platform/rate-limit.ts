import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { AppError } from "./errors.ts";

/** `count` requests per `perSeconds` seconds and key. */
export interface Limit {
  readonly count: number;
  readonly perSeconds: number;
}

export interface RateLimit {
  /** Takes one from the allowance of `key` at `door`, or fails with RATE_LIMITED and `retryAfterSeconds`. */
  take(door: string, limit: Limit, key: string): Promise<void>;
}

/**
 * Counts in this process's memory; a restart forgets. Several processes each allow the full count, so the true
 * allowance is the count times the processes until the counts live in Redis.
 */
export function createRateLimit(): RateLimit {
  const limiters = new Map<string, RateLimiterMemory>();
  return {
    async take(door, limit, key) {
      let limiter = limiters.get(door);
      if (limiter === undefined) {
        limiter = new RateLimiterMemory({ points: limit.count, duration: limit.perSeconds });
        limiters.set(door, limiter);
      }
      try {
        await limiter.consume(key);
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        throw new AppError("RATE_LIMITED", { retryAfterSeconds: Math.ceil(refusal.msBeforeNext / 1000) });
      }
    },
  };
}
