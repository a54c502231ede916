import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Limit } from "../../platform/rate-limit.ts";
import type { SharedCounts } from "../../platform/shared-counts.ts";

/**
 * Counts attempts by key, in windows that begin with the first: by the given clock in this process's memory, and in Redis
 * together with all other processes, where that is to be had. All fail with RATE_LIMITED.
 */
export interface Attempts {
  /** Takes one of the key's attempts. */
  take(key: string): Promise<void>;
  /** Fails when none is left, and takes none. */
  check(key: string): Promise<void>;
  /** Takes one, if there is one. Never fails. */
  count(key: string): Promise<void>;
}

export interface AttemptParts {
  readonly clock: Clock;
  /** Null in a process that is alone. */
  readonly counts: SharedCounts | null;
}

/** Keys come from outside: beyond this many the one that began first is forgotten, which a flood pays for dearly. */
const KEYS_MAX = 100_000;

/** `name` says what is attempted, for all processes alike. */
export function createAttempts({ clock, counts }: AttemptParts, name: string, limit: Limit): Attempts {
  const own = createOwnAttempts(clock, limit);
  const ask = async (how: "take" | "check", key: string) => {
    // Addresses of people are nobody's business there.
    const hash = createHash("sha256").update(key).digest("base64url");
    const count = { key: [name, hash], max: limit.count, perSeconds: limit.perSeconds };
    return (await counts?.[how]([count])) ?? null;
  };
  const refuseSpent = async (how: "take" | "check", key: string) => {
    const spent = await ask(how, key);
    if (spent !== null) throw refusal(spent.msBeforeNext);
  };
  return {
    async take(key) {
      own.check(key);
      own.count(key);
      await refuseSpent("take", key);
    },
    async check(key) {
      own.check(key);
      await refuseSpent("check", key);
    },
    async count(key) {
      own.count(key);
      await ask("take", key);
    },
  };
}

function createOwnAttempts(clock: Clock, limit: Limit) {
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
  return {
    check(key: string): void {
      const { left, untilMs } = windowOf(key);
      if (left <= 0) throw refusal(untilMs - clock.monotonicMs());
    },
    count(key: string): void {
      windowOf(key).left -= 1;
    },
  };
}

function refusal(msBeforeNext: number): AppError {
  return new AppError("RATE_LIMITED", { retryAfterSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)) });
}
