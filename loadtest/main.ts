/** `npm run loadtest -- --scenario NAME`: bots that play, over networks like people's, and budgets that fail. */
import { readFile, writeFile } from "node:fs/promises";
import { playAsAgent } from "./agent.ts";
import { compareWithBaseline } from "./baseline.ts";
import { findCapacity } from "./capacity.ts";
import { type AgentCommand, type RunCommand, readCommand, USAGE, UsageError } from "./command-line.ts";
import { BOTS_MAX } from "./plan.ts";
import { secondsOf, stretch } from "./population.ts";
import { renderCapacity } from "./report/capacity-page.ts";
import { renderReport } from "./report/report.ts";
import type { RunResult } from "./result.ts";
import { openTarget, runOnce, type Target } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { capacityLine, exitCodeOf, failuresOf, verdictLine } from "./verdict.ts";
import { createView, type View } from "./view.ts";

const EXIT_USAGE = 2;
/** Where a search for capacity begins and ends, unless --bots says where to begin. */
const SEARCH_FROM = 25;
const SEARCH_MAX = 20_000;
const KEY_CHARS_MIN = 32;

async function main(words: readonly string[], loadtestKey: string | undefined): Promise<number> {
  const command = readCommand(words, Object.keys(scenarios));
  if (command.kind === "help") return tell(USAGE);
  if (command.kind === "list") return tell(describeScenarios());
  const isAgents = command.kind === "agent" || command.agents !== undefined;
  if (isAgents && (loadtestKey?.length ?? 0) < KEY_CHARS_MIN) {
    const both = "a coordinator and its agents know each other by it, and the server lets them in";
    throw new UsageError(`Set LOADTEST_KEY to the server's (${KEY_CHARS_MIN} characters or more): ${both}.`);
  }
  const ending = endOnSignals();
  if (command.kind === "agent") return serveCoordinator(command, loadtestKey ?? "", ending.signal);
  const text = `npm run loadtest -- ${words.map(quoted).join(" ")}`;
  return play(command, { loadtestKey, words: text, signal: ending.signal });
}

interface Play {
  readonly command: RunCommand;
  readonly scenario: Scenario;
  readonly words: string;
  readonly target: Target;
  readonly signal: AbortSignal;
}

async function play(
  command: RunCommand,
  { loadtestKey, words, signal }: { loadtestKey: string | undefined; words: string; signal: AbortSignal },
): Promise<number> {
  const found = scenarios[command.scenario];
  if (found === undefined) throw new UsageError(`There is no scenario "${command.scenario}".`);
  // Read first: nobody waits for a run to hear that a file is missing.
  const baseline = command.baseline === undefined ? undefined : await readResult(command.baseline);
  const scenario = command.seconds === undefined ? found : stretch(found, command.seconds);
  tell(`${command.scenario}: ${scenario.about}`);
  const target = await openTarget(command, { loadtestKey, signal });
  const parts = { command, scenario, words, target, signal };
  try {
    return command.findsCapacity ? await search(parts) : await playOnce(parts, baseline);
  } finally {
    await target.stop();
  }
}

async function playOnce(parts: Play, baseline: RunResult | undefined): Promise<number> {
  const { command } = parts;
  const view = viewOf(parts);
  const result = await runOnce({ ...parts, onWord: tell }, view.second);
  view.end(result);
  const comparison = baseline === undefined ? undefined : compareWithBaseline(result, baseline);
  await keep(command.json, `${JSON.stringify(result)}\n`);
  await keep(command.html, renderReport(result, baseline));
  for (const failure of failuresOf(result)) process.stderr.write(`${failure}\n`);
  if (comparison !== undefined) process.stderr.write(`Beside ${command.baseline}: ${comparison.words}\n`);
  tell(verdictLine(result));
  return comparison === undefined || comparison.is === "kept" ? exitCodeOf(result) : 1;
}

async function search(parts: Play): Promise<number> {
  const { command, scenario, words } = parts;
  const capacity = await findCapacity({
    run: (bots, options) => {
      const sized = { ...parts, scenario: options === undefined ? scenario : stretch(scenario, options.seconds) };
      return runOnce({ ...sized, bots, onWord: tell }, viewOf({ ...sized, bots }).second);
    },
    from: Math.min(command.bots ?? SEARCH_FROM, BOTS_MAX),
    max: SEARCH_MAX,
    onStep: ({ bots, purpose, outcome }) => tell(`${bots} bots (${purpose}): ${outcome}`),
  });
  await keep(command.json, `${JSON.stringify(capacity)}\n`);
  await keep(command.html, renderCapacity(capacity, { command: words }));
  tell(capacity.words);
  tell(capacityLine(command.scenario, capacity));
  return capacity.bots > 0 ? 0 : 1;
}

function viewOf({ command, scenario, bots = command.bots ?? scenario.bots }: Play & { readonly bots?: number }): View {
  const { stdout: out } = process;
  const run = { scenario: command.scenario, bots, seconds: secondsOf(scenario), budgets: scenario.budgets };
  return createView({ ...run, out, isTty: out.isTTY === true });
}

async function keep(file: string | undefined, text: string): Promise<void> {
  if (file !== undefined) await writeFile(file, text);
}

async function readResult(file: string): Promise<RunResult> {
  const result: RunResult = JSON.parse(await readFile(file, "utf8"));
  if (result.version !== 1) throw new UsageError(`${file} is no result of this version: keep one with --json.`);
  return result;
}

async function serveCoordinator(
  { coordinator, workers }: AgentCommand,
  key: string,
  signal: AbortSignal,
): Promise<number> {
  await playAsAgent({ ...coordinator, key, workers, signal, onWord: tell });
  return 0;
}

function describeScenarios(): string {
  const names = Object.entries(scenarios);
  const width = Math.max(...names.map(([name]) => name.length));
  return names.map(([name, { about }]) => `${name.padEnd(width)}  ${about}`).join("\n");
}

/** The first Ctrl-C ends the run and cleans up; a second one does not wait for that. */
function endOnSignals(): AbortController {
  const ending = new AbortController();
  const onSignal = () => (ending.signal.aborted ? process.exit(1) : ending.abort());
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return ending;
}

function quoted(word: string): string {
  return /^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function tell(line: string): 0 {
  process.stdout.write(`${line}\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2), process.env["LOADTEST_KEY"] || undefined);
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof RangeError;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof UsageError) process.stderr.write("npm run loadtest -- --help tells how.\n");
  process.exitCode = isUsage ? EXIT_USAGE : 1;
}
