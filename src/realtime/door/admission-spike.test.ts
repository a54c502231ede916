import { expect, test } from "vitest";
import { startSpike } from "../../testing/join-spike.ts";

/** Twenty joins a second are a good evening; ten times as many are the minute after a stream has begun. */
const ORDINARY_PER_SECOND = 20;
const SPIKE_PER_SECOND = 200;
const SPIKE_SECONDS = 4;
const spike = await startSpike();

test("[ADMIT3] T21: ten times the joins slow down neither the rooms that run nor those who are let in", async () => {
  const ordinary = await spike.run({ perSecond: ORDINARY_PER_SECOND, seconds: 1 });
  expect(ordinary).toMatchObject({ admitted: ORDINARY_PER_SECOND, refused: 0, lost: 0 });
  const figures = await spike.run({ perSecond: SPIKE_PER_SECOND, seconds: SPIKE_SECONDS });
  expect(figures.lost).toBe(0);
  expect(figures.admitted).toBeGreaterThan(ORDINARY_PER_SECOND * SPIKE_SECONDS);
  expect(figures.admittedMsP99).toBeLessThanOrEqual(1000);
  expect(figures.gapTicksP99).toBeLessThanOrEqual(1.5);
  for (const answer of figures.answers) expect(answer).toMatch(/^503 UNAVAILABLE [1-5]$/);
});

test("[ADMIT3] T21: of a thousand joins in one moment some get in, and the rest are told to come back at different times", async () => {
  const figures = await spike.run({ perSecond: 1000, seconds: 1 });
  expect(figures.lost).toBe(0);
  expect(figures.admitted).toBeGreaterThan(0);
  for (const answer of figures.answers) expect(answer).toMatch(/^503 UNAVAILABLE [1-5]$/);
  if (figures.refused > 50) expect(figures.answers.length).toBeGreaterThan(1);
});
