import { createHash } from "node:crypto";
import type { Content } from "../../../schema/content.ts";

export type Loot = Content["loot"][string];

export interface RollOutcome {
  /** The indexes of the entries that it gives, in order. */
  readonly picks: readonly number[];
  /** How many rolls ago, after these, the entry that is promised was given. */
  readonly missesAfter: number;
}

/**
 * What a loot table gives for a seed: everything that a roll's outcome follows from, so that anybody can check one. The draw
 * with number n (from 0) is a whole number below the sum of the weights, from SHA-256 of `seed:n` (see `drawBelow`), and
 * picks the entry within whose weight it falls. Once `pity.after` draws have passed without the promised entry, the next is it.
 */
export function rollLoot({ rolls, entries, pity }: Loot, seed: string, missesBefore: number): RollOutcome {
  const total = entries.reduce((sum, { weight }) => sum + weight, 0);
  const picks: number[] = [];
  let misses = missesBefore;
  for (let number = 0; number < rolls; number++) {
    const isOwed = pity !== undefined && misses >= pity.after;
    const pick = isOwed ? pity.entry : entryAt(entries, drawBelow(total, `${seed}:${number}`));
    misses = pity === undefined || pick === pity.entry ? 0 : misses + 1;
    picks.push(pick);
  }
  return { picks, missesAfter: misses };
}

function entryAt(entries: Loot["entries"], drawn: number): number {
  let rest = drawn;
  for (const [index, { weight }] of entries.entries()) {
    if (rest < weight) return index;
    rest -= weight;
  }
  throw new Error("a draw lies below the sum of the weights");
}

/**
 * The first of the hash's eight 32-bit numbers (big-endian) that lies below the highest multiple of `below`, modulo `below`,
 * so that no remainder is likelier than another. `below` is at most 10^8, so that all eight fail once in 10^13 hashes; then
 * the hash itself is hashed.
 */
function drawBelow(below: number, text: string): number {
  const limit = Math.floor(2 ** 32 / below) * below;
  const hash = createHash("sha256").update(text).digest();
  for (let offset = 0; offset < hash.length; offset += 4) {
    const value = hash.readUInt32BE(offset);
    if (value < limit) return value % below;
  }
  return drawBelow(below, hash.toString("hex"));
}
