import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Chart } from "./charts.ts";
import { type Html, html, jsonForScript } from "./html.ts";

interface PageParts {
  readonly title: string;
  readonly body: Html;
  readonly charts: readonly Chart[];
}

/**
 * One file that needs nothing else, today and in ten years: styles, the plotting library and the data are inside. Its
 * policy lets it run these scripts and no others, and fetch nothing.
 */
export function renderPage({ title, body, charts }: PageParts): string {
  const { styles, scripts } = pageFiles();
  const allowed = (texts: readonly string[]) => texts.map((text) => `'sha256-${hashOf(text)}'`).join(" ");
  const policy = `default-src 'none'; style-src ${allowed([styles])}; script-src ${allowed(scripts)}; img-src data:`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${raw(styles)}</style>
</head>
<body>
<main>
${body}
</main>
<script type="application/json" id="charts">${raw(jsonForScript(charts))}</script>
${scripts.map((script) => html`<script>${raw(script)}</script>`)}
</body>
</html>
`;
  return page.html;
}

/** Where the page's script puts a plot. Without scripts the caption still says what there would be to see. */
export function chartFigure(chart: Chart): Html {
  const empty = chart.empty === null ? null : html`<p class="empty">${chart.empty}</p>`;
  return html`<figure class="chart"><figcaption><h3>${chart.title}</h3><p>${chart.caption}</p></figcaption>
${empty ?? html`<div class="plot" id="${chart.id}" role="img" aria-label="${`${chart.title}. ${chart.summary}`}"></div>`}</figure>`;
}

function raw(text: string): Html {
  return { html: text };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

let files: { readonly styles: string; readonly scripts: readonly string[] } | undefined;

/** Read once. Nothing in them may end the element that holds them. */
function pageFiles() {
  const styles = [
    import.meta.resolve("uplot/dist/uPlot.min.css"),
    import.meta.resolve("./report.css"),
    import.meta.resolve("./plots.css"),
    import.meta.resolve("./theme.css"),
  ];
  const scripts = [import.meta.resolve("uplot/dist/uPlot.iife.min.js"), import.meta.resolve("./plots.mjs")];
  files ??= { styles: styles.map(read).join("\n"), scripts: scripts.map(read) };
  return files;
}

function read(url: string): string {
  const text = readFileSync(fileURLToPath(url), "utf8").trim();
  if (/<\/(script|style)/i.test(text)) throw new Error(`${url} cannot be put into a page: it would end its element.`);
  return text;
}
