/** What one scrape said: the samples of each family by name, added up over their labels. */
export interface Scrape {
  /** The sum over all labels, 0 for a family that has no sample yet, or null when there is no such family. */
  sum(family: string): number | null;
  /** A histogram's counts by upper bound in ascending order, each with those below it, added up over all other labels. */
  buckets(family: string): readonly Bucket[] | null;
}

export interface Bucket {
  /** `Infinity` for the last. */
  readonly atMost: number;
  readonly count: number;
}

/** Reads Prometheus' text format. Lines that are none of it are passed over: they belong to somebody else's family. */
export function parseScrape(text: string): Scrape {
  const families = new Set<string>();
  const sums = new Map<string, number>();
  const bounds = new Map<string, Map<number, number>>();
  for (const line of text.split("\n")) {
    if (line.startsWith("# TYPE ")) families.add(line.split(" ", 3)[2] ?? "");
    const sample = line.startsWith("#") ? null : parseSample(line);
    if (sample === null) continue;
    sums.set(sample.name, (sums.get(sample.name) ?? 0) + sample.value);
    if (sample.atMost === null) continue;
    const counts = bounds.get(sample.name) ?? new Map<number, number>();
    bounds.set(sample.name, counts.set(sample.atMost, (counts.get(sample.atMost) ?? 0) + sample.value));
  }
  return {
    sum: (family) => sums.get(family) ?? (families.has(family) ? 0 : null),
    buckets(family) {
      const counts = bounds.get(`${family}_bucket`);
      if (counts === undefined) return families.has(family) ? [] : null;
      return [...counts].map(([atMost, count]) => ({ atMost, count })).sort((a, b) => a.atMost - b.atMost);
    },
  };
}

/** What came between two scrapes of one histogram, or null when it was begun anew in between. */
export function bucketsBetween(before: readonly Bucket[], after: readonly Bucket[]): readonly Bucket[] | null {
  const counts = new Map(before.map(({ atMost, count }) => [atMost, count]));
  const grown = after.map(({ atMost, count }) => ({ atMost, count: count - (counts.get(atMost) ?? 0) }));
  return grown.some(({ count }) => count < 0) ? null : grown;
}

/** Adds up the histograms of several processes. */
export function mergeBuckets(all: readonly (readonly Bucket[])[]): readonly Bucket[] {
  const counts = new Map<number, number>();
  for (const { atMost, count } of all.flat()) counts.set(atMost, (counts.get(atMost) ?? 0) + count);
  return [...counts].map(([atMost, count]) => ({ atMost, count })).sort((a, b) => a.atMost - b.atMost);
}

/**
 * The value that `share` of the samples do not exceed, evenly spread within their bucket as Prometheus' own
 * `histogram_quantile` assumes. What lies beyond the last finite bound counts as that bound. Null without any sample.
 */
export function quantile(buckets: readonly Bucket[], share: number): number | null {
  const total = buckets.at(-1)?.count ?? 0;
  if (total <= 0) return null;
  const rank = share * total;
  let below: Bucket = { atMost: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count >= rank && bucket.count > below.count) {
      if (bucket.atMost === Number.POSITIVE_INFINITY) return below.atMost;
      return below.atMost + ((bucket.atMost - below.atMost) * (rank - below.count)) / (bucket.count - below.count);
    }
    below = bucket;
  }
  return below.atMost;
}

interface Sample {
  readonly name: string;
  readonly value: number;
  /** A bucket's upper bound. */
  readonly atMost: number | null;
}

/** `name{label="text"} value`. A label's text may hold anything but a bare quote, so braces are looked for from the end. */
function parseSample(line: string): Sample | null {
  const open = line.indexOf("{");
  const close = line.lastIndexOf("}");
  const hasLabels = open !== -1 && close > open;
  const name = hasLabels ? line.slice(0, open) : (line.split(" ", 1)[0] ?? "");
  const rest = (hasLabels ? line.slice(close + 1) : line.slice(name.length)).trim().split(" ", 1)[0] ?? "";
  const value = rest === "" ? Number.NaN : Number(rest);
  if (name === "" || !Number.isFinite(value)) return null;
  const bound = hasLabels ? /(?:^|,)le="([^"\\]+)"/.exec(line.slice(open + 1, close))?.[1] : undefined;
  if (bound === undefined) return { name, value, atMost: null };
  const atMost = bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
  return { name, value, atMost: Number.isNaN(atMost) ? null : atMost };
}
