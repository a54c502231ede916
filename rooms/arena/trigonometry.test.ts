import fc from "fast-check";
import { expect, test } from "vitest";
import { FULL_TURN } from "./rules.ts";
import { angleOf, cosine, sine, turnBetween } from "./trigonometry.ts";

const radians = (angle: number) => (angle / FULL_TURN) * 2 * Math.PI;
const anAngle = fc.nat(FULL_TURN - 1);

test("[ARENA1] no entry of the sine table hangs on an engine's last bits", () => {
  let margin = 1;
  for (let angle = 0; angle <= FULL_TURN / 4; angle++) {
    const scaled = Math.sin(radians(angle)) * 2 ** 14;
    margin = Math.min(margin, Math.abs(scaled - Math.floor(scaled) - 0.5));
  }
  // Engines differ by less than 1e-11 at this scale.
  expect(margin).toBeGreaterThan(1e-7);
});

test("[ARENA1] sine and cosine are within the table's rounding, all around", () => {
  for (let angle = 0; angle < FULL_TURN; angle++) {
    const error = Math.max(
      Math.abs(sine(angle) - Math.sin(radians(angle))),
      Math.abs(cosine(angle) - Math.cos(radians(angle))),
    );
    if (error > 2 ** -15 + 1e-12) expect.fail(`at ${angle} off by ${error}`);
  }
});

test("[ARENA1] angleOf finds a direction's angle within two steps", () => {
  fc.assert(
    fc.property(anAngle, fc.double({ min: 0.01, max: 100, noNaN: true }), (angle, length) => {
      const found = angleOf(Math.cos(radians(angle)) * length, Math.sin(radians(angle)) * length);
      expect(Math.abs(turnBetween(angle, found))).toBeLessThanOrEqual(2);
    }),
    { numRuns: 2000 },
  );
  expect(angleOf(0, 0)).toBe(0);
});

test("[ARENA1] turning by turnBetween arrives, the short way", () => {
  fc.assert(
    fc.property(anAngle, anAngle, (from, to) => {
      const turn = turnBetween(from, to);
      expect((from + turn) & (FULL_TURN - 1)).toBe(to);
      expect(Math.abs(turn)).toBeLessThanOrEqual(FULL_TURN / 2);
    }),
  );
});
