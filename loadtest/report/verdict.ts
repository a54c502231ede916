import type { BudgetVerdict, RunResult } from "../result.ts";

/** What a run says about the server, in the words of whoever decides by it. */
export interface Verdict {
  readonly is: "held" | "broken" | "void" | "unjudged";
  readonly headline: string;
  /** What follows from it, in a sentence or two. */
  readonly words: string;
  readonly points: readonly string[];
}

/** A limit that is used by this much is near. */
export const NEAR = 0.8;

/** Void goes first: what bots that were too slow have seen says nothing about the server, good or bad. */
export function verdictOf(result: RunResult): Verdict {
  const { budgets } = result;
  const broken = budgets.filter(({ ok }) => !ok);
  const seen = result.violations.map(
    ({ invariant, details, count }) => `${invariant} was violated ${times(count)}: ${details}`,
  );
  const points = [...broken.map(({ words }) => sentence(words)), ...seen.map(sentence)];
  if (result.void !== null) {
    const words = "What it measured says nothing about the server, good or bad. Run it again when this is cured.";
    return { is: "void", headline: `Void: ${result.void}`, words, points };
  }
  if (points.length > 0) {
    const headline =
      broken.length > 0
        ? `Broken: ${broken.length} of ${budgets.length} ${budgets.length === 1 ? "budget" : "budgets"}`
        : "Broken: something happened that must never happen";
    return { is: "broken", headline, words: `With ${players(result)}, this did not hold:`, points };
  }
  if (budgets.length === 0) {
    const words = "The scenario sets no budgets, so there is nothing to pass or fail.";
    return { is: "unjudged", headline: "Measured, not judged", words, points };
  }
  const headline = `Held: ${budgets.length === 1 ? "the budget was" : `all ${budgets.length} budgets were`} kept`;
  return { is: "held", headline, words: `With ${players(result)}. ${closest(budgets)}`, points };
}

/** How much of its limit a figure has used, or null where that is no question. */
export function usedOf({ measured, limit }: Pick<BudgetVerdict, "measured" | "limit">): number | null {
  if (measured === null || limit <= 0) return null;
  return measured / limit;
}

/** The most players that sat at once. */
export function peakOf({ series }: RunResult): number {
  return Math.round(series.reduce((most, { seated }) => Math.max(most, seated), 0));
}

function players(result: RunResult): string {
  const peak = peakOf(result);
  return `${peak === 1 ? "1 player" : `${peak} players`} at once`;
}

function closest(budgets: readonly BudgetVerdict[]): string {
  const known = budgets.map((budget) => ({ ...budget, used: usedOf(budget) ?? 0 }));
  const [tightest] = known.sort((a, b) => b.used - a.used);
  if (tightest === undefined || tightest.used < NEAR) return "None came near its limit.";
  return `The tightest used ${Math.round(tightest.used * 100)} % of its limit: ${tightest.words}.`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function sentence(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words}.`;
}
