import { formatValue } from "../figures.ts";
import type { Measure } from "../measures.ts";
import type { RunResult, Second, ServerFigures } from "../result.ts";
import type { Budgets } from "../scenario.ts";
import { thinned, widthsOf } from "../series.ts";

/** A colour by its role in `report.css`. */
export type Ink = "p50" | "p95" | "p99" | "main" | "second" | "quiet" | `code${1 | 2 | 3 | 4 | 5 | 6}`;

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  readonly ink: Ink;
  readonly dashed?: boolean;
  readonly filled?: boolean;
  /** What a stacked line adds to those below it. */
  readonly own?: readonly number[];
}

/** One plot, with everything decided: the page's script only draws. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  /** For those who cannot see it. */
  readonly summary: string;
  readonly unit: "ms" | "B/s" | "cores" | "MiB" | "";
  readonly x: readonly number[];
  readonly across: "time" | "players";
  readonly lines: readonly Line[];
  readonly bars?: boolean;
  /** Shown as points, too: there are gaps between them. */
  readonly sparse?: boolean;
  readonly limit: { readonly value: number; readonly label: string } | null;
  /** A place on the x axis. */
  readonly mark?: { readonly at: number; readonly label: string };
  /** What is said instead when there is nothing to draw. */
  readonly empty: string | null;
}

interface Run {
  readonly result: RunResult;
  readonly series: readonly Second[];
  readonly widths: readonly number[];
  readonly x: readonly number[];
  readonly other: RunResult | undefined;
}

/** The plots of a run over its time. A run to compare with is drawn faintly behind it, second by second. */
export function chartsOf(result: RunResult, other?: RunResult): Chart[] {
  const series = thinned(result.series);
  const run: Run = { result, series, widths: widthsOf(series), x: series.map(({ at }) => at), other };
  return [
    latencyChart(run, "joinMs", {
      title: "Getting in",
      caption: "From wanting a seat to the first state.",
      budget: "joinMsP99",
    }),
    latencyChart(run, "echoMs", {
      title: "Feeling one's own input",
      caption: "From an input to the patch that shows it.",
      budget: "echoMsP99",
    }),
    latencyChart(run, "patchGapMs", {
      title: "Smoothness",
      caption: "Time between two patches of one player.",
      budget: "patchGapMsP99",
    }),
    populationChart(run),
    bytesChart(run),
    cpuChart(run),
    lateChart(run),
    memoryChart(run),
    errorsChart(run),
  ];
}

function latencyChart(
  run: Run,
  measure: Measure,
  { title, caption, budget }: { title: string; caption: string; budget: keyof Budgets },
): Chart {
  const of = (key: "p50" | "p95" | "p99") => (second: Second) => {
    const told = second.measures[measure];
    return told === undefined || told.count === 0 ? null : told[key];
  };
  const compared = otherLine(run, "p99 of the other run", of("p99"));
  const lines: Line[] = (["p50", "p95", "p99"] as const).map((key) => ({
    label: key,
    values: run.series.map(of(key)),
    ink: key,
  }));
  const empty = "Nothing was measured here.";
  return chart(run, { id: measure, title, caption, unit: "ms", lines: [...compared, ...lines], empty }, budget, true);
}

function populationChart(run: Run): Chart {
  const lines: Line[] = [
    { label: "planned", values: run.series.map(({ planned }) => planned), ink: "quiet", dashed: true },
    { label: "seated", values: run.series.map(({ seated }) => seated), ink: "main", filled: true },
  ];
  const words = { title: "Players at once", caption: "As planned, and as seated.", empty: "There was nobody." };
  return chart(run, { id: "population", unit: "", lines, ...words });
}

function bytesChart(run: Run): Chart {
  // Whoever leaves within a second has had its bytes all the same.
  const of = ({ counters, seated, planned }: Second, at: number) =>
    seated > 0 && counters.bytesIn !== undefined
      ? counters.bytesIn / Math.max(seated, planned) / (run.widths[at] ?? 1)
      : null;
  const values = run.series.map(of);
  const words = { title: "Traffic", caption: "Bytes to one player per second.", empty: "No bytes were counted." };
  const lines: Line[] = [{ label: "per player", values, ink: "main", filled: true }];
  return chart(run, { id: "bytes", unit: "B/s", lines, ...words }, "bytesPerClientSecond");
}

const UNTOLD = "The server's metrics were not read in this run.";

function serverLine(run: Run, key: keyof ServerFigures): (number | null)[] {
  return run.series.map(({ server }) => server?.[key] ?? null);
}

