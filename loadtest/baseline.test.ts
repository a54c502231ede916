import { expect, test } from "vitest";
import { compareWithBaseline, usualTolerances } from "./baseline.ts";
import { compareFigures, differencesOf } from "./comparison.ts";
import { figureNames } from "./figures.ts";
import type { RunResult } from "./result.ts";
import { aResult } from "./test-result.ts";

const baseline = aResult({ seed: 3 });

test("[REPORT7] another run of the same server is kept, and a slower server is a regression in words and ratios", () => {
  expect(compareWithBaseline(aResult({ seed: 4 }), baseline)).toMatchObject({ is: "kept" });
  const slower = compareWithBaseline(aResult({ seed: 4, coresPerThousand: 2 }), baseline);
  expect(slower.is).toBe("regressed");
  expect(slower.words).toMatch(/echo p99 was \d+ ms, \d\.\d\d times the baseline's \d+ ms; tolerated are \d+ ms/);
  expect(slower.words).toMatch(/server CPU per 1000 client-ticks was [\d.]+ ms, 1\.\d\d times/);
});

test("[REPORT7] each figure can fail: one beyond its tolerance, and one that is missing", () => {
  const judged = (measured: number | null): RunResult =>
    aResult({}, { budgets: figureNames.map((budget) => ({ budget, limit: 9, measured, ok: true, words: "" })) });
  const before = judged(1000);
  expect(compareWithBaseline(before, before)).toMatchObject({ is: "kept" });
  for (const missing of [judged(null), judged(1000 * 1.5001 + 250)]) {
    const verdict = compareWithBaseline(missing, before);
    if (verdict.is === "refused") throw new Error(verdict.words);
    expect(verdict.verdicts.filter(({ ok }) => !ok).map(({ budget }) => budget)).toEqual(figureNames);
  }
  expect(compareWithBaseline(judged(1001), before).words).toBe(
    "violations was 1\u202f001, 1.00 times the baseline's 1\u202f000; tolerated are 1\u202f000.",
  );
});

test("[REPORT7] tolerances can be stated, and what was nothing may only grow by the slack", () => {
  const slower = aResult({ seed: 4, coresPerThousand: 2 });
  const generous = Object.fromEntries(figureNames.map((figure) => [figure, { ratio: 50, slack: 1 }]));
  expect(compareWithBaseline(slower, baseline, generous).is).toBe("kept");
  const failing = (failed: number) => aResult({ seed: 4 }, { errors: { TIMEOUT: failed } });
  // Of 400 joins.
  expect(compareWithBaseline(failing(0), baseline).is).toBe("kept");
  expect(usualTolerances.errorRate.slack).toBe(0.002);
  expect(compareWithBaseline(failing(4), baseline).words).toMatch(
    /^errors was 1 %, the baseline's is 0 %; tolerated are 0.2 %/,
  );
});

test("[REPORT7] void runs, and runs of another scenario, crowd, network or machine, are refused in words", () => {
  const refused = (over: Partial<RunResult>) => compareWithBaseline(aResult({}, over), baseline);
  expect(refused({ machine: "Apple M9" })).toEqual({
    is: "refused",
    words:
      "This run and its baseline differ in machine (Apple M9 here, Intel Xeon × 2, Node v24.21.0 there): ratios would tell of " +
      "that. Record a baseline for it.",
  });
  for (const over of [{ scenario: "soak" }, { bots: 401 }, { network: "3g" }, { void: "the bots were the limit" }]) {
    expect(refused(over).is, JSON.stringify(over)).toBe("refused");
  }
  expect(compareWithBaseline(baseline, aResult({}, { void: "x" })).is).toBe("refused");
  expect(
    compareWithBaseline(
      baseline,
      aResult({ server: false }, { series: [], measures: {}, budgets: [], counters: zeros() }),
    ).words,
  ).toBe("The baseline has no figures: record another.");
  expect(differencesOf(baseline, baseline)).toEqual([]);
});

function zeros(): RunResult["counters"] {
  return Object.fromEntries(Object.keys(baseline.counters).map((name) => [name, 0])) as RunResult["counters"];
}

test("[REPORT5] a comparison tells better from worse for every figure that either has, without dividing by nothing", () => {
  const judged = (
    values: readonly (readonly ["joinMsP99" | "errorRate" | "rssMiBPerMinute" | "shopMsP99", number | null])[],
  ) =>
    aResult({}, { budgets: values.map(([budget, measured]) => ({ budget, limit: 1, measured, ok: true, words: "" })) });
  const found = compareFigures(
    judged([
      ["joinMsP99", 90],
      ["errorRate", 0.1],
      ["rssMiBPerMinute", -2],
      ["shopMsP99", 5],
    ]),
    judged([
      ["joinMsP99", 100],
      ["errorRate", 0],
      ["rssMiBPerMinute", 3],
      ["shopMsP99", null],
    ]),
  );
  const of = (figure: string) => found.find((each) => each.figure === figure);
  expect(of("joinMsP99")).toMatchObject({ ratio: 0.9, is: "better" });
  expect(of("errorRate")).toMatchObject({ ratio: null, is: "worse" });
  expect(of("rssMiBPerMinute")).toMatchObject({ ratio: null, is: "better" });
  expect(of("shopMsP99")).toMatchObject({ ratio: null, is: "unknown" });
  expect(of("echoMsP99")).toMatchObject({ ratio: 1, is: "same" });
  expect(of("reconnectMsP99")).toBeUndefined();
});
