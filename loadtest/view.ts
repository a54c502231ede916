import {
  type Figure,
  figureNames,
  figureOfSeries,
  figures,
  formatNumber,
  formatValue,
  percentiles,
} from "./figures.ts";
import type { Counter } from "./measures.ts";
import { NEAR, verdictOf } from "./report/verdict.ts";
import type { RunResult, Second } from "./result.ts";
import type { Budgets } from "./scenario.ts";
import { widthsOf } from "./series.ts";
import { harmless, type Output, type Span, TerminalBlock, type TerminalLine, textOf } from "./terminal.ts";

export interface View {
  /** Shows a second of the run. */
  second(second: Second): void;
  /** Shows the verdict in place of what was live. */
  end(result: RunResult): void;
}

interface ViewParts {
  readonly out: Output;
  readonly isTty: boolean;
  /** By default the output's own, which follow a resize. */
  readonly columns?: () => number;
  /** By default for a terminal, unless NO_COLOR is set. */
  readonly hasColour?: boolean;
  readonly scenario: string;
  readonly bots: number;
  /** How long the run is planned to be. */
  readonly seconds: number;
  readonly budgets: Budgets;
}

/** Without a terminal there is a line every so often. */
const PLAIN_SECONDS = 5;
/** A light judges the last seconds, so that it turns green again. The verdict judges the whole run. */
const RECENT_SECONDS = 5;
/** Memory goes up and down by itself within a few seconds. */
const SLOPE_SECONDS_MIN = 15;
const COLUMNS_USUAL = 80;

/** What a run looks like while it goes on: drawn in place on a terminal, plain lines anywhere else. */
export function createView(parts: ViewParts): View {
  const { out, isTty } = parts;
  const hasColour = parts.hasColour ?? (isTty && !process.env["NO_COLOR"]);
  const columns = () => Math.max(20, parts.columns?.() ?? out.columns ?? COLUMNS_USUAL);
  const block = new TerminalBlock(out, hasColour);
  const live: Live = { recent: [], latest: {}, errors: new Map(), asked: 0, failed: 0, memory: [] };
  let saidAt = Number.NEGATIVE_INFINITY;
  return {
    second(second) {
      follow(live, second);
      if (isTty) return block.draw(drawn(second, live, parts, columns()), columns());
      if (second.at - saidAt < PLAIN_SECONDS) return;
      saidAt = second.at;
      out.write(`${plain(second, live, parts)}\n`);
    },
    end(result) {
      const lines = closing(result);
      if (isTty) block.replaceBy(lines, columns());
      else out.write(lines.map((line) => `${textOf(line)}\n`).join(""));
    },
  };
}

/** What is remembered of the seconds so far: little, whatever the run's length. */
interface Live {
  readonly recent: Second[];
  /** The newest of each measure, however old: joins come in waves. */
  latest: Second["measures"];
  readonly errors: Map<string, number>;
  asked: number;
  failed: number;
  /** The first and the latest reading of the server's memory since the crowd last grew. */
  readonly memory: { readonly at: number; readonly mib: number }[];
}

function follow(live: Live, second: Second): void {
  if (second.planned > (live.recent.at(-1)?.planned ?? 0)) live.memory.length = 0;
  live.latest = { ...live.latest, ...second.measures };
  live.recent.push(second);
  if (live.recent.length > RECENT_SECONDS) live.recent.shift();
  const { joins = 0, joinsFailed = 0, reconnects = 0, shopRequests = 0 } = second.counters;
  live.asked += joins + joinsFailed + reconnects + shopRequests;
  for (const [code, count] of Object.entries(second.errors)) {
    live.errors.set(code, (live.errors.get(code) ?? 0) + count);
    live.failed += count;
  }
  const mib = second.server?.rssMiB ?? null;
  if (mib !== null) live.memory.splice(1, 1, { at: second.at, mib });
}

