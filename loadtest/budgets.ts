import type { Counter, Measure } from "./measures.ts";
import type { Tally } from "./recorder.ts";
import type { BudgetVerdict, Distribution, Second, ServerFigures, Violation } from "./result.ts";
import type { Budgets } from "./scenario.ts";

/** What was seen behind the warm-up; violations of the whole run, since those must never be. */
export interface RunFigures {
  readonly tally: Pick<Tally, "measures" | "errors" | "seatedMs" | "counter">;
  readonly violations: readonly Violation[];
  readonly seconds: readonly Second[];
}

/** Fewer points of a line say nothing about its slope. */
const SLOPE_POINTS_MIN = 5;
/** Of a server's seconds the middle one counts: the worst are its host's as often as its own, and show in the patch gap. */
const SECONDS_QUANTILE = 0.5;

/**
 * A verdict for each budget that the scenario has. What could not be measured breaks its budget: a check that cannot fail
 * is none.
 */
export function judge(budgets: Budgets, figures: RunFigures): BudgetVerdict[] {
  const { errorRates = {}, ...plain } = budgets;
  const verdicts = Object.entries(plain).map(([budget, limit]) => {
    const rule = rules[budget as keyof typeof plain];
    return verdictOf(budget as keyof typeof plain, limit, rule, rule.measure(figures), figures);
  });
  const byCode = Object.entries(errorRates).map(([code, limit]) =>
    verdictOf(
      `errorRates.${code}`,
      limit,
      { ...rules.errorRate, what: `the rate of ${code}` },
      errorRate(figures, figures.tally.errors[code] ?? 0),
    ),
  );
  return [...verdicts, ...byCode];
}

interface Rule {
  /** As in "join p99 was 812 ms". */
  readonly what: string;
  readonly unit: string;
  /** Why it may be unknown. */
  readonly missing: string;
  /** Of a rate, which is told in percent. */
  readonly scale?: number;
  measure(figures: RunFigures): number | null;
  /** More about it, for a budget that is broken. */
  explain?(figures: RunFigures): string;
}

const NO_SERVER = "the server's metrics were not read: give --metrics, or let the run start its own server";

const rules: Readonly<Record<Exclude<keyof Budgets, "errorRates">, Rule>> = {
  joinMsP99: ofMeasure("join p99", "ms", "joinMs", "p99", "nobody got a seat behind the warm-up"),
  echoMsP99: ofMeasure("input to state p99", "ms", "echoMs", "p99", "no full bot had an input acknowledged"),
  correctionUnitsP95: ofMeasure("correction p95", "units", "correctionUnits", "p95", "no full bot predicted anything"),
  patchGapMsP99: ofMeasure("patch gap p99", "ms", "patchGapMs", "p99", "no bot had two patches"),
  reconnectMsP99: ofMeasure("reconnect p99", "ms", "reconnectMs", "p99", "nobody was cut off and came back"),
  shopMsP99: ofMeasure("shop request p99", "ms", "shopMs", "p99", "no shopper asked for anything"),
  bytesPerClientSecond: {
    what: "traffic per client",
    unit: "B/s",
    missing: "nobody was seated",
    measure: ({ tally }) => perSeated(tally, "bytesIn", 1000),
  },
  errorRate: {
    what: "the rate of errors",
    unit: "%",
    scale: 100,
    missing: "nothing was asked of the server",
    measure: (figures) => errorRate(figures, sum(Object.values(figures.tally.errors))),
    explain: ({ tally }) => list(Object.entries(tally.errors).map(([code, count]) => `${code} × ${count}`)),
  },
  disconnectsPerClientMinute: {
    what: "lost connections",
    unit: "per client and minute",
    missing: "nobody was seated",
    measure: ({ tally }) => perSeated(tally, "disconnects", 60_000),
  },
  cpuMsPerKiloTick: {
    what: "the server's CPU",
    unit: "ms per 1000 client-ticks",
    missing: NO_SERVER,
    measure: cpuMsPerKiloTick,
  },
  loopMsP99: ofServer("the server's event loop p99", "ms", "loopMsP99"),
  tickLateMsP99: ofServer("lateness of ticks p99", "ms", "tickLateMsP99"),
  rssMiBPerMinute: {
    what: "growth of the server's memory",
    unit: "MiB per minute",
    missing: `it was known in fewer than ${SLOPE_POINTS_MIN} seconds`,
    measure: ({ seconds }) =>
      slope(
        seconds.flatMap(({ at, server }) => (server?.rssMiB == null ? [] : [{ at: at / 60, value: server.rssMiB }])),
      ),
  },
  violations: {
    what: "things that must never be",
    unit: "times",
    missing: "",
    measure: ({ violations }) => sum(violations.map(({ count }) => count)),
    explain: ({ violations }) => list(violations.map(({ invariant, details }) => `${invariant}: ${details}`)),
  },
};

