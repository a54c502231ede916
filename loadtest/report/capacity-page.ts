import type { Capacity, CapacityStep } from "../capacity.ts";
import { type Figure, figureOf, figures, formatNumber, formatValue, titleOf } from "../figures.ts";
import type { RunResult } from "../result.ts";
import type { Chart, Ink, Line } from "./charts.ts";
import { html } from "./html.ts";
import { chartFigure, renderPage } from "./page.ts";
import { verdictCard } from "./report.ts";
import { capital, dateWords, reproduction, section, table } from "./tables.ts";

interface CapacityPage {
  /** What finds it again. */
  readonly command: string;
}

/** How many players a server holds, as one HTML file: the knee, what broke above it, and the way there. */
export function renderCapacity(capacity: Capacity, { command }: CapacityPage): string {
  const { bots, end, words, steps } = capacity;
  const [first] = steps;
  const is = ({ knee: "held", "most allowed": "held", swarm: "void", "nothing held": "broken" } as const)[end];
  const least = end === "knee" ? "" : "at least ";
  const headline = bots === 0 ? "Nobody is held" : `Holds ${least}${bots} ${bots === 1 ? "player" : "players"}`;
  const charts = chartsOfSteps(capacity);
  const body = html`<header><p class="eyebrow">Capacity${first === undefined ? "" : ` · ${dateWords(first.result.startedAt)}`}</p>
<h1>How many players it holds</h1><p class="about">${first?.result.about ?? ""}</p></header>
${verdictCard({ is, headline, words, points: [] })}
${section("On the way there", html`<div class="plots">${charts.map(chartFigure)}</div>`, "A point is one run. What lies to the right of the knee broke a budget.")}
${stepTable(steps)}
${reproduction(
  command,
  first === undefined
    ? []
    : [
        ["Machine", first.result.machine],
        ["Server", first.result.endpoint ?? "its own, started for each run"],
        ["Seed", first.result.seed],
      ],
)}`;
  return renderPage({ title: "Capacity · load test", body, charts });
}

const drawnFigures: readonly (readonly [Figure, Ink])[] = [
  ["joinMsP99", "code3"],
  ["echoMsP99", "main"],
  ["patchGapMsP99", "second"],
];

function chartsOfSteps({ bots, end, steps }: Capacity): Chart[] {
  const runs = steps.filter(({ outcome }) => outcome !== "void").sort((a, b) => a.bots - b.bots);
  const empty = runs.length === 0 ? "No run proved anything." : null;
  const mark = bots === 0 ? {} : { mark: { at: bots, label: end === "knee" ? `knee: ${bots}` : `held: ${bots}` } };
  const shared = { x: runs.map((step) => step.bots), across: "players", limit: null, empty, ...mark } as const;
  const latency = drawnFigures.map(([figure, ink]): Line => {
    return { label: figures[figure].title, values: runs.map(({ result }) => short(figureOf(result, figure))), ink };
  });
  const cpu: Line = { label: "busiest process", values: runs.map(({ result }) => short(coresOf(result))), ink: "main" };
  const summary = `The knee is at ${bots} players.`;
  return [
    {
      ...shared,
      id: "waits",
      title: "Waiting",
      caption: "The slowest hundredth, by players.",
      unit: "ms",
      lines: latency,
      summary,
    },
    {
      ...shared,
      id: "worst",
      title: "Nearest to its limit",
      caption: "Of all budgets the tightest: 1 is used up.",
      unit: "",
      lines: [usedLine(runs)],
      limit: { value: 1, label: "budget" },
      summary,
    },
    {
      ...shared,
      id: "cores",
      title: "Server's processor",
      caption: "In cores, the middle second.",
      unit: "cores",
      lines: [cpu],
      summary,
      empty: cpu.values.every((value) => value === null) ? "The server's metrics were not read." : empty,
    },
  ];
}

/** How much the tightest budget of each run is used. */
function usedLine(runs: readonly CapacityStep[]): Line {
  const used = ({ budgets }: RunResult) =>
    budgets
      .filter(({ measured, limit }) => measured !== null && limit > 0)
      .map(({ measured, limit }) => (measured ?? 0) / limit);
  const values = runs.map(({ result }) => (used(result).length === 0 ? null : short(Math.max(...used(result)))));
  return { label: "used", values, ink: "main" };
}

function coresOf({ series }: RunResult): number | null {
  const known = series.map(({ server }) => server?.cpuBusiest ?? server?.cpu ?? null).filter((value) => value !== null);
  return known.sort((a, b) => a - b)[Math.floor(known.length / 2)] ?? null;
}

function short(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(4));
}

function stepTable(steps: readonly CapacityStep[]) {
  const words = { held: "✓ held", broken: "✗ broken", void: "⚠ void" };
  const styles = { held: "held", broken: "broken", void: "" };
  const rows = steps.map(({ bots, purpose, outcome, result }) => {
    const broke = result.budgets.filter(({ ok }) => !ok).map(({ budget }) => titleOf(budget));
    const why = outcome === "void" ? (result.void ?? "") : broke.join(", ");
    const waits = drawnFigures.map(
      ([figure]) => html`<td class="number spare">${formatValue(figureOf(result, figure), "ms")}</td>`,
    );
    return html`<tr><td class="number">${formatNumber(bots)}</td><td>${purpose === "search" ? "" : "a minute"}</td>${waits}
<td><span class="mark ${styles[outcome]}">${words[outcome]}</span></td><td class="wrap">${why}</td></tr>`;
  });
  const waits = drawnFigures.map(([figure]) => `+${capital(figures[figure].title)}`);
  return section("Every run", table(["#Players", "", ...waits, "Verdict", "By"], rows));
}
