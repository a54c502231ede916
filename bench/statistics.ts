import { createSeededRandom } from "../loadtest/random.ts";

export interface Estimate {
  /** The median over the repetitions. */
  readonly median: number;
  /** The bootstrap interval that holds the median in 95 of 100 cases. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;
const LOW = 0.025;
const HIGH = 0.975;
/** Fixed, so that the same samples always give the same interval. */
const SEED = 95;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** With linear interpolation between the two nearest values. NaN for no values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

/**
 * The ratio of two contenders that were measured side by side: the nth of each come from the same repetition, minutes
 * apart at most, so each pair gives one ratio, and what both suffered cancels.
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Estimate {
  if (ours.length !== theirs.length || ours.length === 0) throw new Error("Both need the same number of repetitions.");
  const ratios = ours.map((value, index) => value / (theirs[index] ?? Number.NaN));
  const random = createSeededRandom(SEED);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[random.below(ratios.length)] ?? Number.NaN)),
  );
  return { median: median(ratios), low: quantile(medians, LOW), high: quantile(medians, HIGH) };
}

/** Half the interval's width, as a share of the median. */
export function halfWidth({ median: middle, low, high }: Estimate): number {
  return (high - low) / 2 / middle;
}

/**
 * In which order to measure: every other repetition runs backwards, so that a machine that grows slower favours nobody,
 * and every pair begins with another contender, so that nobody is always first.
 */
export function abbaOrder<T>(contenders: readonly T[], repetitions: number): T[][] {
  return Array.from({ length: repetitions }, (_, repetition) => {
    const first = Math.floor(repetition / 2) % contenders.length;
    const rotated = [...contenders.slice(first), ...contenders.slice(0, first)];
    return repetition % 2 === 0 ? rotated : rotated.reverse();
  });
}

/** What a measurement was like, as far as it decides whether it counts. */
export interface Conditions {
  /** Patches that arrived, as a share of those that should have. */
  readonly delivered: number;
  /** How busy the bots' process was, as a share of one core. */
  readonly botCpu: number;
  /** Time that the hypervisor gave to others, as a share of all. */
  readonly steal: number;
}

const DELIVERED_MIN = 0.97;
const BOT_CPU_MAX = 0.85;
const STEAL_MAX = 0.02;
const HALF_WIDTH_MAX = 0.1;

/** Why a measurement does not count, or null. */
export function voidMeasurement({ delivered, botCpu, steal }: Conditions): string | null {
  if (!(delivered >= DELIVERED_MIN)) return `only ${percent(delivered)} of the patches arrived`;
  if (!(botCpu <= BOT_CPU_MAX)) return `the bots used ${percent(botCpu)} of their core`;
  if (!(steal <= STEAL_MAX)) return `${percent(steal)} of the time was stolen`;
  return null;
}

/** Why an estimate does not count, or null. */
export function voidEstimate(estimate: Estimate): string | null {
  const width = halfWidth(estimate);
  return width <= HALF_WIDTH_MAX ? null : `the interval is ±${percent(width)} wide`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
