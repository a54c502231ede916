import { parseArgs } from "node:util";
import { networkProfiles } from "./network-profile.ts";
import { type NetworkText, parseNetworkProfile } from "./network-profile-text.ts";
import { BOTS_MAX } from "./plan.ts";

/** What a person asked for. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "list" }
  | ({ readonly kind: "agent" } & AgentCommand)
  | ({ readonly kind: "run" } & RunCommand);

export interface AgentCommand {
  readonly coordinator: Address;
  readonly workers: number | undefined;
}

export interface RunCommand {
  readonly scenario: string;
  readonly endpoint: string | undefined;
  readonly metrics: readonly string[];
  readonly bots: number | undefined;
  readonly network: NetworkText | undefined;
  readonly seed: number;
  readonly workers: number;
  /** How long the whole population takes, its phases in proportion. */
  readonly seconds: number | undefined;
  readonly processes: number;
  readonly agents: { readonly count: number; readonly listen: Address } | undefined;
  readonly json: string | undefined;
  readonly html: string | undefined;
  readonly baseline: string | undefined;
  readonly findsCapacity: boolean;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** What was asked for makes no sense, in words that say what would. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const USAGE = `Usage: npm run loadtest -- --scenario NAME [options]

  --scenario NAME     what to play; --list names them all
  --endpoint URL      the server to play on; without it one is started, and thrown away afterwards
  --metrics URL       its private /metrics, for what the server says of itself; may be given several times
  --bots N            instead of the scenario's number
  --network PROFILE   everyone over this network: ${Object.keys(networkProfiles).join(", ")},
                      or your own: latency=80,jitter=20,loss=0.01,up=1e6,down=2e6 (ms one way, bytes a second), or train,loss=0.1
  --seed S            from 0 to 4294967295 (1): the same seed gives the same bots, decisions and networks
  --seconds N         stretches or shortens the scenario to about so long
  --processes N       of the server that is started (1)
  --workers N         processes that play (1)
  --agents N          machines that play instead of this one; each runs --agent
  --listen HOST:PORT  where they find this one (0.0.0.0:2570)
  --json FILE         keeps the result
  --html FILE         writes a report to look at
  --baseline FILE     fails when the run is worse than this kept result
  --find-capacity     raises the load until a budget breaks, and says how many are carried

npm run loadtest -- --agent --coordinator HOST:PORT [--workers N]
  plays a part of another machine's run, once

LOADTEST_KEY in the environment is the server's: it lets a crowd come from one address, and is how a coordinator and its
agents know each other. Exit codes: 0 every budget kept, 1 a budget broken or nothing proved, 2 asked for wrongly.`;

const options = {
  scenario: { type: "string" },
  endpoint: { type: "string" },
  metrics: { type: "string", multiple: true },
  bots: { type: "string" },
  network: { type: "string" },
  seed: { type: "string" },
  seconds: { type: "string" },
  processes: { type: "string" },
  workers: { type: "string" },
  agents: { type: "string" },
  listen: { type: "string" },
  agent: { type: "boolean" },
  coordinator: { type: "string" },
  json: { type: "string" },
  html: { type: "string" },
  baseline: { type: "string" },
  "find-capacity": { type: "boolean" },
  list: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;
type Values = ReturnType<typeof parse>;

/** Reads the words behind `npm run loadtest --`. Fails with a UsageError; `names` are the scenarios that there are. */
export function readCommand(words: readonly string[], names: readonly string[]): Command {
  const values = parse(words);
  if (values.help) return { kind: "help" };
  if (values.list) return { kind: "list" };
  return values.agent ? readAgent(values) : readRun(values, names);
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readAgent(values: Values): Command {
  const { agent: _, coordinator, workers, ...others } = values;
  const foreign = Object.keys(others)[0];
  if (foreign !== undefined)
    throw new UsageError(`--${foreign} is the coordinator's to say: an agent plays what it is told.`);
  if (coordinator === undefined) throw new UsageError("--agent needs --coordinator HOST:PORT.");
  return { kind: "agent", coordinator: address("coordinator", coordinator), workers: count("workers", workers, 256) };
}

function readNetwork(text: string): void {
  try {
    parseNetworkProfile(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${reason} Known are ${Object.keys(networkProfiles).join(", ")}, or latency=80,loss=0.01.`);
  }
}

function readRun(values: Values, names: readonly string[]): Command {
  const { scenario, endpoint, metrics = [], network, agents, listen } = values;
  const known = `Known are ${names.join(", ")}.`;
  if (scenario === undefined) throw new UsageError(`Which --scenario? ${known}`);
  if (!names.includes(scenario)) throw new UsageError(`There is no scenario "${scenario}". ${known}`);
  if (values.coordinator !== undefined) throw new UsageError("--coordinator belongs to --agent.");
  if (network !== undefined) readNetwork(network);
  const ownOnly = endpoint !== undefined && values.processes !== undefined;
  if (ownOnly) throw new UsageError("--processes is for a server that is started; this --endpoint runs already.");
  if (endpoint === undefined && metrics.length > 0) throw new UsageError("--metrics belongs to --endpoint.");
  if (listen !== undefined && agents === undefined) throw new UsageError("--listen belongs to --agents.");
  if (agents !== undefined && endpoint === undefined) {
    throw new UsageError(
      "--agents needs --endpoint: other machines cannot reach a server that is started for this run.",
    );
  }
  if (agents !== undefined && values["find-capacity"]) {
    throw new UsageError("--find-capacity is many runs, and agents play one: use --workers of this machine.");
  }
  const waited = count("agents", agents, 1000);
  return {
    kind: "run",
    scenario,
    endpoint: endpoint === undefined ? undefined : webAddress("endpoint", endpoint).replace(/\/$/, ""),
    metrics: metrics.map((url) => webAddress("metrics", url)),
    bots: count("bots", values.bots, BOTS_MAX),
    network,
    seed: values.seed === undefined ? 1 : whole("seed", values.seed, 0, 2 ** 32 - 1),
    workers: count("workers", values.workers, 256) ?? 1,
    seconds: count("seconds", values.seconds, 7 * 24 * 3600),
    processes: count("processes", values.processes, 64) ?? 1,
    agents: waited === undefined ? undefined : { count: waited, listen: address("listen", listen ?? "0.0.0.0:2570") },
    json: values.json,
    html: values.html,
    baseline: values.baseline,
    findsCapacity: values["find-capacity"] ?? false,
  };
}

function count(name: string, text: string | undefined, max: number): number | undefined {
  return text === undefined ? undefined : whole(name, text, 1, max);
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`--${name} must be a whole number from ${min} to ${max}, not "${text}".`);
  }
  return value;
}

function address(name: string, text: string): Address {
  const [, host = "", port = ""] = /^\[?([^\]\s]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) throw new UsageError(`--${name} must be HOST:PORT, not "${text}".`);
  return { host, port: Number(port) };
}

function webAddress(name: string, text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? "")) {
    throw new UsageError(`--${name} must be an address as http://host:port, not "${text}".`);
  }
  return text;
}
