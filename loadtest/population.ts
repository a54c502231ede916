import { shuffle } from "./quotas.ts";
import { createSeededRandom, type SeededRandom } from "./random.ts";
import type { Phase, Scenario } from "./scenario.ts";

/** When one bot is there, in ms from the beginning of the run. */
export interface Stay {
  readonly arriveMs: number;
  readonly leaveMs: number;
  readonly cutsMs: readonly number[];
}

/** In a spike everybody comes within this, and goes within this at its end. */
const SPIKE_EDGE_MS = 1000;
const STREAM = 0x706f7075;

/** How long the curve is, in ms. */
export function durationMs(population: readonly Phase[]): number {
  // Phases that were stretched add up to a hair more or less than what was asked for.
  return Math.round(population.reduce((total, { seconds }) => total + seconds * 1000, 0));
}

/** How long a scenario takes, in whole seconds. */
export function secondsOf({ population }: Pick<Scenario, "population">): number {
  return Math.ceil(durationMs(population) / 1000);
}

/** The same population over another time, each phase in proportion. */
export function stretch(scenario: Scenario, seconds: number): Scenario {
  const factor = seconds / secondsOf(scenario);
  return {
    ...scenario,
    population: scenario.population.map((phase) => ({ ...phase, seconds: phase.seconds * factor })),
    warmUpSeconds: scenario.warmUpSeconds * factor,
  };
}

/**
 * Who is there when, in the order of arrival. Each phase's arrivals and leaves are spread over it evenly, each at a random
 * moment of its own slice: a crowd comes at the rate that was asked for and never in step.
 */
export function drawPopulation({
  population,
  bots,
  seed,
}: {
  population: readonly Phase[];
  bots: number;
  seed: number;
}) {
  const crowd = new Crowd(createSeededRandom(seed, STREAM));
  let startMs = 0;
  for (const phase of population) {
    const endMs = startMs + phase.seconds * 1000;
    if (phase.kind === "ramp") crowd.goTo(Math.round(phase.to * bots), startMs, endMs);
    if (phase.kind === "spike") crowd.spike(phase.times, startMs, endMs);
    if (phase.kind === "storm") crowd.cut(startMs);
    startMs = endMs;
  }
  return crowd.stays(durationMs(population));
}

interface Visitor {
  readonly arriveMs: number;
  leaveMs: number | null;
  readonly cutsMs: number[];
}

class Crowd {
  readonly #random: SeededRandom;
  readonly #everyone: Visitor[] = [];
  #present: Visitor[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  goTo(count: number, fromMs: number, toMs: number): void {
    const change = count - this.#present.length;
    if (change > 0) this.#come(change, fromMs, toMs);
    else this.#go(this.#draw(-change), fromMs, toMs);
  }

  spike(times: number, fromMs: number, toMs: number): void {
    const edgeMs = Math.min(SPIKE_EDGE_MS, (toMs - fromMs) / 2);
    const more = this.#come(Math.round(this.#present.length * (times - 1)), fromMs, fromMs + edgeMs);
    this.#go(more, toMs - edgeMs, toMs);
  }

  cut(atMs: number): void {
    for (const visitor of this.#present) visitor.cutsMs.push(atMs);
  }

  stays(endMs: number): Stay[] {
    const stays = this.#everyone.map(({ arriveMs, leaveMs, cutsMs }) => ({
      arriveMs,
      leaveMs: leaveMs ?? endMs,
      cutsMs,
    }));
    return stays.sort((one, other) => one.arriveMs - other.arriveMs);
  }

  #come(count: number, fromMs: number, toMs: number): Visitor[] {
    const newcomers = this.#moments(count, fromMs, toMs).map((arriveMs) => ({ arriveMs, leaveMs: null, cutsMs: [] }));
    this.#everyone.push(...newcomers);
    this.#present.push(...newcomers);
    return newcomers;
  }

  #go(leavers: readonly Visitor[], fromMs: number, toMs: number): void {
    const moments = this.#moments(leavers.length, fromMs, toMs);
    for (const [index, visitor] of leavers.entries()) visitor.leaveMs = moments[index] ?? toMs;
    const gone = new Set(leavers);
    this.#present = this.#present.filter((visitor) => !gone.has(visitor));
  }

  /** Any of those who are there: newcomers do not leave first, nor last. */
  #draw(count: number): Visitor[] {
    return count === 0 ? [] : shuffle([...this.#present], this.#random).slice(0, count);
  }

  /** Whole ms, so that a plan reads the same everywhere. */
  #moments(count: number, fromMs: number, toMs: number): number[] {
    const sliceMs = (toMs - fromMs) / count;
    return Array.from({ length: count }, (_, index) => Math.floor(fromMs + (index + this.#random.uniform()) * sliceMs));
  }
}
