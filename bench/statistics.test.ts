import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMachineTimes, parseProcessStat, treeOf } from "./machine.ts";
import { abbaOrder, halfWidth, median, quantile, ratioOf, voidEstimate, voidMeasurement } from "./statistics.ts";

test("[BENCH1] each repetition has every contender once, backwards every second time, with another first in each pair", () => {
  expect(abbaOrder(["a", "b", "c"], 5).map((order) => order.join(""))).toEqual(["abc", "cba", "bca", "acb", "cab"]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 6 }), fc.nat(20), (contenders, repetitions) => {
      const orders = abbaOrder(contenders, repetitions);
      expect(orders.length).toBe(repetitions);
      for (const order of orders) expect([...order].sort()).toEqual([...contenders].sort());
      for (let pair = 0; pair + 1 < repetitions; pair += 2)
        expect(orders[pair + 1]).toEqual(orders[pair]?.toReversed());
      const firsts = new Set(orders.filter((_, index) => index % 2 === 0).map(([first]) => first));
      expect(firsts.size).toBe(Math.min(contenders.length, Math.ceil(repetitions / 2)));
    }),
  );
});

test("quantiles lie between the values next to them", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
  expect(median([])).toBeNaN();
});

test("[BENCH2] a ratio pairs what was measured side by side, and its interval holds it and repeats", () => {
  // The second repetition was slow for both: the pairs agree, and so the interval has no width.
  expect(ratioOf([1, 10, 2], [2, 20, 4])).toEqual({ median: 0.5, low: 0.5, high: 0.5 });
  expect(() => ratioOf([1], [1, 2])).toThrow("same number");
  const times = fc.double({ min: 1, max: 100, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(times, times), { minLength: 1, maxLength: 9 }), (pairs) => {
      const ours = pairs.map(([first]) => first);
      const theirs = pairs.map(([, second]) => second);
      const ratio = ratioOf(ours, theirs);
      const ratios = pairs.map(([first, second]) => first / second);
      expect(ratio.median).toBe(median(ratios));
      expect(ratio.low).toBeLessThanOrEqual(ratio.median);
      expect(ratio.high).toBeGreaterThanOrEqual(ratio.median);
      expect(ratio.low).toBeGreaterThanOrEqual(Math.min(...ratios));
      expect(ratio.high).toBeLessThanOrEqual(Math.max(...ratios));
      expect(ratioOf(ours, theirs)).toEqual(ratio);
    }),
    { numRuns: 10 },
  );
});

test("[BENCH2] the interval of five repetitions holds the true ratio about as often as it says", () => {
  const random = fc.sample(fc.double({ min: -1, max: 1, noNaN: true }), { numRuns: 400, seed: 5 });
  let held = 0;
  for (let run = 0; run < 80; run++) {
    const ratio = ratioOf(
      random.slice(run * 5, run * 5 + 5).map((noise) => 1 + noise / 10),
      [1, 1, 1, 1, 1],
    );
    if (ratio.low <= 1 && ratio.high >= 1) held += 1;
  }
  // Of five, the whole range holds the median in 15 of 16 cases; nothing that is drawn from them can do better.
  expect(held / 80).toBeGreaterThan(0.88);
});

test("[BENCH3] a measurement that was starved, whose bots were busy, or whose machine was taken away does not count", () => {
  const fine = { delivered: 0.97, botCpu: 0.85, steal: 0.02 };
  expect(voidMeasurement(fine)).toBeNull();
  expect(voidMeasurement({ ...fine, delivered: 0.969 })).toContain("96.9 % of the patches");
  expect(voidMeasurement({ ...fine, botCpu: 0.86 })).toContain("86.0 % of their core");
  expect(voidMeasurement({ ...fine, steal: 0.021 })).toContain("2.1 % of the time was stolen");
  // A workload without ticks has no share; it shows nothing.
  expect(voidMeasurement({ ...fine, delivered: Number.NaN })).not.toBeNull();
});

test("[BENCH4] a ratio whose interval is wider than a tenth either way does not count", () => {
  expect(voidEstimate({ median: 1, low: 0.91, high: 1.1 })).toBeNull();
  expect(voidEstimate({ median: 1, low: 0.89, high: 1.11 })).toContain("±11.0 %");
  expect(halfWidth({ median: 2, low: 1.8, high: 2.2 })).toBeCloseTo(0.1);
});

test("[BENCH5] CPU is counted over a process, its descendants and its ended children, and nobody else's", () => {
  const line = (pid: number, name: string, parent: number, ticks: string) =>
    parseProcessStat(`${pid} (${name}) S ${parent} 1 1 0 -1 4194560 1 2 3 4 ${ticks} 20 0 1 0 100 200`);
  const root = line(10, "node", 1, "100 20 3 4");
  expect(root).toEqual({ pid: 10, parent: 1, ticks: 127 });
  const child = line(11, "sh) R 99 (", 10, "5 0 0 0");
  expect(child).toEqual({ pid: 11, parent: 10, ticks: 5 });
  const grandchild = line(12, "postgres: a b", 11, "1 1 0 0");
  const stranger = line(13, "node", 1, "900 0 0 0");
  const all = [stranger, grandchild, child, root];
  const pidsBelow = (...roots: number[]) =>
    treeOf(roots, all)
      .map(({ pid }) => pid)
      .sort();
  expect(pidsBelow(10)).toEqual([10, 11, 12]);
  expect(pidsBelow(99)).toEqual([]);
  // A database that the server has started, and that is told apart besides, counts once.
  expect(pidsBelow(10, 12)).toEqual([10, 11, 12]);
  expect(pidsBelow(12, 13)).toEqual([12, 13]);
});

test("[BENCH3] steal is read beside all of the machine's time, in which a guest's is counted already", () => {
  const text = "cpu  100 1 20 300 5 0 3 71 40 2\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
  expect(parseMachineTimes(text)).toEqual({ total: 500, stolen: 71 });
});
