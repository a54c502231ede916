import { compareFigures, differencesOf } from "../comparison.ts";
import { figures, formatNumber, formatValue, titleOf, unitOf } from "../figures.ts";
import type { BudgetVerdict, RunResult } from "../result.ts";
import { type Html, html } from "./html.ts";
import { NEAR, usedOf } from "./verdict.ts";

/** Each budget, the broken ones first. */
export function budgetTable(budgets: readonly BudgetVerdict[]): Html {
  if (budgets.length === 0) return html``;
  const sorted = [...budgets].sort((a, b) => Number(a.ok) - Number(b.ok));
  const rows = sorted.map((verdict) => {
    const unit = unitOf(verdict.budget);
    const used = usedOf(verdict);
    return html`<tr><td>${capital(titleOf(verdict.budget))}</td>
<td class="number">${formatValue(verdict.measured, unit)}</td><td class="number">${formatValue(verdict.limit, unit)}</td>
<td class="number spare">${used === null ? "–" : `${formatNumber(Math.round(used * 100))} %`}</td><td>${mark(verdict, used)}</td></tr>`;
  });
  return section(
    "Budgets",
    table(["What", "#Measured", "#Allowed", "+Used", "Verdict"], rows),
    "Over the whole run, its warm-up excepted.",
  );
}

function mark(verdict: BudgetVerdict, used: number | null): Html {
  if (verdict.ok)
    return html`<span class="mark held">✓ ${used !== null && used >= NEAR ? "kept, near" : "kept"}</span>`;
  return html`<span class="mark broken">✗ ${verdict.measured === null ? "not measured" : "broken"}</span>`;
}

/** Figure by figure, as ratios: machines differ, and two runs side by side share theirs. */
export function comparisonTable(result: RunResult, other: RunResult): Html {
  const words = { better: "✓ better", same: "= same", worse: "✗ worse", unknown: "– unknown" };
  const rows = compareFigures(result, other).map(({ figure, value, other: before, ratio, is }) => {
    const { title, unit } = figures[figure];
    const style = is === "better" ? "held" : is === "worse" ? "broken" : "";
    return html`<tr><td>${capital(title)}</td><td class="number">${formatValue(value, unit)}</td>
<td class="number">${formatValue(before, unit)}</td><td class="number">${ratio === null ? "–" : `${ratio.toFixed(2)}×`}</td>
<td><span class="mark ${style}">${words[is]}</span></td></tr>`;
  });
  const differences = differencesOf(result, other);
  const warning = differences.length === 0 ? "" : ` Careful: the two differ in ${differences.join(" and ")}.`;
  const where = `Against the run of ${dateWords(other.startedAt)}${other.endpoint === null ? "" : ` on ${other.endpoint}`}.`;
  const note = `${where} Less is better; within 5 % is the same.${warning}`;
  return section("Comparison", table(["What", "#This run", "#Other run", "#Ratio", "Verdict"], rows), note);
}

/** Counts of what went wrong, for the whole run. */
export function errorTable(result: RunResult): Html {
  const codes = Object.entries(result.errors)
    .filter(([, count]) => count > 0)
    .sort((a, b) => b[1] - a[1]);
  if (codes.length === 0) return html``;
  const rows = codes.map(
    ([code, count]) => html`<tr><td class="wrap">${code}</td><td class="number">${formatNumber(count)}</td></tr>`,
  );
  return section("Errors by code", table(["Code", "#Times"], rows));
}

export function violationTable({ violations }: RunResult): Html {
  if (violations.length === 0) return html``;
  const rows = violations.map(
    ({ invariant, details, count }) =>
      html`<tr><td>${invariant}</td><td class="wrap">${details}</td><td class="number">${formatNumber(count)}</td></tr>`,
  );
  return section("What must never happen", table(["Invariant", "What was seen", "#Times"], rows));
}

/** What it takes to see the same again. */
export function reproduction(command: string, facts: readonly (readonly [string, string | number])[]): Html {
  const list = facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`);
  return section("To run it again", html`<div class="card"><pre>${command}</pre><dl>${list}</dl></div>`);
}

export function section(title: string, content: Html, note?: string): Html {
  return html`<section><h2>${title}</h2>${note === undefined ? null : html`<p class="note">${note}</p>`}
${content}</section>
`;
}

/** A heading that begins with # stands over numbers, with + over such as a narrow screen can do without. */
export function table(headings: readonly string[], rows: readonly Html[]): Html {
  const heads = headings.map((text) => {
    if (text.startsWith("#")) return html`<th class="number">${text.slice(1)}</th>`;
    return text.startsWith("+") ? html`<th class="number spare">${text.slice(1)}</th>` : html`<th>${text}</th>`;
  });
  return html`<div class="card scroll"><table class="data"><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** `2026-01-01 20:00 UTC`, from ISO 8601, whoever reads it wherever. */
export function dateWords(iso: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso;
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
