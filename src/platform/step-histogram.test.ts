import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { createSeededRandom } from "../../loadtest/random.ts";
import { StepHistogram } from "./step-histogram.ts";

test("[METRICS1] what a scrape reads of steps is, to the letter, what prom-client's own histogram says of the same values", async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const about = { name: "step_seconds", help: "Time of a step.", buckets: [0.001, 0.01, 0.1] };
  const steps = new StepHistogram({ ...about, registers: [ours] });
  const reference = new Histogram({ ...about, labelNames: ["room"], registers: [theirs] });
  const random = createSeededRandom(7);
  for (const room of ["arena", 'a "room"\n']) {
    for (const seconds of [0, 0.001, 0.01, 0.1, 5, ...Array.from({ length: 200 }, () => random.below(1000) / 4000)]) {
      steps.of(room).observe(seconds);
      reference.labels({ room }).observe(seconds);
    }
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
  expect(await ours.metrics()).toContain('step_seconds_bucket{le="0.1",room="arena"}');
});
