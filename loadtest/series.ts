import type { Distribution, Second, ServerFigures } from "./result.ts";

/** What is kept of a run, however long it was. */
const SECONDS_KEPT_MAX = 600;

/**
 * A run's seconds in at most `max` entries. Neighbours are put together so that nothing bad gets lost: what was counted is
 * added up, the slow end of a distribution is the slowest of its parts, lateness and load are the worst of them. An entry
 * covers the time from its `at` to the next one's, see `widthsOf`.
 */
export function thinned(series: readonly Second[], max = SECONDS_KEPT_MAX): Second[] {
  const size = Math.ceil(series.length / max);
  if (size <= 1) return [...series];
  const groups = Array.from({ length: Math.ceil(series.length / size) }, (_, at) =>
    series.slice(at * size, (at + 1) * size),
  );
  return groups.map(mergeSeconds);
}

/** How many seconds each entry of a series covers. The last one is taken to be as wide as the one before. */
export function widthsOf(series: readonly Second[]): number[] {
  const widths = series.slice(1).map(({ at }, index) => Math.max(1, at - (series[index]?.at ?? at)));
  return series.length === 0 ? [] : [...widths, widths.at(-1) ?? 1];
}

/** Numbers rounded to what a person can use: four digits keep a kept run small. */
function rounded(second: Second): Second {
  const round = (value: number) => (Number.isInteger(value) ? value : Number(value.toPrecision(4)));
  return JSON.parse(JSON.stringify(second, (_, value) => (typeof value === "number" ? round(value) : value)));
}

function mergeSeconds(group: readonly Second[]): Second {
  const [first] = group;
  if (first === undefined) throw new RangeError("A group of no seconds has no beginning.");
  const names = new Set(group.flatMap(({ measures }) => Object.keys(measures) as (keyof Second["measures"])[]));
  const measures = [...names].map((name) => [name, mergeDistributions(group.map((each) => each.measures[name]))]);
  const servers = group.map(({ server }) => server).filter((server) => server !== null);
  return rounded({
    at: first.at,
    planned: Math.max(...group.map(({ planned }) => planned)),
    seated: mean(group.map(({ seated }) => seated)),
    counters: addUp(group.map(({ counters }) => counters)),
    errors: addUp(group.map(({ errors }) => errors)),
    measures: Object.fromEntries(measures),
    server: servers.length === 0 ? null : mergeServers(servers),
    swarm: {
      cpu: Math.max(...group.map(({ swarm }) => swarm.cpu)),
      lateMsP99: Math.max(...group.map(({ swarm }) => swarm.lateMsP99)),
    },
  });
}

function mergeServers(servers: readonly ServerFigures[]): ServerFigures {
  const values = (key: keyof ServerFigures) =>
    servers.map((each) => each[key] ?? null).filter((value) => value !== null);
  const worst = (key: keyof ServerFigures) => (values(key).length === 0 ? null : Math.max(...values(key)));
  return {
    cpu: values("cpu").length === 0 ? null : mean(values("cpu")),
    cpuBusiest: worst("cpuBusiest"),
    loopMsP99: worst("loopMsP99"),
    tickLateMsP99: worst("tickLateMsP99"),
    rssMiB: worst("rssMiB"),
    players: worst("players"),
    rooms: worst("rooms"),
  };
}

/** The middle is the mean of the middles, by how much each one counts. The ends cannot be known from five numbers but by their worst. */
function mergeDistributions(parts: readonly (Distribution | undefined)[]): Distribution {
  const all = parts.filter((part) => part !== undefined && part.count > 0) as Distribution[];
  const count = all.reduce((total, part) => total + part.count, 0);
  const worst = (key: "p95" | "p99" | "max") => Math.max(0, ...all.map((part) => part[key]));
  const middle = all.reduce((total, { p50, count: weight }) => total + p50 * weight, 0) / Math.max(1, count);
  return { count, p50: middle, p95: worst("p95"), p99: worst("p99"), max: worst("max") };
}

function addUp(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [name, value] of all.flatMap((each) => Object.entries(each))) total[name] = (total[name] ?? 0) + value;
  return total;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / Math.max(1, values.length);
}
