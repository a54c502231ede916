import { compareFigures } from "../comparison.ts";
import { type Figure, figureOf, figures, formatNumber, formatValue } from "../figures.ts";
import type { RunResult } from "../result.ts";
import { type Chart, chartsOf } from "./charts.ts";
import { type Html, html } from "./html.ts";
import { chartFigure, renderPage } from "./page.ts";
import {
  budgetTable,
  capital,
  comparisonTable,
  dateWords,
  errorTable,
  reproduction,
  section,
  violationTable,
} from "./tables.ts";
import { NEAR, peakOf, usedOf, type Verdict, verdictOf } from "./verdict.ts";

/**
 * A run as one HTML file that needs no network: the verdict in words, the figures that a producer asks for, how they went
 * over time, and how to see the same again. `compareWith` is drawn behind it and compared in ratios.
 */
export function renderReport(result: RunResult, compareWith?: RunResult): string {
  const charts = chartsOf(result, compareWith);
  const body = html`${header(result)}
${verdictCard(verdictOf(result))}
<div class="tiles">${tiles(result, compareWith)}</div>
${compareWith === undefined ? html`` : comparisonTable(result, compareWith)}
${violationTable(result)}
${section("What players felt", plots(charts, ["joinMs", "echoMs", "patchGapMs"]), thinningWords(charts))}
${section("How many, and how much", plots(charts, ["population", "bytes", "errors"]))}
${section("What it took", plots(charts, ["cpu", "late", "memory"]))}
${budgetTable(result.budgets)}
${errorTable(result)}
${reproduction(result.command, facts(result))}`;
  return renderPage({ title: `${result.scenario} · load test`, body, charts });
}

export function verdictCard({ is, headline, words, points }: Verdict): Html {
  const list = points.length === 0 ? null : html`<ul>${points.map((point) => html`<li>${capital(point)}</li>`)}</ul>`;
  const sign = { held: "✓", broken: "✗", void: "⚠", unjudged: "•" }[is];
  return html`<section class="card verdict ${is}"><h2>${sign} ${headline}</h2><p>${words}</p>${list}</section>`;
}

function header({ scenario, about, startedAt, seconds, endpoint, network }: RunResult): Html {
  const minutes =
    seconds >= 120 ? `${formatNumber(seconds / 60)} minutes` : `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  const where = endpoint === null ? "a server of its own" : endpoint;
  const through = network === null ? "" : ` · network ${network}`;
  return html`<header><p class="eyebrow">Load test · ${dateWords(startedAt)} · ${minutes} · ${where}${through}</p>
<h1>${capital(scenario)}</h1><p class="about">${about}</p></header>`;
}

function tiles(result: RunResult, compareWith: RunResult | undefined): Html[] {
  const ratios = compareWith === undefined ? [] : compareFigures(result, compareWith);
  const tile = (figure: Figure, name: string, note?: string) => {
    const budget = result.budgets.find((each) => each.budget === figure);
    const value = formatValue(figureOf(result, figure), figures[figure].unit);
    const ratio = ratios.find((each) => each.figure === figure)?.ratio ?? null;
    const notes = [
      note,
      budget && `${formatValue(budget.limit, figures[figure].unit)} allowed`,
      ratio === null ? undefined : `${ratio.toFixed(2)}× the other run`,
    ];
    return tileOf(name, value, budget === undefined ? null : bar(usedOf(budget), budget.ok), notes);
  };
  const failed = Object.values(result.errors).reduce((total, count) => total + count, 0);
  return [
    tileOf("Players at once", formatNumber(peakOf(result)), null, [`of ${formatNumber(result.bots)} bots`]),
    tile("joinMsP99", "Getting in, p99"),
    tile("echoMsP99", "Own input felt, p99"),
    tile("patchGapMsP99", "Gap between updates, p99"),
    tile("errorRate", "Errors", failed === 0 ? "none at all" : `${formatNumber(failed)} in all`),
  ];
}

function tileOf(name: string, value: string, meter: Html | null, notes: readonly (string | undefined)[]): Html {
  const note = notes.filter((each) => each !== undefined).join(" · ");
  return html`<div class="card tile"><div class="name">${name}</div><div class="value">${value}</div>${meter}
<div class="note">${note === "" ? "no budget" : note}</div></div>`;
}

/** How much of a limit is used. Its colour is said in words by the verdict, too. */
function bar(used: number | null, ok: boolean): Html | null {
  if (used === null) return null;
  const style = ok ? (used >= NEAR ? "near" : "") : "broken";
  return html`<svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="4"/>
<rect class="bar ${style}" width="${Math.min(100, Math.max(1, used * 100)).toFixed(1)}" height="4"/></svg>`;
}

function plots(charts: readonly Chart[], ids: readonly string[]): Html {
  return html`<div class="plots">${charts.filter(({ id }) => ids.includes(id)).map(chartFigure)}</div>`;
}

function thinningWords([first]: readonly Chart[]): string {
  const [from = 0, to = from + 1] = first?.x ?? [];
  const width = to - from;
  const each = width > 1 ? `Each point is the worst of ${width} seconds` : "Each point is one second";
  return `${each}. The slowest hundredth of players' moments is p99. Point at a plot to read it; drag to look closer.`;
}

function facts(result: RunResult): (readonly [string, string | number])[] {
  const lateness = result.series.reduce((most, { swarm }) => Math.max(most, swarm.lateMsP99), 0);
  const busiest = result.series.reduce((most, { swarm }) => Math.max(most, swarm.cpu), 0);
  const many = (count: number, one: string) => `${count} ${one}${count === 1 ? "" : "s"}`;
  const crowd = `${many(result.workers, "worker")}${result.agents === 0 ? "" : ` on ${many(result.agents, "agent")}`}`;
  return [
    ["Machine", result.machine],
    ["Server", result.endpoint ?? "its own, started for the run"],
    [
      "Crowd",
      `${crowd}, the busiest at ${formatValue(busiest, "share")} of a core and at most ${formatValue(lateness, "ms")} late`,
    ],
    ["Seed", result.seed],
    ["Plan", result.planHash],
  ];
}
