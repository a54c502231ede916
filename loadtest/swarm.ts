import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { decodeFromCompressedBase64, type Histogram } from "hdr-histogram-js";
import { listenForAgents } from "./agents.ts";
import type { BotPlan } from "./bots/bot.ts";
import { judge } from "./budgets.ts";
import type { Crew, CrewListener, Report } from "./crew.ts";
import { counters } from "./measures.ts";
import type { NetworkText } from "./network-profile-text.ts";
import { planHash, plannedAt, planRun } from "./plan.ts";
import { secondsOf } from "./population.ts";
import { emptyHistogram, quantileOf, Tally } from "./recorder.ts";
import type { RunResult, Second, ServerFigures } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { whyVoid } from "./validity.ts";
import { startWorkers } from "./workers.ts";

export interface SwarmOptions {
  /** The scenario's name. */
  readonly name: string;
  readonly scenario: Scenario;
  /** Instead of the scenario's. */
  readonly bots?: number | undefined;
  /** Puts everyone on one. */
  readonly network?: NetworkText | undefined;
  readonly seed: number;
  /** `http://host:port` of the server under test. */
  readonly endpoint: string;
  /** Whether the server was started for this run: the result then names no endpoint. */
  readonly isOwnServer: boolean;
  readonly loadtestKey?: string | undefined;
  /** Processes of this machine, or of each agent. */
  readonly workers: number;
  /** Machines that play instead of this one. */
  readonly agents?: AgentsOptions | undefined;
  /** How the server is, asked each second. */
  readonly readServer?: (() => Promise<ServerFigures>) | undefined;
  /** Reproduces the run. */
  readonly command: string;
  /** Ends the run early; what was seen until then is judged. */
  readonly signal?: AbortSignal | undefined;
}

export interface AgentsOptions {
  /** How many to wait for. */
  readonly count: number;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What both sides know: LOADTEST_KEY. */
  readonly key: string;
  /** Called with the port that agents are to dial, and as they come. */
  readonly onWord?: (words: string, port: number) => void;
}

/** How long a server may take to say how it is. */
const SERVER_MS_MAX = 950;
/** Of what a run keeps, whatever its length. */
const SECONDS_KEPT_MAX = 600;
/** Everybody hears of the beginning before it comes. */
const START_IN_MS = 300;

/**
 * One run: plans it, plays it with processes or agents, adds up what they saw each second, and judges it. `onSecond` hears of
 * each second when all of it is known.
 */
export async function runSwarm(
  options: SwarmOptions,
  onSecond: (second: Second) => void = () => {},
): Promise<RunResult> {
  const { scenario, bots, network, seed } = options;
  const plan = planRun(scenario, { bots, network, seed });
  const record = new RunRecord(options, plan, onSecond);
  const crew = await gatherCrew(options, plan, record);
  const abort = () => crew.abort();
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted) abort();
  try {
    record.begin();
    crew.start(START_IN_MS);
    await crew.done;
    return await record.result();
  } finally {
    options.signal?.removeEventListener("abort", abort);
    await crew.end();
  }
}

function gatherCrew(options: SwarmOptions, plan: readonly BotPlan[], listener: CrewListener): Promise<Crew> {
  const {
    name,
    scenario,
    bots = scenario.bots,
    network = null,
    seed,
    endpoint,
    loadtestKey,
    workers,
    agents,
  } = options;
  // Two runs of one seed on one server are not the same bots come back.
  const runName = `${name}-${seed}-${randomBytes(4).toString("hex")}`;
  const seconds = secondsOf(scenario);
  if (agents === undefined) {
    return startWorkers({ plan, workers, endpoint, loadtestKey, runName, seconds }, listener);
  }
  const task = { scenario, bots, network, seed, endpoint, workers, runName, planHash: planHash(plan) };
  return listenForAgents({ ...agents, task, signal: options.signal }, listener);
}

