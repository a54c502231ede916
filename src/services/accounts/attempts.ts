import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Limit } from "../../platform/rate-limit.ts";

/** Counts attempts by key, in windows that begin with the first. By the given clock, in this process's memory. */
export interface Attempts {
  /** Takes one of the key's attempts, or fails with RATE_LIMITED. */
  take(key: string): void;
  /** Fails with RATE_LIMITED when none is left, and takes none. */
  check(key: string): void;
  /** Takes one, if there is one. */
  count(key: string): void;
}

/** Keys come from outside: beyond this many the one that began first is forgotten, which a flood pays for dearly. */
const KEYS_MAX = 100_000;

export function createAttempts(clock: Clock, limit: Limit): Attempts {
  const windows = new Map<string, { left: number; untilMs: number }>();
  const windowOf = (key: string) => {
    const now = clock.monotonicMs();
    for (const [oldest, { untilMs }] of windows) {
      if (untilMs > now && windows.size < KEYS_MAX) break;
      windows.delete(oldest);
    }
    const fresh = windows.get(key) ?? { left: limit.count, untilMs: now + limit.perSeconds * 1000 };
    windows.set(key, fresh);
    return fresh;
  };
  const check = (key: string) => {
    const { left, untilMs } = windowOf(key);
    if (left > 0) return;
    const retryAfterSeconds = Math.ceil((untilMs - clock.monotonicMs()) / 1000);
    throw new AppError("RATE_LIMITED", { retryAfterSeconds });
  };
  const count = (key: string) => {
    windowOf(key).left -= 1;
  };
  return {
    check,
    count,
    take(key) {
      check(key);
      count(key);
    },
  };
}
