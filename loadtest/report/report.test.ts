import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { openBrowser } from "../../src/testing/browser.ts";
import { findCapacity } from "../capacity.ts";
import type { RunResult } from "../result.ts";
import { aResult } from "../test-result.ts";
import { renderCapacity } from "./capacity-page.ts";
import { renderReport } from "./report.ts";

const browser = await openBrowser();
const artefacts = join(import.meta.dirname, "../../artefacts");

const evil = "</script><script>window.hacked = true</script>\u2028<img src=x onerror='window.hacked = true'>";
const ugly = aResult(
  {
    seconds: 3600,
    bots: 12_000,
    coresPerThousand: 0.05,
    server: false,
    errors: { [evil]: 9000, B: 90, C: 90, D: 90, E: 90, F: 90, G: 90 },
  },
  {
    scenario: evil,
    about: evil,
    command: evil,
    machine: evil,
    endpoint: evil,
    void: `the busiest worker took 97 % of its core ${evil}`,
    violations: [{ invariant: "I7", details: evil, count: 3 }],
  },
);
const empty = aResult(
  { seconds: 1 },
  {
    series: [],
    measures: {},
    budgets: [{ budget: "joinMsP99", limit: 500, measured: null, ok: false, words: "join p99 could not be measured" }],
  },
);

interface Opened {
  readonly page: Page;
  /** What was complained of, and what was asked of anybody. */
  readonly complaints: string[];
}

/** Opens a report as whoever was mailed it does: from a file, offline. */
async function open(
  name: string,
  text: string,
  { width = 1280, scheme = "light" as "light" | "dark" } = {},
): Promise<Opened> {
  await mkdir(artefacts, { recursive: true });
  const file = join(artefacts, `${name}.html`);
  await writeFile(file, text);
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, offline: true });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => complaints.push(message.text()));
  page.on("request", (request) => {
    if (request.url() !== pathToFileURL(file).href && !request.url().startsWith("data:"))
      complaints.push(request.url());
  });
  await page.goto(pathToFileURL(file).href);
  return { page, complaints };
}

const plotsOf = (page: Page) => page.locator(".plot canvas").count();
const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
/** How many pixels of a plot are not empty. */
const inked = (page: Page, id: string) =>
  page.evaluate((plot) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`#${plot} canvas`);
    const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    return pixels.filter((value, at) => at % 4 === 3 && value > 0).length;
  }, id);

test("[REPORT8] a report is one file that needs no network: verdict, figures, nine plots, budgets, command and machine", async () => {
  const { page, complaints } = await open("report", renderReport(aResult()));
  const text = await page.locator("body").innerText();
  expect(text).toContain("✓ Held: all 3 budgets were kept");
  expect(text).toContain("npm run loadtest -- --scenario steady --bots 400 --seed 7");
  expect(text).toContain("Intel Xeon × 2, Node v24.21.0");
  expect(text).toMatch(/Players at once\s+400/);
  expect(text).toMatch(/Getting in, p99\s+\d+ ms\s+500 ms allowed/);
  expect(text).toMatch(/Join p99\s+\d+ ms\s+500 ms\s+\d+ %\s+✓ kept/);
  expect(text).toContain("Not a single error.");
  expect(await plotsOf(page)).toBe(8);
  for (const id of ["joinMs", "echoMs", "patchGapMs", "population", "bytes", "cpu", "late", "memory"]) {
    expect(await inked(page, id), id).toBeGreaterThan(500);
  }
  await page.locator("#echoMs .u-over").hover();
  expect(await page.locator("#echoMs .u-legend").innerText()).toMatch(/\d:\d\d[\s\S]*p99\s*\d+ ms/);
  expect(complaints).toEqual([]);
  await page.screenshot({ path: join(artefacts, "report.png"), fullPage: true });
});

test("[REPORT8] it can be read on a phone and in the dark, and on paper plots are light and side by side", async () => {
  const { page } = await open("report-phone", renderReport(aResult()), { width: 390, scheme: "dark" });
  expect(await overflow(page)).toBeLessThanOrEqual(0);
  expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(15, 17, 20)");
  await page.screenshot({ path: join(artefacts, "report-phone.png"), fullPage: true });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(255, 255, 255)");
  const tops = () =>
    page
      .locator(".plot canvas")
      .evaluateAll((all) => all.map((each) => Math.round(each.getBoundingClientRect().width)));
  expect(Math.max(...(await tops()))).toBeLessThan(260);
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  expect(Math.min(...(await tops()))).toBeGreaterThan(260);
});

