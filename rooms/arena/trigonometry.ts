import { FULL_TURN } from "./rules.ts";

/**
 * Sine and cosine over binary angles. ECMAScript lets engines differ in the last bits of Math.sin, and one such bit
 * would in time part a browser's prediction from the server, or a replay from its match. Entries rounded to 2^-14
 * cannot differ: no true value lies close enough to the middle between two of them (a test measures the margin).
 */
const QUARTER = FULL_TURN / 4;
const SCALE = 2 ** 14;

const quarterWave = new Float64Array(QUARTER + 1);
for (let angle = 0; angle <= QUARTER; angle++) {
  quarterWave[angle] = Math.floor(Math.sin((angle / FULL_TURN) * 2 * Math.PI) * SCALE + 0.5) / SCALE;
}

export function sine(angle: number): number {
  const turned = angle & (FULL_TURN - 1);
  const folded = turned % (FULL_TURN / 2);
  const value = quarterWave[folded <= QUARTER ? folded : FULL_TURN / 2 - folded] ?? 0;
  return turned < FULL_TURN / 2 ? value : -value;
}

export function cosine(angle: number): number {
  return sine(angle + QUARTER);
}

/**
 * The binary angle of a vector, good to 2 steps (0.01 degrees); 0 for no vector. Math.atan2 has the same licence to
 * differ, so this is the polynomial of Abramowitz and Stegun, 4.4.49, on the first octant, folded eight times.
 */
export function angleOf(x: number, y: number): number {
  const across = x < 0 ? -x : x;
  const along = y < 0 ? -y : y;
  if (across === 0 && along === 0) return 0;
  const steep = along > across;
  const z = steep ? across / along : along / across;
  const s = z * z;
  const radians = z * (0.999866 + s * (-0.3302995 + s * (0.180141 + s * (-0.085133 + s * 0.0208351))));
  let angle = (radians / (2 * Math.PI)) * FULL_TURN;
  if (steep) angle = QUARTER - angle;
  if (x < 0) angle = FULL_TURN / 2 - angle;
  if (y < 0) angle = FULL_TURN - angle;
  return Math.floor(angle + 0.5) & (FULL_TURN - 1);
}

/** The shortest way from one angle to another, from -32768 to 32767. Positive turns from +x towards +y. */
export function turnBetween(from: number, to: number): number {
  const turn = (to - from) & (FULL_TURN - 1);
  return turn < FULL_TURN / 2 ? turn : turn - FULL_TURN;
}
