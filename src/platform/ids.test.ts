import { expect, test } from "vitest";
import { idPrefixes } from "../../schema/ids.ts";
import { TestClock } from "./clock.ts";
import { createIds } from "./ids.ts";
import { createSeededRandom, cryptoRandom, secretText } from "./random.ts";

test("[PLATFORM2] ids carry their kind's prefix, sort by time and do not repeat", () => {
  const clock = new TestClock();
  const ids = createIds({ clock, random: cryptoRandom });
  const minted = Array.from({ length: 500 }, () => {
    clock.advance(1);
    return ids.mint("account");
  });
  expect(minted.every((id) => /^acc_[0-9a-hjkmnp-tv-z]{26}$/.test(id))).toBe(true);
  expect([...minted].sort()).toEqual(minted);
  expect(new Set(minted).size).toBe(minted.length);
});

test("[PLATFORM2] no prefix is the beginning of another", () => {
  const prefixes = Object.values(idPrefixes);
  for (const one of prefixes) {
    for (const other of prefixes) expect(one === other || !other.startsWith(one)).toBe(true);
  }
});

test("[PLATFORM3] seeded randomness repeats, differs by seed and covers its range evenly", () => {
  const draw = (seed: number) => {
    const random = createSeededRandom(seed);
    return Array.from({ length: 6000 }, () => random.below(6));
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  const counts = [0, 1, 2, 3, 4, 5].map((face) => draw(7).filter((drawn) => drawn === face).length);
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test("[PLATFORM3] a secret of 128 bits is 22 characters that fit a URL", () => {
  const secrets = Array.from({ length: 100 }, () => secretText(cryptoRandom, 128));
  expect(secrets.every((secret) => /^[\w-]{22}$/.test(secret))).toBe(true);
  expect(new Set(secrets).size).toBe(100);
});