test("[REPORT9] another server's words are shown as words, whatever they are, and nothing of them runs", async () => {
  const html = renderReport(ugly, aResult({ seconds: 30 }, { machine: evil }));
  for (const raw of ["<script>window", "<img", evil]) expect(html.includes(raw), raw).toBe(false);
  expect(html.split("<script").slice(1).join("").includes("\u2028"), "a line's end in a script").toBe(false);
  expect(html.match(/<\/script>/g)).toHaveLength(3);
  const { page, complaints } = await open("report-ugly", html, { width: 390 });
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  expect(await page.locator("h1").innerText()).toContain("<script>window.hacked");
  expect(await page.locator("img").count()).toBe(0);
  expect(await page.locator("#errors .u-legend").innerText()).toContain("</script>");
  expect(await page.locator("#errors .u-legend").innerText()).toContain("2 other codes");
  expect(await overflow(page)).toBeLessThanOrEqual(0);
  expect(complaints).toEqual([]);
  // And if something of theirs were in the page: it could not run, nor ask anybody.
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.hacked = true";
    document.body.append(script);
    document.body.append(Object.assign(new Image(), { src: "https://example.com/a.png" }));
  });
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  expect(complaints.filter((words) => words.includes("Content Security Policy"))).toHaveLength(2);
});

test("[REPORT8] a void run says so above everything, and a run of nothing is a page too", async () => {
  const voided = await open("report-void", renderReport(ugly));
  expect(await voided.page.locator(".verdict").innerText()).toMatch(
    /^⚠ Void: the busiest worker took 97 % of its core/,
  );
  expect(await voided.page.getByText("The server's metrics were not read in this run.").count()).toBe(3);
  expect(await voided.page.getByText("Each point is the worst of 6 seconds").count()).toBe(1);
  const { page, complaints } = await open("report-empty", renderReport(empty));
  const text = await page.locator("body").innerText();
  expect(text).toContain("✗ Broken: 1 of 1 budget");
  expect(text).toContain("Join p99 could not be measured.");
  expect(text).toMatch(/Join p99\s+–\s+500 ms\s+–\s+✗ not measured/);
  expect(await plotsOf(page)).toBe(0);
  expect(text).not.toMatch(/NaN|Infinity|undefined|null/);
  expect(complaints).toEqual([]);
  const lone = aResult({ seconds: 1, bots: 1 }, { budgets: [] });
  expect(await plotsOf((await open("report-lone", renderReport(lone))).page)).toBeGreaterThan(5);
});

test("[REPORT5] a comparison stands in ratios and words, and is drawn behind the plots", async () => {
  const [now, before] = [aResult(), aResult({ seed: 3, coresPerThousand: 2.2 }, { machine: "Another" })];
  const { page } = await open("report-compared", renderReport(now, before));
  const text = await page.locator("body").innerText();
  expect(text).toMatch(/Echo p99\s+\d+ ms\s+[\d\u202f]+ ms\s+0\.\d\d×\s+✓ better/);
  expect(text).toMatch(/Bytes per client\s+2\.9\d KB\/s\s+2\.9\d KB\/s\s+\d\.\d\d×\s+= same/);
  expect(text).toContain("Careful: the two differ in machine (Intel Xeon × 2, Node v24.21.0 here, Another there).");
  expect(await page.locator("#echoMs .u-legend").innerText()).toContain("p99 of the other run");
  const worse = renderReport(before, now);
  expect(worse.includes("✗ worse")).toBe(true);
});

test("[REPORT8] it stays small: an hour's report below 400 KB, and what is drawn is what was kept", () => {
  const hour: RunResult = aResult({ seconds: 3600, errors: { TIMEOUT: 900 } });
  const html = renderReport(hour, hour);
  expect(html.length).toBeLessThan(400_000);
  const data = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(html)?.[1] ?? "[]";
  const charts = JSON.parse(data) as { id: string; x: number[]; limit: unknown }[];
  expect(charts.map(({ id }) => id)).toContain("errors");
  expect(Math.max(...charts.map(({ x }) => x.length))).toBe(600);
  expect(charts.find(({ id }) => id === "echoMs")?.limit).toEqual({ value: 250, label: "budget 250 ms" });
});

test("[CAPACITY5] a capacity is a page too: the knee, what broke above it, each run, and the way to find it again", async () => {
  const run = async (bots: number) => aResult({ bots, seconds: 10, coresPerThousand: 1.9 });
  const capacity = await findCapacity({ run, from: 25, max: 5000 });
  const { page, complaints } = await open(
    "capacity",
    renderCapacity(capacity, { command: "npm run loadtest -- --find-capacity" }),
  );
  const text = await page.locator("body").innerText();
  expect(text).toContain(`✓ Holds ${capacity.bots} players`);
  expect(text).toContain("this broke first (CPU)");
  expect(text).toContain("npm run loadtest -- --find-capacity");
  expect(await page.locator(".data tbody tr").count()).toBe(capacity.steps.length);
  expect(await plotsOf(page)).toBe(3);
  expect(await inked(page, "waits")).toBeGreaterThan(500);
  expect(complaints).toEqual([]);
  await page.screenshot({ path: join(artefacts, "capacity.png"), fullPage: true });
  const nobody = await findCapacity({
    run: async (bots) => aResult({ bots, seconds: 3 }, { void: "no core left" }),
    from: 1,
    max: 9,
  });
  expect(renderCapacity(nobody, { command: "x" }).includes("No run proved anything.")).toBe(true);
});
