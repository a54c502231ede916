import { type RunCommand, UsageError } from "./command-line.ts";
import { startOwnServer } from "./own-server.ts";
import type { RunResult, Second } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { tellsFigures, watchServer } from "./server-figures.ts";
import { runSwarm, type SwarmOptions } from "./swarm.ts";

/** A server to play on: its own, or one that runs somewhere. */
export interface Target {
  readonly endpoint: string;
  readonly isOwnServer: boolean;
  readonly loadtestKey: string | undefined;
  readonly metricsUrls: readonly string[];
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

interface RunParts {
  readonly command: RunCommand;
  readonly scenario: Scenario;
  /** The words that reproduce it. */
  readonly words: string;
  readonly target: Target;
  readonly signal: AbortSignal;
  readonly onWord: (words: string) => void;
  /** Instead of as many as the command says. */
  readonly bots?: number;
}

/** Starts a server of the run's own unless there is one. A run whose server tells no figures is not begun: it could not pass. */
export async function openTarget(
  { endpoint, metrics, processes }: RunCommand,
  { loadtestKey, signal }: { loadtestKey: string | undefined; signal: AbortSignal },
): Promise<Target> {
  if (endpoint === undefined) return { ...(await startOwnServer({ processes, signal })), isOwnServer: true };
  for (const url of metrics) {
    if (await tellsFigures(url)) continue;
    const where = "http://HOST:METRICS_PORT/metrics, as the server says when it is ready";
    throw new UsageError(
      `No figures of a server are told at ${url}. Give --metrics the address of its private listener (${where}).`,
    );
  }
  return { endpoint, isOwnServer: false, loadtestKey, metricsUrls: metrics, pids: [], stop: async () => {} };
}

/** One run on a target. */
export async function runOnce(parts: RunParts, onSecond: (second: Second) => void): Promise<RunResult> {
  const { command, scenario, words, target, signal, onWord, bots } = parts;
  const watch = target.metricsUrls.length === 0 ? null : watchServer(target);
  const options: SwarmOptions = {
    name: command.scenario,
    scenario,
    bots: bots ?? command.bots,
    network: command.network,
    seed: command.seed,
    endpoint: target.endpoint,
    isOwnServer: target.isOwnServer,
    loadtestKey: target.loadtestKey,
    workers: command.workers,
    agents: agentsOf(command, target, onWord),
    readServer: watch?.read,
    command: words,
    signal,
  };
  try {
    return await runSwarm(options, onSecond);
  } finally {
    watch?.stop();
  }
}

function agentsOf(
  { agents }: RunCommand,
  { loadtestKey }: Target,
  onWord: (words: string) => void,
): SwarmOptions["agents"] {
  if (agents === undefined || loadtestKey === undefined) return undefined;
  return { count: agents.count, ...agents.listen, key: loadtestKey, onWord };
}