function drawn(second: Second, live: Live, parts: ViewParts, columns: number): TerminalLine[] {
  return [
    progressLine(second, parts, columns),
    [...label("players"), ...pairs(crowdPairs(second, live))],
    [...label("latency"), { text: ["p50", "p95", "p99"].map((name) => name.padStart(10)).join(""), style: "faint" }],
    ...(["joinMsP99", "echoMsP99", "patchGapMsP99"] as const).map((figure) => latencyLine(figure, live)),
    [...label("server"), ...serverSpans(second)],
    [...label("errors"), ...errorSpans(live)],
    ...wrapped("budgets", lights(live, parts.budgets), columns),
  ];
}

function progressLine({ at }: Second, { scenario, seconds }: ViewParts, columns: number): TerminalLine {
  const share = Math.max(0, Math.min(1, (at + 1) / Math.max(1, seconds)));
  const time = ` ${clockWords(at + 1)} of ${clockWords(seconds)}`;
  const name = harmless(scenario);
  const width = Math.max(4, Math.min(40, columns - name.length - time.length - 3));
  const full = Math.round(share * width);
  return [
    { text: `${name} `, style: "bold" },
    { text: "█".repeat(full), style: "good" },
    { text: "░".repeat(width - full), style: "faint" },
    { text: time },
  ];
}

function crowdPairs({ planned, seated }: Second, live: Live): (readonly [string, string])[] {
  return [
    ["seated", formatNumber(seated)],
    ["of", formatNumber(planned)],
    ["joins/s", formatNumber(rate(live, "joins"))],
    ["inputs/s", formatNumber(rate(live, "inputsSent"))],
    ["in", formatValue(rate(live, "bytesIn"), "B/s")],
  ];
}

function rate({ recent }: Live, counter: Counter): number {
  const seconds = widthsOf(recent).reduce((total, width) => total + width, 0);
  return Math.round(recent.reduce((total, { counters }) => total + (counters[counter] ?? 0), 0) / Math.max(1, seconds));
}

function latencyLine(figure: "joinMsP99" | "echoMsP99" | "patchGapMsP99", { latest }: Live): TerminalLine {
  const measure = percentiles[figure]?.[0];
  const measured = measure && latest[measure];
  const values = (["p50", "p95", "p99"] as const).map((key) => formatValue(measured?.[key], "ms").padStart(10));
  return [{ text: `  ${figures[figure].title.replace(" p99", "")}`.padEnd(11) }, { text: values.join("") }];
}

function serverSpans({ server }: Second): readonly Span[] {
  if (server === null) return [{ text: "not watched", style: "faint" }];
  return pairs([
    ["cores", formatValue(server.cpu, "count")],
    ["loop", formatValue(server.loopMsP99, "ms")],
    ["ticks late", formatValue(server.tickLateMsP99, "ms")],
    ["MiB", formatValue(server.rssMiB === null ? null : Math.round(server.rssMiB), "count")],
  ]);
}

function errorSpans({ errors }: Live): readonly Span[] {
  const all = [...errors].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  if (all.length === 0) return [{ text: "none", style: "faint" }];
  return all.flatMap(([code, count]) => [
    { text: `${harmless(code)} ` },
    { text: `${formatNumber(count)}  `, style: "bad" },
  ]);
}

/** The broken first. A shape beside the colour, because not everybody sees the difference and not every terminal shows it. */
function lights(live: Live, budgets: Budgets): readonly TerminalLine[] {
  const shapes = { bad: "✗", near: "▲", good: "●", faint: "○" };
  const worst = Object.keys(shapes);
  return judgedNow(live, budgets)
    .sort((a, b) => worst.indexOf(a.light) - worst.indexOf(b.light))
    .map(({ figure, light }) => [{ text: shapes[light], style: light }, { text: ` ${figures[figure].title}  ` }]);
}

/** As many items in a line as there is room for. */
function wrapped(name: string, items: readonly TerminalLine[], columns: number): TerminalLine[] {
  const lines: Span[][] = [[...label(name)]];
  for (const item of items) {
    const last = lines.at(-1) ?? [];
    const isFull = textOf(last).length + textOf(item).trimEnd().length >= columns && last.length > 1;
    if (isFull) lines.push([...label(""), ...item]);
    else last.push(...item);
  }
  return items.length === 0 ? [[...label(name), { text: "none", style: "faint" }]] : lines;
}

