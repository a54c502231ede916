import { expect, test } from "vitest";
import { contentShape } from "../../../schema/content.ts";
import { levelOf, standingOf, xpForLevel } from "./rules.ts";

const curve = { base: 100, growth: 50, max: 100 };

test("[PROGRESSION6] each level takes base and growth more than the one before", () => {
  expect([1, 2, 3, 4, 5].map((level) => xpForLevel(curve, level))).toEqual([0, 100, 250, 450, 700]);
  expect(xpForLevel({ ...curve, growth: 0 }, 11)).toBe(1000);
});

test("[PROGRESSION6] a level begins with its XP, not one before", () => {
  for (let level = 2; level <= curve.max; level++) {
    expect(levelOf(curve, xpForLevel(curve, level))).toBe(level);
    expect(levelOf(curve, xpForLevel(curve, level) - 1)).toBe(level - 1);
  }
});

test("[PROGRESSION6] the last level has no next", () => {
  const last = xpForLevel(curve, 100);
  expect(standingOf(curve, last + 1_000_000)).toEqual({ level: 100, xpIntoLevel: 1_000_000, xpForNextLevel: null });
  expect(standingOf(curve, last - 1)).toEqual({ level: 99, xpIntoLevel: 4999, xpForNextLevel: 5000 });
  expect(standingOf({ ...curve, max: 1 }, 500)).toEqual({ level: 1, xpIntoLevel: 500, xpForNextLevel: null });
});

test("[PROGRESSION6] a curve that makes no sense is refused", () => {
  for (const wrong of [{ base: 0 }, { base: 1.5 }, { growth: -1 }, { max: 0 }, { max: Number.NaN }, { step: 1 }]) {
    expect(contentShape.shape.levels.safeParse({ ...curve, ...wrong }).success).toBe(false);
  }
  expect(contentShape.shape.levels.parse(curve)).toEqual(curve);
});
