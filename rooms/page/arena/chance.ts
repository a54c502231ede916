import { draw } from "../../arena/random.ts";

/** Chance for what is only to look at. Sparks need speed and no secrecy, so the seed alone is from the system. */
const dice = { seed: seedFromCrypto() };

export function seedFromCrypto(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
}

/** From `low` up to `high`, evenly. */
export function between(low: number, high: number): number {
  return low + (draw(dice) / 2 ** 32) * (high - low);
}