function cpuChart(run: Run): Chart {
  const busiest = serverLine(run, "cpuBusiest");
  const total = serverLine(run, "cpu");
  const isMany = busiest.some((value, at) => value !== null && Math.abs(value - (total[at] ?? value)) > 0.01);
  const lines: Line[] = [
    ...otherLine(run, "the other run", ({ server }) => server?.cpu ?? null),
    { label: isMany ? "all processes" : "server", values: total, ink: "main", filled: true },
    ...(isMany ? [{ label: "busiest process", values: busiest, ink: "second" } as const] : []),
  ];
  const caption = "In cores. The rooms of one process share one.";
  return chart(run, { id: "cpu", title: "Server's processor", caption, unit: "cores", lines, empty: UNTOLD });
}

function lateChart(run: Run): Chart {
  const lines: Line[] = [
    { label: "ticks", values: serverLine(run, "tickLateMsP99"), ink: "main" },
    { label: "event loop", values: serverLine(run, "loopMsP99"), ink: "second" },
  ];
  const caption = "The slowest hundredth of each second.";
  const words = { title: "Server's lateness", caption, empty: UNTOLD };
  return chart(run, { id: "late", unit: "ms", lines, ...words }, "tickLateMsP99");
}

function memoryChart(run: Run): Chart {
  const lines: Line[] = [{ label: "resident", values: serverLine(run, "rssMiB"), ink: "main", filled: true }];
  const caption = "Resident memory of all processes, in MiB.";
  return chart(run, { id: "memory", title: "Server's memory", caption, unit: "MiB", lines, empty: UNTOLD });
}

const CODES_MAX = 6;

/** Stacked, the most frequent code at the bottom; what is beyond six codes is one. */
function errorsChart(run: Run): Chart {
  const totals = new Map<string, number>();
  for (const { errors } of run.series) {
    for (const [code, count] of Object.entries(errors)) totals.set(code, (totals.get(code) ?? 0) + count);
  }
  const codes = [...totals].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  const named = codes.slice(0, codes.length > CODES_MAX ? CODES_MAX - 1 : CODES_MAX).map(([code]) => code);
  const groups = named.map((code) => ({ label: code, codes: [code] }));
  const rest = codes.slice(named.length).map(([code]) => code);
  if (rest.length > 0) groups.push({ label: `${rest.length} other codes`, codes: rest });
  let below = run.series.map(() => 0);
  const lines = groups.map(({ label, codes: summed }, at): Line => {
    const own = run.series.map(({ errors }) => summed.reduce((total, code) => total + (errors[code] ?? 0), 0));
    below = own.map((count, second) => count + (below[second] ?? 0));
    return { label, values: below, own, ink: `code${(at + 1) as 1 | 2 | 3 | 4 | 5 | 6}` };
  });
  const isClean = Object.values(run.result.errors).every((count) => count === 0);
  const empty = isClean ? "Not a single error." : "Not known second by second: see the table below.";
  const words = { title: "Errors", caption: "By code. Refusals of griefers are none.", empty };
  // The tallest is drawn first, so that each lower one covers its part.
  return { ...chart(run, { id: "errors", unit: "", lines: lines.reverse(), ...words }), bars: true };
}

function otherLine(run: Run, label: string, of: (second: Second) => number | null): Line[] {
  if (run.other === undefined) return [];
  const byTime = new Map(thinned(run.other.series).map((second) => [second.at, of(second)]));
  return [{ label, values: run.x.map((at) => byTime.get(at) ?? null), ink: "quiet", dashed: true }];
}

type Drawn = Pick<Chart, "id" | "title" | "caption" | "unit" | "lines"> & { readonly empty: string };

function chart(run: Run, { empty, lines, ...drawn }: Drawn, budget?: keyof Budgets, sparse = false): Chart {
  const verdict = run.result.budgets.find((each) => each.budget === budget);
  const short = (value: number | null) => (value === null ? null : Number(value.toPrecision(4)));
  const isDrawn = lines.some(({ values }) => values.some((value) => value !== null)) && run.x.length > 0;
  const peaks = lines.map(({ label, values }) => `${label} at most ${peakWords(values, drawn.unit)}`);
  const limit = verdict && {
    value: verdict.limit,
    label: `budget ${formatValue(verdict.limit, unitWords(drawn.unit))}`,
  };
  return {
    ...drawn,
    summary: `${peaks.join(", ")}.`,
    x: run.x,
    across: "time",
    lines: lines.map((line) => ({ ...line, values: line.values.map(short) })),
    sparse,
    limit: limit ?? null,
    empty: isDrawn ? null : empty,
  };
}

function peakWords(values: readonly (number | null)[], unit: Chart["unit"]): string {
  const known = values.filter((value) => value !== null);
  const peak = known.length === 0 ? null : Math.max(...known);
  return unit === "cores" || unit === "MiB"
    ? `${formatValue(peak, "count")} ${unit}`
    : formatValue(peak, unitWords(unit));
}

function unitWords(unit: Chart["unit"]): "ms" | "B/s" | "count" {
  return unit === "ms" || unit === "B/s" ? unit : "count";
}
