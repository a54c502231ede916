import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";
import { type Counter, counters, type Measure, measures, type Recorder } from "./measures.ts";
import type { Distribution, Violation } from "./result.ts";

/** What bots saw since the last look: small, plain, and exact when many are added up. Histograms travel as base64. */
export interface Window {
  readonly counters: Readonly<Partial<Record<Counter, number>>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  readonly measures: Readonly<Partial<Record<Measure, string>>>;
  /** Bots that are seated at the window's end. */
  readonly seated: number;
  /** The time that bots were seated in it, added up. */
  readonly seatedMs: number;
}

export interface WindowRecorder extends Recorder {
  /** What was recorded since the last call. */
  take(): Window;
}

/** Histograms hold whole numbers: thousandths, of which three digits are kept. */
const STEPS = 1000;
const VALUE_MAX = 2 ** 31 - 1;
/** A server that makes up a new code for each error must not fill the memory of whoever counts them. */
const CODES_MAX = 64;
const VIOLATIONS_MAX = 32;
const CODE_CHARS_MAX = 64;
const DETAILS_CHARS_MAX = 400;
const OTHER = "OTHER";

/** Where the bots of one worker say what they saw. A value that is no number from 0 up is the bot's own defect. */
export function createRecorder(): WindowRecorder {
  const tally = new Tally();
  let seatedSinceMs = performance.now();
  const settle = () => {
    const nowMs = performance.now();
    tally.seatedMs += tally.seated * (nowMs - seatedSinceMs);
    seatedSinceMs = nowMs;
  };
  return {
    record: (measure, value) => tally.record(measure, value),
    count: (counter, by = 1) => tally.count(counter, by),
    error: (code) => tally.error(code, 1),
    violation: (invariant, details) => tally.violation({ invariant, details, count: 1 }),
    seated(change) {
      settle();
      tally.seated += change;
    },
    take() {
      settle();
      const window = tally.window();
      tally.clear();
      return window;
    },
  };
}

/** Windows of many bots, workers and agents, added up: whatever the order, the same as if one had recorded everything. */
export class Tally {
  seated = 0;
  seatedMs = 0;
  readonly #counters = new Map<Counter, number>();
  readonly #errors = new Map<string, number>();
  readonly #violations = new Map<string, Violation>();
  readonly #measures = new Map<Measure, Histogram>();

  add(window: Window): void {
    this.seated += window.seated;
    this.seatedMs += window.seatedMs;
    for (const counter of counters) this.count(counter, window.counters[counter] ?? 0);
    for (const [code, count] of Object.entries(window.errors)) this.error(code, count);
    for (const violation of window.violations) this.violation(violation);
    for (const measure of measures) {
      const encoded = window.measures[measure];
      if (encoded !== undefined) this.#histogram(measure).add(decodeFromCompressedBase64(encoded, 32, false));
    }
  }

  record(measure: Measure, value: number): void {
    recordIn(this.#histogram(measure), value);
  }

  count(counter: Counter, by: number): void {
    if (by !== 0) this.#counters.set(counter, (this.#counters.get(counter) ?? 0) + by);
  }

  error(code: string, count: number): void {
    const short = code.slice(0, CODE_CHARS_MAX);
    const kept = this.#errors.has(short) || this.#errors.size < CODES_MAX ? short : OTHER;
    this.#errors.set(kept, (this.#errors.get(kept) ?? 0) + count);
  }

  /** The first words of each kind are kept, and how often it came. */
  violation({ invariant, details, count }: Violation): void {
    const isKnown = this.#violations.has(invariant) || this.#violations.size < VIOLATIONS_MAX;
    const kept = isKnown ? invariant.slice(0, CODE_CHARS_MAX) : OTHER;
    const first = this.#violations.get(kept);
    this.#violations.set(kept, {
      invariant: kept,
      details: first?.details ?? details.slice(0, DETAILS_CHARS_MAX),
      count: (first?.count ?? 0) + count,
    });
  }

  counter(counter: Counter): number {
    return this.#counters.get(counter) ?? 0;
  }

  get counters(): Partial<Record<Counter, number>> {
    return Object.fromEntries(this.#counters);
  }

  get errors(): Record<string, number> {
    return Object.fromEntries(this.#errors);
  }

  get violations(): Violation[] {
    return [...this.#violations.values()];
  }

  get measures(): Partial<Record<Measure, Distribution>> {
    return Object.fromEntries([...this.#measures].map(([measure, histogram]) => [measure, distributionOf(histogram)]));
  }

  window(): Window {
    const measured = [...this.#measures].map(([measure, histogram]) => [
      measure,
      encodeIntoCompressedBase64(histogram),
    ]);
    const { counters: counted, errors, violations, seated, seatedMs } = this;
    return { counters: counted, errors, violations, measures: Object.fromEntries(measured), seated, seatedMs };
  }

  /** Begins anew, but for who is seated. */
  clear(): void {
    this.seatedMs = 0;
    this.#counters.clear();
    this.#errors.clear();
    this.#violations.clear();
    this.#measures.clear();
  }

  #histogram(measure: Measure): Histogram {
    const known = this.#measures.get(measure);
    if (known !== undefined) return known;
    const histogram = emptyHistogram();
    this.#measures.set(measure, histogram);
    return histogram;
  }
}

export function emptyHistogram(): Histogram {
  return build({
    useWebAssembly: false,
    bitBucketSize: 32,
    highestTrackableValue: VALUE_MAX,
    numberOfSignificantValueDigits: 3,
    autoResize: false,
  });
}

/** Larger values than 35 minutes are recorded as that. */
export function recordIn(histogram: Histogram, value: number): void {
  if (!(value >= 0)) throw new RangeError(`A measured value must be 0 or more, not ${value}.`);
  histogram.recordValue(Math.min(Math.round(value * STEPS), VALUE_MAX));
}

export function quantileOf(histogram: Histogram, percentile: number): number {
  return histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile) / STEPS;
}

function distributionOf(histogram: Histogram): Distribution {
  return {
    count: histogram.totalCount,
    p50: quantileOf(histogram, 50),
    p95: quantileOf(histogram, 95),
    p99: quantileOf(histogram, 99),
    // Of a histogram that came by wire only the steps are known, so that of any is told in steps.
    max: quantileOf(histogram, 100),
  };
}
