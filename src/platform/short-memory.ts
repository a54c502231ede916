import type { Clock } from "./clock.ts";

/** What is worth remembering for a while only. */
export interface ShortMemory<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
}

interface ShortMemoryOptions {
  readonly clock: Clock;
  /** Every entry is kept for at least so long. */
  readonly keepMs: number;
  /** With so many new ones the oldest are forgotten early; by default never, for what must not be forgotten. */
  readonly max?: number;
}

/** Forgets in two generations: nothing is searched, and no entry needs a timer of its own. */
export function createShortMemory<Value>({ clock, keepMs, max = Infinity }: ShortMemoryOptions): ShortMemory<Value> {
  let young = new Map<string, Value>();
  let old = new Map<string, Value>();
  let youngSinceMs = clock.monotonicMs();
  const age = () => {
    const ageMs = clock.monotonicMs() - youngSinceMs;
    if (ageMs < keepMs && young.size < max) return;
    old = ageMs < 2 * keepMs ? young : new Map();
    young = new Map();
    youngSinceMs = clock.monotonicMs();
  };
  return {
    get(key) {
      age();
      return young.get(key) ?? old.get(key);
    },
    set(key, value) {
      age();
      young.set(key, value);
    },
    delete(key) {
      young.delete(key);
      old.delete(key);
    },
  };
}
