import fc from "fast-check";
import { expect, test } from "vitest";
import { createRecorder, Tally } from "./recorder.ts";

test("[SWARM4] windows of many workers added up are the histogram that one would have recorded", () => {
  const values = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { maxLength: 200 });
  const run = (workers: number[][]) => {
    const alone = new Tally();
    const merged = new Tally();
    for (const recorded of workers) {
      const recorder = createRecorder();
      for (const [index, value] of recorded.entries()) {
        alone.record("joinMs", value);
        recorder.record("joinMs", value);
        // A look each second in between changes nothing, and what has come by wire is what was sent.
        if (index % 50 === 49) merged.add(JSON.parse(JSON.stringify(recorder.take())));
      }
      merged.add(recorder.take());
    }
    expect(merged.measures).toEqual(alone.measures);
    const exact = workers.flat().sort((one, other) => one - other);
    const p99 = exact[Math.max(0, Math.ceil(exact.length * 0.99) - 1)];
    if (p99 === undefined) return;
    expect(Math.abs((merged.measures.joinMs?.p99 ?? Number.NaN) - p99)).toBeLessThanOrEqual(0.001 + p99 / 1000);
  };
  fc.assert(fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), run), { numRuns: 40 });
});

test("[SWARM4] counters, errors and violations add up, and seated time is the sum of the seats' times", () => {
  const total = new Tally();
  for (let worker = 0; worker < 3; worker++) {
    const recorder = createRecorder();
    recorder.seated(1);
    recorder.seated(1);
    recorder.seated(-1);
    recorder.count("joins");
    recorder.count("bytesIn", 500);
    recorder.error("ROOM_FULL");
    recorder.violation("I7", `worker ${worker} saw a hole`);
    const untilMs = performance.now() + 5;
    while (performance.now() < untilMs);
    total.add(recorder.take());
    // A bot that keeps its seat is still there in the next window.
    expect(recorder.take()).toMatchObject({ counters: {}, errors: {}, seated: 1 });
  }
  expect(total.counters).toEqual({ joins: 3, bytesIn: 1500 });
  expect(total.errors).toEqual({ ROOM_FULL: 3 });
  expect(total.violations).toEqual([{ invariant: "I7", details: "worker 0 saw a hole", count: 3 }]);
  expect(total.seated).toBe(3);
  expect(total.seatedMs).toBeGreaterThanOrEqual(15);
});

test("[SWARM4] what is kept has a bound, and what is no number is refused", () => {
  const recorder = createRecorder();
  for (let code = 0; code < 10_000; code++) {
    recorder.error(`E${code}`);
    recorder.violation(`I${code}`, "x".repeat(10_000));
  }
  recorder.record("echoMs", 1e12);
  const window = recorder.take();
  expect(Object.keys(window.errors)).toHaveLength(65);
  expect(Object.values(window.errors).reduce((sum, count) => sum + count, 0)).toBe(10_000);
  expect(window.violations).toHaveLength(33);
  expect(JSON.stringify(window).length).toBeLessThan(30_000);
  expect(() => recorder.record("joinMs", Number.NaN)).toThrow(RangeError);
  expect(() => recorder.record("joinMs", -1)).toThrow(RangeError);
});