interface Light {
  readonly figure: Figure;
  /** `faint` while nothing is known. */
  readonly light: "good" | "near" | "bad" | "faint";
}

function judgedNow(live: Live, budgets: Budgets): Light[] {
  return figureNames.flatMap((figure): Light[] => {
    const limit = budgets[figure];
    if (limit === undefined || figure === "violations") return [];
    const value = valueNow(live, figure);
    if (value === null) return [{ figure, light: "faint" }];
    return [{ figure, light: value > limit ? "bad" : value > limit * NEAR ? "near" : "good" }];
  });
}

function valueNow({ recent, asked, failed, memory }: Live, figure: Figure): number | null {
  const percentile = percentiles[figure];
  if (percentile !== undefined) {
    const values = recent.map(({ measures }) => measures[percentile[0]]).filter((each) => (each?.count ?? 0) > 0);
    const sorted = values.map((each) => each?.[percentile[1]] ?? 0).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }
  if (figure === "errorRate") return asked === 0 ? null : failed / asked;
  if (figure !== "rssMiBPerMinute") return figureOfSeries(recent, figure);
  const [first, last] = memory;
  if (first === undefined || last === undefined || last.at - first.at < SLOPE_SECONDS_MIN) return null;
  return ((last.mib - first.mib) / (last.at - first.at)) * 60;
}

function plain(second: Second, live: Live, { budgets, bots, seconds }: ViewParts): string {
  const p99 = (figure: "joinMsP99" | "echoMsP99" | "patchGapMsP99") =>
    `${figures[figure].title} ${formatValue(valueNow(live, figure), "ms")}`;
  const all = judgedNow(live, budgets);
  const named = (light: Light["light"], words: string) => {
    const titles = all.filter((each) => each.light === light).map(({ figure }) => figures[figure].title);
    return titles.length === 0 ? [] : [`${words} ${titles.join(", ")}`];
  };
  return [
    `${clockWords(second.at + 1)}/${clockWords(seconds)}`,
    `${Math.round(second.seated)}/${second.planned} of ${bots} seated`,
    `${rate(live, "joins")} joins/s`,
    p99("joinMsP99"),
    p99("echoMsP99"),
    p99("patchGapMsP99"),
    `errors ${live.failed}`,
    ...(second.server === null ? [] : [`${formatValue(second.server.cpu, "count")} cores`]),
    ...named("bad", "OVER:"),
    ...named("near", "near:"),
  ].join(" · ");
}

/** The verdict, and each budget with what was measured. */
function closing(result: RunResult): TerminalLine[] {
  const { is, headline, words, points } = verdictOf(result);
  const style = ({ held: "good", broken: "bad", void: "near", unjudged: "bold" } as const)[is];
  const kept = result.budgets.map(
    ({ ok, words: said }): TerminalLine => [
      { text: ok ? "  ✓ " : "  ✗ ", style: ok ? "good" : "bad" },
      { text: printable(said) },
    ],
  );
  const seen = points.slice(result.budgets.filter(({ ok }) => !ok).length);
  return [
    [{ text: printable(headline), style }],
    [{ text: printable(words) }],
    ...kept,
    ...seen.map((point): TerminalLine => [{ text: "  ✗ ", style: "bad" }, { text: printable(point) }]),
    [{ text: printable(result.command), style: "faint" }],
  ];
}

/** Words keep their letters, and lose whatever would steer a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

function label(text: string): readonly Span[] {
  return [{ text: text.padEnd(11), style: "faint" }];
}

function pairs(all: readonly (readonly [string, string])[]): readonly Span[] {
  return all.flatMap(([name, value]) => [{ text: `${name} `, style: "faint" as const }, { text: `${value}  ` }]);
}

function clockWords(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
