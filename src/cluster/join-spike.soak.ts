import { expect, test } from "vitest";
import { startSpike } from "../testing/join-spike.ts";
import { aPrefix, testRedisUrl } from "../testing/redis.ts";

/** The row across processes: half of those who are let in are relayed, and all of them go through Redis. */
const ORDINARY_PER_SECOND = 20;
const SPIKE_PER_SECOND = 200;
const SPIKE_SECONDS = 30;
const settings = { REDIS_URL: testRedisUrl(), REDIS_PREFIX: aPrefix() };
const spike = await startSpike({ processes: 2, settings });

test("T21: half a minute of ten times the joins at two processes, and afterwards their doors are as they were", {
  timeout: 120_000,
}, async () => {
  const before = await spike.run({ perSecond: ORDINARY_PER_SECOND, seconds: 5 });
  const during = await spike.run({ perSecond: SPIKE_PER_SECOND, seconds: SPIKE_SECONDS });
  const after = await spike.run({ perSecond: ORDINARY_PER_SECOND, seconds: 5 });
  process.stdout.write(`${JSON.stringify({ before, during, after }, null, 2)}\n`);
  for (const figures of [before, during, after]) {
    expect(figures.lost).toBe(0);
    // What the machine does to the ordinary load it does to the spike.
    expect(figures.admittedMsP99).toBeLessThanOrEqual(Math.max(1000, 3 * before.admittedMsP99));
    expect(figures.gapTicksP99).toBeLessThanOrEqual(Math.max(1.5, 1.2 * before.gapTicksP99));
    for (const answer of figures.answers) expect(answer).toMatch(/^503 (REDIS_)?UNAVAILABLE [1-5]$/);
  }
  for (const { refused } of [before, after]) expect(refused).toBe(0);
  expect(during.admitted).toBeGreaterThan(ORDINARY_PER_SECOND * SPIKE_SECONDS);
});
