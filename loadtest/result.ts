import type { Counter, Measure } from "./measures.ts";
import type { Budgets } from "./scenario.ts";

/** A histogram in five numbers, in the measure's unit. */
export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What the server says of itself, by its metrics; of all its processes together. Null is unknown. */
export interface ServerFigures {
  /** In cores. */
  readonly cpu: number | null;
  /** Of the busiest process, in cores: a process plays on one. */
  readonly cpuBusiest?: number | null;
  readonly loopMsP99: number | null;
  readonly tickLateMsP99: number | null;
  readonly rssMiB: number | null;
  readonly players: number | null;
  readonly rooms: number | null;
}

/** What the swarm says of itself. */
export interface SwarmFigures {
  /** Of one core, of the busiest worker. */
  readonly cpu: number;
  /** How late its timers were. */
  readonly lateMsP99: number;
}

/** One second of a run. */
export interface Second {
  /** When it began, from the run's beginning: 0, 1, … */
  readonly at: number;
  /** How many bots the plan has here, and how many are seated. */
  readonly planned: number;
  readonly seated: number;
  readonly counters: Readonly<Partial<Record<Counter, number>>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly measures: Readonly<Partial<Record<Measure, Distribution>>>;
  readonly server: ServerFigures | null;
  readonly swarm: SwarmFigures;
}

export interface BudgetVerdict {
  /** `errorRates.ROOM_FULL` for a single code. */
  readonly budget: keyof Budgets | `errorRates.${string}`;
  readonly limit: number;
  /** Null when it could not be measured, which breaks the budget: a check must be able to fail. */
  readonly measured: number | null;
  readonly ok: boolean;
  /** For a person: `join p99 was 812 ms, allowed are 500`. */
  readonly words: string;
}

/** A violation seen, and how often. */
export interface Violation {
  readonly invariant: string;
  readonly details: string;
  readonly count: number;
}

/** One run, as it is kept in JSON: small, whatever its length (at most 600 seconds are kept, longer runs are thinned). */
export interface RunResult {
  readonly version: 1;
  readonly scenario: string;
  readonly about: string;
  readonly seed: number;
  readonly bots: number;
  /** Set when `--network` put everyone on one. */
  readonly network: string | null;
  /** Null for a server of its own. */
  readonly endpoint: string | null;
  /** Reproduces the run. */
  readonly command: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: string;
  /** Fingerprint of population, decisions and network: the same seed gives the same. */
  readonly planHash: string;
  /** Why nothing is proved by this run (the bots were the limit, the machine was busy), or null. */
  readonly void: string | null;
  readonly workers: number;
  readonly agents: number;
  /** Over the run, warm-up excepted. */
  readonly counters: Readonly<Record<Counter, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  readonly measures: Readonly<Partial<Record<Measure, Distribution>>>;
  readonly series: readonly Second[];
  readonly budgets: readonly BudgetVerdict[];
}
