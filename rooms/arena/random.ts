import type { Dice } from "./world.ts";

/**
 * Mulberry32 by Tommy Ettinger: 32 bits of state, which live in the world, so that a replay draws the same numbers.
 * It is for bots and spawn points; nothing of value may depend on it. Whole numbers only, hence equal on every engine.
 */
export function draw(dice: Dice): number {
  const next = (dice.seed + 0x6d2b79f5) | 0;
  dice.seed = next >>> 0;
  let mixed = Math.imul(next ^ (next >>> 15), 1 | next);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

/** A whole number from 0 to `below - 1`. The remainder's bias is below one in a million for the small ranges here. */
export function drawBelow(dice: Dice, below: number): number {
  return draw(dice) % below;
}