/** What a run comes to, second by second. */
class RunRecord implements CrewListener {
  readonly #options: SwarmOptions;
  readonly #plan: readonly BotPlan[];
  readonly #planned: readonly number[];
  readonly #seconds: number;
  readonly #onSecond: (second: Second) => void;
  readonly #judged = new Tally();
  readonly #late: Histogram = emptyHistogram();
  readonly #lost: string[] = [];
  readonly #violations = new Tally();
  readonly #series: Second[] = [];
  readonly #steals: number[] = [];
  #startedAt = "";
  /** Seconds are told in order although the server is asked in between. */
  #telling: Promise<void> = Promise.resolve();

  constructor(options: SwarmOptions, plan: readonly BotPlan[], onSecond: (second: Second) => void) {
    this.#options = options;
    this.#plan = plan;
    this.#seconds = secondsOf(options.scenario);
    this.#planned = plannedAt(plan, this.#seconds);
    this.#onSecond = onSecond;
  }

  begin(): void {
    this.#startedAt = new Date(performance.timeOrigin + performance.now()).toISOString();
    // The first reading of a server only begins its count.
    if (this.#options.readServer !== undefined) this.#telling = this.#readServer().then(() => {});
  }

  onReport(report: Report): void {
    const { at, window, steal } = report;
    for (const violation of window.violations) this.#violations.violation(violation);
    if (at > this.#options.scenario.warmUpSeconds) {
      this.#judged.add(window);
      this.#late.add(histogramOf(report));
      if (steal !== null) this.#steals.push(steal);
    }
    // What comes later is counted, but the run is over.
    if (at > this.#seconds) return;
    this.#telling = this.#telling.then(async () => this.#tell(report, await this.#readServer()));
  }

  onLost(words: string): void {
    this.#lost.push(words);
  }

  async result(): Promise<RunResult> {
    await this.#telling;
    const { name, scenario, bots = scenario.bots, network = null, seed, endpoint, workers, agents } = this.#options;
    const judged = this.#series.filter(({ at }) => at >= scenario.warmUpSeconds);
    const violations = this.#violations.violations;
    const figures = { tally: this.#judged, violations, seconds: judged };
    return {
      version: 1,
      scenario: name,
      about: scenario.about,
      seed,
      bots,
      network,
      endpoint: this.#options.isOwnServer ? null : endpoint,
      command: this.#options.command,
      startedAt: this.#startedAt,
      seconds: this.#seconds,
      machine: `${cpus()[0]?.model.trim() ?? "unknown processor"} × ${cpus().length}, Node ${process.version}`,
      planHash: planHash(this.#plan),
      void: whyVoid({
        lost: this.#lost,
        cpus: judged.map(({ swarm }) => swarm.cpu),
        lateMsP99: quantileOf(this.#late, 99),
        steals: this.#steals,
        wasCutShort: this.#options.signal?.aborted === true,
        seconds: judged.length,
      }),
      workers,
      agents: agents?.count ?? 0,
      counters: Object.fromEntries(
        counters.map((counter) => [counter, this.#judged.counter(counter)]),
      ) as RunResult["counters"],
      errors: this.#judged.errors,
      violations,
      measures: this.#judged.measures,
      series: thin(this.#series),
      budgets: judge(scenario.budgets, figures),
    };
  }

  async #readServer(): Promise<ServerFigures | null> {
    const read = this.#options.readServer;
    if (read === undefined) return null;
    return Promise.race([read(), pause(SERVER_MS_MAX, null, { ref: false })]).catch(() => null);
  }

  #tell(report: Report, server: ServerFigures | null): void {
    const { at, window, cpu } = report;
    const tally = new Tally();
    tally.add(window);
    const second: Second = {
      at: at - 1,
      planned: this.#planned[at] ?? 0,
      seated: window.seated,
      counters: window.counters,
      errors: window.errors,
      measures: tally.measures,
      server,
      swarm: { cpu, lateMsP99: quantileOf(histogramOf(report), 99) },
    };
    this.#series.push(second);
    this.#onSecond(second);
  }
}

function histogramOf({ late }: Report): Histogram {
  return decodeFromCompressedBase64(late, 32, false);
}

/** Every second one of a run of twenty minutes, every sixth of an hour: as many as a report can show. */
function thin(series: readonly Second[]): Second[] {
  const step = Math.ceil(series.length / SECONDS_KEPT_MAX);
  return series.filter((_, index) => index % step === 0);
}