function ofMeasure(what: string, unit: string, measure: Measure, part: keyof Distribution, missing: string): Rule {
  return { what, unit, missing, measure: ({ tally }) => tally.measures[measure]?.[part] ?? null };
}

function ofServer(what: string, unit: string, figure: keyof ServerFigures): Rule {
  return {
    what: `${what} (in every other second)`,
    unit,
    missing: NO_SERVER,
    measure: ({ seconds }) => quantile(seconds.flatMap(({ server }) => server?.[figure] ?? [])),
  };
}

function verdictOf(
  budget: BudgetVerdict["budget"],
  limit: number,
  { what, unit, scale = 1, missing, explain }: Rule,
  measured: number | null,
  figures?: RunFigures,
): BudgetVerdict {
  const allowed = `allowed are ${round(limit * scale)} ${unit}`;
  if (measured === null)
    return { budget, limit, measured, ok: false, words: `${what} was not measured, ${allowed}: ${missing}` };
  const ok = measured <= limit;
  const more = ok || figures === undefined ? "" : (explain?.(figures) ?? "");
  const words = `${what} was ${round(measured * scale)} ${unit}, ${allowed}${more === "" ? "" : ` (${more})`}`;
  return { budget, limit, measured, ok, words };
}

/**
 * Per request and connection: a seat asked for, a seat held since the warm-up, a seat taken again, a request of a shopper.
 * Never above 1, however often one attempt fails.
 */
function errorRate({ tally, seconds }: RunFigures, errors: number): number | null {
  const tried = sum(
    (["joins", "joinsFailed", "reconnects", "shopRequests"] as const).map((name) => tally.counter(name)),
  );
  const attempts = Math.max(tried + (seconds[0]?.seated ?? 0), errors);
  return attempts === 0 ? null : errors / attempts;
}

function perSeated(tally: RunFigures["tally"], counter: Counter, ms: number): number | null {
  return tally.seatedMs === 0 ? null : (tally.counter(counter) * ms) / tally.seatedMs;
}

function cpuMsPerKiloTick({ tally, seconds }: RunFigures): number | null {
  const ticks = tally.counter("clientTicks");
  const cores = seconds.flatMap(({ server }) => server?.cpu ?? []);
  if (ticks === 0 || cores.length === 0) return null;
  // A second that the server did not answer for had as much work as the others.
  const cpuMs = (sum(cores) / cores.length) * seconds.length * 1000;
  return (cpuMs * 1000) / ticks;
}

/**
 * By Theil and Sen: the median of the slopes between all pairs. A collector that gives back pages now and then moves a line
 * of least squares, and not this. Of a long run every so-manieth point is taken, because there are pairs of all of them.
 */
export function slope(points: readonly { readonly at: number; readonly value: number }[]): number | null {
  if (points.length < SLOPE_POINTS_MIN) return null;
  const step = Math.ceil(points.length / 500);
  const taken = points.filter((_, index) => index % step === 0);
  const slopes = taken.flatMap((one, index) =>
    taken.slice(index + 1).map((other) => (other.value - one.value) / (other.at - one.at)),
  );
  slopes.sort((one, other) => one - other);
  return slopes[Math.floor(slopes.length / 2)] ?? null;
}

function quantile(values: readonly number[]): number | null {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.ceil(sorted.length * SECONDS_QUANTILE) - 1] ?? null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function list(words: readonly string[]): string {
  return words.slice(0, 5).join(", ");
}

function round(value: number): number {
  return Number(value.toPrecision(value >= 100 ? Math.ceil(Math.log10(value + 1)) : 3));
}
