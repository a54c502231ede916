import { expect, test } from "vitest";
import type { RunResult } from "./result.ts";
import type { Budgets } from "./scenario.ts";
import { aResult } from "./test-result.ts";
import { createView } from "./view.ts";

const ESCAPE = "\u001b";

/** A terminal that understands what the view writes, and wraps what is drawn on it when it is made narrower. */
class FakeTerminal {
  readonly lines: string[] = [""];
  readonly writes: string[] = [];
  #row = 0;
  #column = 0;
  columns: number;
  rows = 40;

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): void {
    this.writes.push(text);
    const pattern = new RegExp(`${ESCAPE}\\[(\\??)([0-9;]*)([A-Za-z])|[^]`, "gu");
    for (const [all, , amount = "", command] of text.matchAll(pattern)) {
      if (command === undefined) this.#put(all);
      else if (command === "A") this.#row = Math.max(0, this.#row - Number(amount));
      else if (command === "K") this.lines[this.#row] = (this.lines[this.#row] ?? "").slice(0, this.#column);
      else if (command === "J") {
        this.lines[this.#row] = (this.lines[this.#row] ?? "").slice(0, this.#column);
        this.lines.length = this.#row + 1;
      } else if (!"mhl".includes(command)) throw new Error(`The view wrote ${JSON.stringify(all)}.`);
    }
  }

  resize(columns: number): void {
    const cut = (line: string) => line.match(new RegExp(`.{1,${columns}}`, "gu")) ?? [""];
    const before = this.lines.slice(0, this.#row).flatMap(cut);
    const after = this.lines.slice(this.#row).flatMap(cut);
    this.lines.splice(0, this.lines.length, ...before, ...after);
    this.#row = before.length;
    this.columns = columns;
  }

  #put(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") {
      this.#row++;
      this.#column = 0;
      this.lines[this.#row] ??= "";
    } else {
      expect(character, "characters that steer").toMatch(/^[^\p{C}]$/u);
      const line = (this.lines[this.#row] ?? "").padEnd(this.#column);
      this.lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
      this.#column++;
      expect(this.#column, "the view relied on wrapping").toBeLessThan(this.columns);
    }
  }
}

const budgets: Budgets = { joinMsP99: 500, echoMsP99: 250, patchGapMsP99: 120, errorRate: 0.02, loopMsP99: 100 };
const parts = { scenario: "steady", bots: 480, seconds: 60, budgets };

function show(result: RunResult, { columns = 100, seconds = 60, hasColour = false } = {}) {
  const terminal = new FakeTerminal(columns);
  const view = createView({ ...parts, out: terminal, isTty: true, hasColour });
  for (const second of result.series.slice(0, seconds)) view.second(second);
  return { terminal, view };
}

test("[REPORT3] a terminal shows progress, players, percentiles, the server, errors and a light for each budget, in place", () => {
  const { terminal } = show(aResult({ errors: { TIMEOUT: 60 } }), { seconds: 30 });
  const screen = terminal.lines.join("\n");
  expect(terminal.lines[0]).toMatch(/^steady █{20}░{20} 0:30 of 1:00$/);
  expect(screen).toMatch(/players {4}seated \d+ {2}of 400 {2}joins\/s 0 {2}inputs\/s 7\u202f?\d+ {2}in 1\.\d+ MB\/s/);
  expect(screen).toMatch(/ {2}echo +\d+(\.\d)? ms +\d+ ms +\d+ ms/);
  expect(screen).toMatch(/server {5}cores 0\.4\d+ {2}loop [\d.]+ ms {2}ticks late [\d.]+ ms {2}MiB 16\d/);
  expect(screen).toMatch(/errors {5}TIMEOUT \d\d/);
  // The broken first; nobody joined lately.
  expect(screen).toMatch(/budgets {4}✗ errors {2}. .*● event loop p99 {2}○ join p99/);
  expect(terminal.lines.filter((line) => line.startsWith("steady"))).toHaveLength(1);
  expect(terminal.lines.length).toBeLessThan(12);
  // One write each, which never clears first: nothing flickers.
  expect(terminal.writes).toHaveLength(30);
  expect(terminal.writes.every((text) => !text.includes(`${ESCAPE}[2J`))).toBe(true);
});

test("[REPORT3] a light turns yellow near its budget and red beyond it, in colour and in shape", () => {
  const { terminal } = show(aResult({ bots: 480, coresPerThousand: 1.9 }), { seconds: 30, hasColour: true });
  const last = terminal.writes.at(-1) ?? "";
  expect(last).toContain(`${ESCAPE}[31m✗${ESCAPE}[0m echo p99`);
  expect(last).toContain(`${ESCAPE}[32m●${ESCAPE}[0m event loop p99`);
  const near = { ...aResult(), series: aResult().series.map((second) => ({ ...second, errors: {} })) };
  const view = show(near, { seconds: 1, hasColour: true });
  const [first] = near.series;
  if (first === undefined) throw new Error("A run has a first second.");
  view.view.second({ ...first, server: first.server && { ...first.server, loopMsP99: 90 } });
  expect(view.terminal.writes.at(-1)).toContain(`${ESCAPE}[33m▲${ESCAPE}[0m event loop p99`);
});

test("[REPORT3] it fits any width, follows a resize and leaves no rest of what it drew before", () => {
  const { series } = aResult({ errors: { A_RATHER_LONG_CODE_OF_AN_ERROR: 90, ANOTHER_RATHER_LONG_CODE: 90 } });
  const terminal = new FakeTerminal(140);
  const view = createView({ ...parts, out: terminal, isTty: true, hasColour: true });
  for (const [at, second] of series.entries()) {
    if (at === 10) terminal.resize(50);
    if (at === 20) terminal.resize(25);
    if (at === 30) terminal.resize(200);
    view.second(second);
    expect(
      terminal.lines.filter((line) => line.startsWith("steady")),
      `after second ${at}`,
    ).toHaveLength(1);
    expect(terminal.lines.filter((line) => line.startsWith("errors"))).toHaveLength(1);
  }
  terminal.rows = 4;
  view.second(series[0] ?? raise());
  expect(terminal.lines.length).toBeLessThanOrEqual(4);
});

function raise(): never {
  throw new Error("A run has a first second.");
}

test("[REPORT3] at the end the verdict stands in place of what was live", () => {
  const broken = aResult({ bots: 480, coresPerThousand: 1.9 });
  const { terminal, view } = show(broken, { columns: 160 });
  view.end({ ...broken, violations: [{ invariant: "I7", details: "a wrong x", count: 2 }] });
  expect(terminal.lines[0]).toBe("Broken: 2 of 3 budgets");
  expect(terminal.lines.join("\n")).toMatch(/✗ echo p99 was \d+ ms, allowed are 250\n/);
  expect(terminal.lines.join("\n")).toMatch(/✗ I7 was violated 2 times: a wrong x\./);
  expect(terminal.lines.join("\n")).not.toContain("budgets   ");
  expect(terminal.lines.at(-2)).toBe(broken.command);
});

test("[REPORT4] without a terminal there is a plain line each five seconds and no escape at all", () => {
  const lines: string[] = [];
  const result = aResult({ bots: 480, coresPerThousand: 1.9 });
  const view = createView({ ...parts, out: { write: (text) => lines.push(text) }, isTty: false });
  for (const second of result.series) view.second(second);
  expect(lines).toHaveLength(12);
  expect(lines[6]).toMatch(
    /^0:31\/1:00 · 4\d\d\/480 of 480 seated · 0 joins\/s · join p99 – · echo p99 \d.* · errors 0 · 0\.9\d* cores · OVER: echo p99, patch gap p99\n$/,
  );
  view.end(result);
  expect(lines.join("")).not.toContain(ESCAPE);
  expect(lines.at(-1)).toContain("Broken: 2 of 3 budgets\n");
});

test("[REPORT4] NO_COLOR is honoured, and words of a server cannot steer the terminal", () => {
  const evil = `${ESCAPE}[2J${ESCAPE}]0;title\u0007\nX`;
  const result = aResult({ errors: { [evil]: 500 }, seconds: 20 }, { void: evil });
  process.env["NO_COLOR"] = "1";
  try {
    const terminal = new FakeTerminal(160);
    const view = createView({ ...parts, scenario: evil, out: terminal, isTty: true });
    for (const second of result.series) view.second(second);
    view.end(result);
    expect(terminal.writes.join("")).not.toMatch(new RegExp(`${ESCAPE}\\[[0-9;]*m`));
    expect(terminal.writes.join("")).not.toContain(`${ESCAPE}]`);
  } finally {
    delete process.env["NO_COLOR"];
  }
});
