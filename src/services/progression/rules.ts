import type { LevelCurve } from "../../../schema/content.ts";

/**
 * All the XP it takes to be at `level`, from 1 up: with n = level - 1 steps behind one, n · base + growth · n (n - 1) / 2.
 * The sum of an arithmetic series; a whole number, because n (n - 1) is even.
 */
export function xpForLevel({ base, growth }: LevelCurve, level: number): number {
  const steps = level - 1;
  return steps * base + (growth * steps * (steps - 1)) / 2;
}

/** The level that `xp` amounts to, from 1 to `curve.max`. */
export function levelOf(curve: LevelCurve, xp: number): number {
  let level = 1;
  while (level < curve.max && xpForLevel(curve, level + 1) <= xp) level++;
  return level;
}

export interface LevelStanding {
  readonly level: number;
  /** XP since this level began. */
  readonly xpIntoLevel: number;
  /** XP from the beginning of this level to the next; null at the last level. */
  readonly xpForNextLevel: number | null;
}

export function standingOf(curve: LevelCurve, xp: number): LevelStanding {
  const level = levelOf(curve, xp);
  const begin = xpForLevel(curve, level);
  const xpForNextLevel = level === curve.max ? null : xpForLevel(curve, level + 1) - begin;
  return { level, xpIntoLevel: xp - begin, xpForNextLevel };
}
