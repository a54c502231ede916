import { differencesOf } from "./comparison.ts";
import { type Figure, figureNames, figureOf, figures, formatValue } from "./figures.ts";
import type { BudgetVerdict, RunResult } from "./result.ts";

/** By how much a figure may be worse than the baseline's before it is a regression. */
export interface Tolerance {
  /** A multiple of the baseline's figure. */
  readonly ratio: number;
  /** In the figure's unit, for figures so small that any ratio of them is noise: whichever of both allows more. */
  readonly slack: number;
}

export type Tolerances = Readonly<Partial<Record<Figure, Partial<Tolerance>>>>;

export type BaselineVerdict =
  /** The two say nothing about each other. */
  | { readonly is: "refused"; readonly words: string }
  | { readonly is: "kept" | "regressed"; readonly words: string; readonly verdicts: readonly BudgetVerdict[] };

/**
 * What two runs of one server on one machine stay within. Percentiles of a short run vary by a third; counted bytes and
 * processor time hardly do.
 */
export const usualTolerances: Readonly<Record<Figure, Tolerance>> = {
  joinMsP99: { ratio: 1.5, slack: 50 },
  echoMsP99: { ratio: 1.35, slack: 20 },
  correctionUnitsP95: { ratio: 1.5, slack: 0.02 },
  patchGapMsP99: { ratio: 1.35, slack: 15 },
  reconnectMsP99: { ratio: 1.5, slack: 250 },
  shopMsP99: { ratio: 1.5, slack: 30 },
  bytesPerClientSecond: { ratio: 1.1, slack: 20 },
  errorRate: { ratio: 1.5, slack: 0.002 },
  disconnectsPerClientMinute: { ratio: 1.5, slack: 0.01 },
  cpuMsPerKiloTick: { ratio: 1.2, slack: 2 },
  loopMsP99: { ratio: 1.5, slack: 10 },
  tickLateMsP99: { ratio: 1.5, slack: 5 },
  rssMiBPerMinute: { ratio: 1.5, slack: 4 },
  violations: { ratio: 1, slack: 0 },
};

/**
 * Whether a run is as good as a kept one, as ratios. Each figure that the baseline has is judged, and one that this run
 * lacks fails: a check must be able to fail. Runs that differ in scenario, bots, network or machine are refused.
 */
export function compareWithBaseline(
  result: RunResult,
  baseline: RunResult,
  tolerances: Tolerances = {},
): BaselineVerdict {
  const refusal = whyRefused(result, baseline);
  if (refusal !== null) return { is: "refused", words: refusal };
  const known = figureNames.filter((figure) => figureOf(baseline, figure) !== null);
  const verdicts = known.map((figure) =>
    judge(figure, { result, baseline, tolerance: { ...usualTolerances[figure], ...tolerances[figure] } }),
  );
  const worse = verdicts.filter(({ ok }) => !ok);
  if (worse.length === 0)
    return { is: "kept", words: `All ${known.length} figures are within their tolerance.`, verdicts };
  return { is: "regressed", words: `${worse.map(({ words }) => words).join("; ")}.`, verdicts };
}

function whyRefused(result: RunResult, baseline: RunResult): string | null {
  if (result.void !== null) return `This run is void (${result.void}), so it says nothing about the server.`;
  if (baseline.void !== null) return `The baseline is void (${baseline.void}): record another.`;
  const differences = differencesOf(result, baseline);
  if (differences.length > 0) {
    return `This run and its baseline differ in ${differences.join(" and ")}: ratios would tell of that. Record a baseline for it.`;
  }
  const hasFigures = figureNames.some((figure) => figure !== "violations" && figureOf(baseline, figure) !== null);
  return hasFigures ? null : "The baseline has no figures: record another.";
}

interface Judged {
  readonly result: RunResult;
  readonly baseline: RunResult;
  readonly tolerance: Tolerance;
}

function judge(figure: Figure, { result, baseline, tolerance }: Judged): BudgetVerdict {
  const { title, unit } = figures[figure];
  const measured = figureOf(result, figure);
  const before = figureOf(baseline, figure) ?? 0;
  const limit = Math.max(before * tolerance.ratio, before + tolerance.slack);
  const said = { budget: figure, limit, measured };
  const was = formatValue(before, unit);
  if (measured === null) return { ...said, ok: false, words: `${title} was not measured, the baseline's is ${was}` };
  const factor =
    before > 0 ? `${(measured / before).toFixed(2)} times the baseline's ${was}` : `the baseline's is ${was}`;
  const words = `${title} was ${formatValue(measured, unit)}, ${factor}; tolerated are ${formatValue(limit, unit)}`;
  return { ...said, ok: measured <= limit, words };
}
