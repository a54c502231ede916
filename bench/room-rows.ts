import { TICK_MS } from "./contenders/movement.ts";
import type { Measurement } from "./measurement.ts";
import type { Row } from "./report.ts";
import type { Contender, Samples } from "./side-by-side.ts";
import { type Conditions, median, quantile, ratioOf, voidEstimate, voidMeasurement } from "./statistics.ts";

/** What the plan wants of W1 and W2 against each contender. Against the stock engine there is a gate besides. */
const PLAY_TARGETS = {
  W1: { "ws-floor": 1.35, "socket-io": 1, "stock-defaults": 0.85, "stock-best": 0.85 },
  W2: { "ws-floor": 1.35, "socket-io": 1, "stock-defaults": 1, "stock-best": 1 },
} as const satisfies Record<string, Partial<Record<Contender, number>>>;
const PLAY_GATE = 1;
const JOIN_GATE = 0.9;
const IDLE_BYTES_MAX = 5;
const P50_TICKS_MAX = 0.6;
const P99_TICKS_MAX = 1.5;

interface Comparison {
  readonly id: string;
  readonly samples: Samples;
  readonly against: Contender;
  readonly value: (measurement: Measurement) => number;
  /** The name of the value, with its unit. */
  readonly unit: string;
  readonly target: number;
  /** Whether more is better. */
  readonly isMore?: boolean;
  readonly gate?: number;
  /** What may spoil the value, by default everything. */
  readonly conditionsOf?: (measurement: Measurement) => Conditions;
  /** A gate on a shared machine fails only when the whole interval is beyond it. */
  readonly isLenient?: boolean;
}

/** Some seconds on a shared machine differ by that much from some others, whatever runs in them. */
const QUICK_SHARE = 1.1;

/** CPU and bytes per client against everyone. */
export function playRows(id: "W1" | "W2", samples: Samples, { isLenient }: { isLenient: boolean }): Row[] {
  const rows = Object.entries(PLAY_TARGETS[id]).flatMap(([name, target]) => {
    const against = name as Contender;
    if (!samples.of.has(against)) return [];
    const isStock = name.startsWith("stock");
    const common = { samples, against, target } as const;
    const cpu = compare({
      ...common,
      id,
      value: ({ cpuMsPerKiloTick }) => cpuMsPerKiloTick,
      unit: "ms per 1000 client-ticks",
      isLenient,
      ...(isStock && { gate: isLenient ? PLAY_GATE * QUICK_SHARE : PLAY_GATE }),
    });
    const bytes = compare({
      ...common,
      id: `${id}/bytes`,
      value: ({ bytesPerSecond }) => bytesPerSecond,
      unit: "B/s",
      target: 1,
    });
    return [cpu, bytes];
  });
  return rows.filter((row) => row !== null);
}

/** Joins per CPU second, as our client makes them: the check of the session and the database are included. */
export function joinRows(samples: Samples): Row[] {
  const rows = (["stock-defaults", "stock-best"] as const).flatMap((against) => [
    compare({
      id: "W6",
      samples,
      against,
      value: ({ joinsPerCpuSecond }) => joinsPerCpuSecond,
      unit: "joins per CPU-s",
      target: JOIN_GATE,
      isMore: true,
      gate: JOIN_GATE,
      conditionsOf: conditionsOfJoins,
    }),
    compare({
      id: "W6/p99",
      samples,
      against,
      value: ({ joinMsP99 }) => joinMsP99,
      unit: "ms",
      target: 1,
      conditionsOf: conditionsOfJoins,
    }),
  ]);
  return rows.filter((row) => row !== null);
}

