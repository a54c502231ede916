import { expect, test } from "vitest";
import { startSpike } from "../../testing/join-spike.ts";

/** The whole row: half a minute of ten times the ordinary load, and then the ordinary load again. */
const ORDINARY_PER_SECOND = 20;
const SPIKE_PER_SECOND = 200;
const SPIKE_SECONDS = 30;
const spike = await startSpike();

test("T21: half a minute of ten times the joins, and afterwards the door is as it was", {
  timeout: 120_000,
}, async () => {
  const before = await spike.run({ perSecond: ORDINARY_PER_SECOND, seconds: 5 });
  const during = await spike.run({ perSecond: SPIKE_PER_SECOND, seconds: SPIKE_SECONDS });
  const after = await spike.run({ perSecond: ORDINARY_PER_SECOND, seconds: 5 });
  process.stdout.write(`${JSON.stringify({ before, during, after }, null, 2)}\n`);
  for (const figures of [before, during, after]) {
    expect(figures.lost).toBe(0);
    expect(figures.admittedMsP99).toBeLessThanOrEqual(1000);
    expect(figures.gapTicksP99).toBeLessThanOrEqual(1.5);
    for (const answer of figures.answers) expect(answer).toMatch(/^503 UNAVAILABLE [1-5]$/);
  }
  for (const { refused } of [before, after]) expect(refused).toBe(0);
  expect(during.admitted).toBeGreaterThan(ORDINARY_PER_SECOND * SPIKE_SECONDS);
});
