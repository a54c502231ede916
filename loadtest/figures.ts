import type { Measure } from "./measures.ts";
import type { RunResult, Second } from "./result.ts";
import type { Budgets } from "./scenario.ts";
import { widthsOf } from "./series.ts";

/** What a run is judged by, in one number each. More is worse, for all of them. */
export type Figure = Exclude<keyof Budgets, "errorRates">;

export type Unit = "ms" | "units" | "B/s" | "share" | "per minute" | "MiB/min" | "count";

interface FigureWords {
  /** As a sentence calls it. */
  readonly title: string;
  readonly unit: Unit;
}

export const figures: Readonly<Record<Figure, FigureWords>> = {
  joinMsP99: { title: "join p99", unit: "ms" },
  echoMsP99: { title: "echo p99", unit: "ms" },
  correctionUnitsP95: { title: "correction p95", unit: "units" },
  patchGapMsP99: { title: "patch gap p99", unit: "ms" },
  reconnectMsP99: { title: "reconnect p99", unit: "ms" },
  shopMsP99: { title: "shop p99", unit: "ms" },
  bytesPerClientSecond: { title: "bytes per client", unit: "B/s" },
  errorRate: { title: "errors", unit: "share" },
  disconnectsPerClientMinute: { title: "disconnects per client", unit: "per minute" },
  cpuMsPerKiloTick: { title: "server CPU per 1000 client-ticks", unit: "ms" },
  loopMsP99: { title: "event loop p99", unit: "ms" },
  tickLateMsP99: { title: "tick lateness p99", unit: "ms" },
  rssMiBPerMinute: { title: "growth of memory", unit: "MiB/min" },
  violations: { title: "violations", unit: "count" },
};

export const figureNames = Object.keys(figures) as Figure[];

/** How a budget is called, those of single error codes included. */
export function titleOf(budget: string): string {
  if (budget.startsWith("errorRates.")) return `errors ${budget.slice("errorRates.".length)}`;
  return figures[budget as Figure]?.title ?? budget;
}

export function unitOf(budget: string): Unit {
  return figures[budget as Figure]?.unit ?? "share";
}

/** A run's figure: as its budgets judged it, or else as far as what was kept tells. Null is unknown. */
export function figureOf(result: RunResult, figure: Figure): number | null {
  const judged = result.budgets.find(({ budget }) => budget === figure);
  return judged === undefined ? told(result, figure) : judged.measured;
}

/** A figure that can be told from seconds alone, of these. Null for the others, which need the whole run. */
export function figureOfSeries(series: readonly Second[], figure: Figure): number | null {
  const widths = widthsOf(series);
  const total = (of: (second: Second, width: number) => number) =>
    series.reduce((so, second, at) => so + of(second, widths[at] ?? 1), 0);
  const clientSeconds = total(({ seated }, width) => seated * width);
  const server = (key: "loopMsP99" | "tickLateMsP99") =>
    largest(series.map((second) => second.server?.[key] ?? null).filter((value) => value !== null));
  switch (figure) {
    case "bytesPerClientSecond":
      return ratio(
        total(({ counters }) => counters.bytesIn ?? 0),
        clientSeconds,
      );
    case "disconnectsPerClientMinute":
      return ratio(total(({ counters }) => counters.disconnects ?? 0) * 60, clientSeconds);
    case "cpuMsPerKiloTick": {
      // Only of the seconds in which the server told it: a gap is not rest.
      const known = (second: Second) => (second.server?.cpu ?? null) !== null;
      const ticks = total((second) => (known(second) ? (second.counters.clientTicks ?? 0) : 0));
      return ratio(total(({ server: said }, width) => (said?.cpu ?? 0) * 1000 * width) * 1000, ticks);
    }
    case "loopMsP99":
    case "tickLateMsP99":
      return server(figure);
    default:
      return null;
  }
}

/** `812 ms`, `3.2 KB/s`, `0.12 %`; a dash for what is unknown. */
export function formatValue(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  switch (unit) {
    case "ms":
      return value >= 10_000 ? `${formatNumber(value / 1000)} s` : `${formatNumber(value)} ms`;
    case "B/s":
      if (value >= 1e6) return `${formatNumber(value / 1e6)} MB/s`;
      return value >= 1000 ? `${formatNumber(value / 1000)} KB/s` : `${formatNumber(value)} B/s`;
    case "share":
      return `${formatNumber(value * 100)} %`;
    case "units":
      return `${formatNumber(value)} units`;
    case "per minute":
      return `${formatNumber(value)}/min`;
    case "MiB/min":
      return `${formatNumber(value)} MiB/min`;
    case "count":
      return formatNumber(value);
  }
}

/** Three digits, thousands apart by a narrow space: what a person reads and no more. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 0.995 ? 2 : 3;
  const text = size < 0.0005 && size > 0 ? value.toPrecision(1) : value.toFixed(digits);
  const [whole = "", fraction] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return fraction === undefined || /^0+$/.test(fraction) ? grouped : `${grouped}.${fraction.replace(/0+$/, "")}`;
}

/** The measure behind a figure, and which of its percentiles. */
export const percentiles: Partial<Record<Figure, readonly [Measure, "p95" | "p99"]>> = {
  joinMsP99: ["joinMs", "p99"],
  echoMsP99: ["echoMs", "p99"],
  correctionUnitsP95: ["correctionUnits", "p95"],
  patchGapMsP99: ["patchGapMs", "p99"],
  reconnectMsP99: ["reconnectMs", "p99"],
  shopMsP99: ["shopMs", "p99"],
};

function told(result: RunResult, figure: Figure): number | null {
  const percentile = percentiles[figure];
  if (percentile !== undefined) {
    const measured = result.measures[percentile[0]];
    return measured === undefined || measured.count === 0 ? null : measured[percentile[1]];
  }
  if (figure === "violations") return result.violations.reduce((total, { count }) => total + count, 0);
  if (figure === "errorRate") return errorRateOf(result);
  return figureOfSeries(result.series, figure);
}

/** Of all that was asked of the server: seats, connections and requests. */
function errorRateOf({ counters, errors }: RunResult): number | null {
  const asked = counters.joins + counters.joinsFailed + counters.reconnects + counters.shopRequests;
  const failed = Object.values(errors).reduce((total, count) => total + count, 0);
  return asked === 0 ? null : failed / asked;
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function largest(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.max(...values);
}
