import { type Figure, figureNames, figureOf } from "./figures.ts";
import type { RunResult } from "./result.ts";

export interface ComparedFigure {
  readonly figure: Figure;
  readonly value: number | null;
  readonly other: number | null;
  /** This run's over the other's. Null when there is none. */
  readonly ratio: number | null;
  readonly is: "better" | "same" | "worse" | "unknown";
}

/** Two runs of the same server differ by that much. */
const SAME_WITHIN = 0.05;

/** The figures that either run has. Less is better for each of them, so a ratio below 1 is a gain. */
export function compareFigures(result: RunResult, other: RunResult): ComparedFigure[] {
  return figureNames
    .map((figure) => compared(figure, figureOf(result, figure), figureOf(other, figure)))
    .filter(({ value, other: before }) => value !== null || before !== null);
}

/** In what two runs differ that should not, as words: then their ratio tells more about that than about the server. */
export function differencesOf(result: RunResult, other: RunResult): string[] {
  const named = (what: string, of: (run: RunResult) => string | number | null) =>
    of(result) === of(other) ? [] : [`${what} (${of(result) ?? "none"} here, ${of(other) ?? "none"} there)`];
  return [
    ...named("scenario", ({ scenario }) => scenario),
    ...named("bots", ({ bots }) => bots),
    ...named("network", ({ network }) => network),
    ...named("machine", ({ machine }) => machine),
  ];
}

function compared(figure: Figure, value: number | null, other: number | null): ComparedFigure {
  if (value === null || other === null) return { figure, value, other, ratio: null, is: "unknown" };
  if (value === other) return { figure, value, other, ratio: other === 0 ? null : 1, is: "same" };
  // Memory may shrink, and nothing may have failed: there is a better and a worse, and no ratio.
  if (other <= 0 || value < 0) return { figure, value, other, ratio: null, is: value < other ? "better" : "worse" };
  const ratio = value / other;
  const is = ratio < 1 - SAME_WITHIN ? "better" : ratio > 1 + SAME_WITHIN ? "worse" : "same";
  return { figure, value, other, ratio, is };
}
