import type { Capacity } from "./capacity.ts";
import type { RunResult } from "./result.ts";

/** As `npm run bench` ends: one object for scripts. */
interface SuiteVerdict {
  readonly suite: string;
  /** Why nothing is proved, or null. */
  readonly void: string | null;
  readonly rows: readonly VerdictRow[];
}

interface VerdictRow {
  /** `loadtest/<scenario>/<budget>` */
  readonly id: string;
  /** A plain limit. */
  readonly against: "absolute";
  /** What was measured, or null. */
  readonly ratio: number | null;
  readonly target: number;
  readonly ok: boolean;
  readonly isGate: true;
  readonly measured: Readonly<Record<string, number>>;
  readonly note: string;
}

/** The last line of a run's output. */
export function verdictLine({ scenario, void: reason, budgets, counters }: RunResult): string {
  const suite = `loadtest/${scenario}`;
  const rows = budgets.map(
    ({ budget, limit, measured, ok, words }): VerdictRow => ({
      id: `${suite}/${budget}`,
      against: "absolute",
      ratio: measured,
      target: limit,
      ok,
      isGate: true,
      measured: { joins: counters.joins, patches: counters.patches },
      note: words,
    }),
  );
  return JSON.stringify({ suite, void: reason, rows } satisfies SuiteVerdict);
}

/** Likewise of a search for capacity: how many were held, and nothing that could be missed. */
export function capacityLine(scenario: string, { bots, end, words }: Capacity): string {
  const suite = `loadtest/${scenario}/capacity`;
  const row: VerdictRow = {
    id: suite,
    against: "absolute",
    ratio: bots,
    target: 1,
    ok: bots > 0,
    isGate: true,
    measured: { bots },
    note: words,
  };
  const reason = end === "swarm" ? "the swarm, not the server, was the limit" : null;
  return JSON.stringify({ suite, void: reason, rows: [row] } satisfies SuiteVerdict);
}

/** What went wrong, a line each: nothing when every budget was kept and the run proves it. */
export function failuresOf({ void: reason, budgets }: RunResult): string[] {
  const broken = budgets.filter(({ ok }) => !ok).map(({ words }) => `Broken: ${words}.`);
  return reason === null ? broken : [`Void, so this run proves nothing: ${reason}.`, ...broken];
}

/** 0: every budget kept. 1: one broken, or nothing proved. */
export function exitCodeOf(result: RunResult): 0 | 1 {
  return failuresOf(result).length === 0 ? 0 : 1;
}