/** Latency from input to state, in ticks: ours alone against the limits, and beside stock. */
export function latencyRows(samples: Samples): Row[] {
  const ticksAt = (share: number) => (measurement: Measurement) => quantile(measurement.latenciesMs, share) / TICK_MS;
  const limits = [
    { name: "p50", share: 0.5, limit: P50_TICKS_MAX },
    { name: "p99", share: 0.99, limit: P99_TICKS_MAX },
  ];
  const ours = samples.of.get("umpire") ?? [];
  const all = ours.flatMap(({ latenciesMs }) => latenciesMs);
  const reason = whyVoid(ours.map(conditionsIn));
  return limits.flatMap(({ name, share, limit }) => {
    const ticks = quantile(all, share) / TICK_MS;
    const measured = {
      ticks,
      samples: all.length,
      "server CPU %": 100 * median(ours.map(({ serverCpu }) => serverCpu)),
    };
    const absolute = {
      id: `W5/${name}`,
      against: "absolute",
      ratio: ticks,
      target: limit,
      ok: ticks <= limit,
      isGate: false,
      measured,
      ...(reason !== null && { void: reason }),
    };
    const beside = (["stock-defaults", "stock-best"] as const).map((against) =>
      compare({ id: `W5/${name}`, samples, against, value: ticksAt(share), unit: "ticks", target: 1 }),
    );
    return [absolute, ...beside].filter((row) => row !== null);
  });
}

/** Bytes per client and second of a room in which nobody does anything. */
export function idleRows(samples: Samples): Row[] {
  const bytesOf = (contender: Contender) =>
    median((samples.of.get(contender) ?? []).map(({ bytesPerSecond }) => bytesPerSecond));
  const bytes = bytesOf("umpire");
  const measured = {
    "ours B/s": bytes,
    "stock defaults B/s": bytesOf("stock-defaults"),
    "stock best B/s": bytesOf("stock-best"),
  };
  return [
    {
      id: "W4/idle",
      against: "absolute",
      ratio: bytes,
      target: IDLE_BYTES_MAX,
      ok: bytes <= IDLE_BYTES_MAX,
      isGate: false,
      measured,
    },
  ];
}

/** Whether every contender played the game: an input moves its player once, and clients see what the server has. */
export function playedRow(workload: string, { failures }: Samples): Row {
  const words = [...failures].map(([contender, failure]) => `${contender}: ${failure}`);
  return {
    id: `${workload}/played`,
    against: "absolute",
    ratio: failures.size,
    target: 0,
    ok: failures.size === 0,
    isGate: true,
    measured: { "contenders that failed": failures.size },
    ...(words.length > 0 && { note: words.join("; ") }),
  };
}

const conditionsIn = ({ conditions }: Measurement) => conditions;
/** Joins are over before the patches are counted. */
const conditionsOfJoins = ({ conditions }: Measurement) => ({ ...conditions, delivered: 1 });

function whyVoid(conditions: readonly Conditions[]): string | null {
  return conditions.map(voidMeasurement).find((reason) => reason !== null) ?? null;
}

/** A row of ours against another, or null when either could not be measured. */
function compare(comparison: Comparison): Row | null {
  const {
    id,
    samples,
    against,
    value,
    unit,
    target,
    isMore = false,
    gate,
    isLenient = false,
    conditionsOf = conditionsIn,
  } = comparison;
  const ours = samples.of.get("umpire") ?? [];
  const theirs = samples.of.get(against) ?? [];
  const repetitions = Math.min(ours.length, theirs.length);
  if (repetitions === 0) return null;
  const estimate = ratioOf(ours.slice(0, repetitions).map(value), theirs.slice(0, repetitions).map(value));
  const isWithin = (ratio: number, limit: number) => (isMore ? ratio >= limit : ratio <= limit);
  const reason = whyVoid([...ours, ...theirs].map(conditionsOf)) ?? voidEstimate(estimate);
  const kindest = isMore ? estimate.high : estimate.low;
  return {
    id,
    against,
    ratio: estimate.median,
    interval: [estimate.low, estimate.high],
    target,
    ok: isWithin(estimate.median, target),
    isGate: gate !== undefined,
    measured: { [`ours, ${unit}`]: median(ours.map(value)), theirs: median(theirs.map(value)) },
    ...(gate !== undefined && { gate: { limit: gate, isMet: isWithin(isLenient ? kindest : estimate.median, gate) } }),
    ...(reason !== null && { void: reason }),
  };
}
