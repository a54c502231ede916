import type { AppError } from "./errors.ts";

/** How much each key holds of something that there may be only so much of. */
export interface Tally {
  /** Counts one in for `key`, or fails with the tally's refusal. What it returns counts it out, once. */
  take(key: string): () => void;
}

export function createTally({ max, refusal }: { max: number; refusal: () => AppError }): Tally {
  const counts = new Map<string, number>();
  return {
    take(key) {
      const count = counts.get(key) ?? 0;
      if (count >= max) throw refusal();
      counts.set(key, count + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (counts.get(key) ?? 1) - 1;
        if (left === 0) counts.delete(key);
        else counts.set(key, left);
      };
    },
  };
}

/** Takes one from each tally or from none: what the first ones gave goes back when a later one refuses. */
export function takeAll(...takes: (() => () => void)[]): () => void {
  const held: (() => void)[] = [];
  const giveBack = () => {
    for (const release of held) release();
  };
  try {
    for (const take of takes) held.push(take());
    return giveBack;
  } catch (refusal) {
    giveBack();
    throw refusal;
  }
}
