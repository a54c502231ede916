import type { ProcessRecord } from "./processes.ts";

/** How many processes a region should have, and what says so. */
export interface Autoscale {
  readonly region: string;
  /** Those that take players and rooms; one that drains is on its way out. */
  readonly processes: number;
  readonly draining: number;
  readonly suggested: number;
  /** In words, for whoever looks at it. */
  readonly why: string;
  readonly signals: {
    readonly players: number;
    readonly freeSeats: number;
    readonly rooms: number;
    /** Of the busiest process, 0 to 1. */
    readonly loopMax: number;
    readonly memoryMax: number;
    /** Means over the processes. */
    readonly loop: number;
    readonly memory: number;
    /** Seconds that joins have waited for their turn at this process, the worst of ten, over the last minute. */
    readonly queueSeconds: number;
    /** Seconds by which the loop of this process was late, the worst of a hundred. */
    readonly lateSeconds: number;
  };
}

interface AutoscaleParts {
  readonly region: string;
  readonly processes: readonly ProcessRecord[];
  readonly queueSeconds: number;
  readonly lateSeconds: number;
}

/** The share of each that a process should be at: what is above is for those who come before the next process is there. */
const TARGETS = { players: 0.7, rooms: 0.8, loop: 0.6, memory: 0.75 } as const;
/** Nearer to its target than this, nothing is changed: a figure that sways would start and stop processes all day. */
const TOLERANCE = 0.1;
/** From here on players wait, whatever the shares say. */
const QUEUE_SECONDS_MAX = 0.2;
const LATE_SECONDS_MAX = 0.05;

/** By the worst of the shares, as many processes as bring it to its target; one more when players already feel it. */
export function suggestProcesses({ region, processes, queueSeconds, lateSeconds }: AutoscaleParts): Autoscale {
  const ours = processes.filter((record) => record.region === region);
  const working = ours.filter(({ isDraining, role }) => !isDraining && role !== "api");
  const count = working.length;
  const shares = sharesOf(working);
  const [worst, ratio] = Object.entries(shares)
    .map(([name, share]) => [name as keyof typeof TARGETS, share / TARGETS[name as keyof typeof TARGETS]] as const)
    .reduce((most, next) => (next[1] > most[1] ? next : most));
  const isNear = Math.abs(ratio - 1) <= TOLERANCE;
  const byShares = Math.max(1, isNear ? count : Math.ceil(count * ratio));
  const isFelt = queueSeconds > QUEUE_SECONDS_MAX || lateSeconds > LATE_SECONDS_MAX;
  const suggested = isFelt ? Math.max(byShares, count + 1) : byShares;
  const seats = working.reduce((sum, { load }) => sum + load.playersMax, 0);
  const players = working.reduce((sum, { load }) => sum + load.players, 0);
  return {
    region,
    processes: count,
    draining: ours.filter(({ isDraining }) => isDraining).length,
    suggested,
    why: isFelt && suggested > byShares ? feltReason(queueSeconds) : `${worst} at ${percent(shares[worst])}`,
    signals: {
      players,
      freeSeats: Math.max(0, seats - players),
      rooms: working.reduce((sum, { load }) => sum + load.rooms, 0),
      loopMax: Math.max(0, ...working.map(({ load }) => load.loop)),
      memoryMax: Math.max(0, ...working.map(({ load }) => load.memory)),
      loop: shares.loop,
      memory: shares.memory,
      queueSeconds,
      lateSeconds,
    },
  };
}

function sharesOf(working: readonly ProcessRecord[]): Record<keyof typeof TARGETS, number> {
  const mean = (shareOf: (record: ProcessRecord) => number) =>
    working.reduce((sum, record) => sum + shareOf(record), 0) / Math.max(1, working.length);
  return {
    players: mean(({ load }) => load.players / load.playersMax),
    rooms: mean(({ load }) => load.rooms / (load.roomsMax ?? Number.POSITIVE_INFINITY)),
    loop: mean(({ load }) => load.loop),
    memory: mean(({ load }) => load.memory),
  };
}

function feltReason(queueSeconds: number): string {
  return queueSeconds > QUEUE_SECONDS_MAX ? "joins wait for their turn" : "the event loop is late";
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
