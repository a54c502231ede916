import type { SeededRandom } from "./random.ts";

/** What is dealt, and its part of the whole. Parts need not add up to 1. */
export type Parts<Value> = readonly (readonly [value: Value, share: number])[];

/**
 * How many of `count` each value gets, by the method of largest remainders: exact, whatever the seed. Of equal remainders
 * the one that stands first wins.
 */
function quotas<Value>(parts: Parts<Value>, count: number): number[] {
  const total = parts.reduce((sum, [, share]) => sum + share, 0);
  const exact = parts.map(([, share]) => (share * count) / total);
  const whole = exact.map(Math.floor);
  let left = count - whole.reduce((sum, quota) => sum + quota, 0);
  const byRemainder = exact
    .map((quota, index) => ({ index, remainder: quota - Math.floor(quota) }))
    .sort((one, other) => other.remainder - one.remainder || one.index - other.index);
  for (const { index } of byRemainder) {
    if (left === 0) break;
    whole[index] = (whole[index] ?? 0) + 1;
    left -= 1;
  }
  return whole;
}

/**
 * Deals values to `isProbe.length` bots in random order and exact shares, and to the probes among them in the same shares:
 * else the few bots that look closely could all be of a kind that does not play.
 */
export function deal<Value>(parts: Parts<Value>, isProbe: readonly boolean[], random: SeededRandom): Value[] {
  const probes = isProbe.filter(Boolean).length;
  const counts = quotas(parts, isProbe.length);
  const ofProbes = quotas(
    parts.map(([value], index) => [value, counts[index] ?? 0]),
    probes,
  );
  const hand = (take: (index: number) => number) =>
    shuffle(
      parts.flatMap(([value], index) => new Array<Value>(take(index)).fill(value)),
      random,
    );
  const toProbes = hand((index) => ofProbes[index] ?? 0);
  const toOthers = hand((index) => (counts[index] ?? 0) - (ofProbes[index] ?? 0));
  return isProbe.flatMap((probes) => (probes ? toProbes : toOthers).splice(-1));
}

/** Which of `count` bots are probes: `probes` of them, the first one among them, one somewhere in each equal slice. */
export function placeProbes(count: number, probes: number, random: SeededRandom): boolean[] {
  const places = Array.from({ length: probes }, (_, index) => {
    const from = Math.floor((index * count) / probes);
    const to = Math.floor(((index + 1) * count) / probes);
    return index === 0 ? 0 : from + random.below(to - from);
  });
  const isProbe = new Array<boolean>(count).fill(false);
  for (const place of places) isProbe[place] = true;
  return isProbe;
}

/** Fisher and Yates, in place. */
export function shuffle<Value>(values: Value[], random: SeededRandom): Value[] {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [values[last], values[other]] = [values[other] as Value, values[last] as Value];
  }
  return values;
}
