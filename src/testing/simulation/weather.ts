import type { Random } from "../../platform/random.ts";
import type { Weather } from "./line.ts";
import type { Timeline } from "./timeline.ts";

const CALM_MS_MAX = 12;
const ROUGH_MS_MAX = 400;
const ROUGH_BREAKS_ONE_IN = 40;
const ROUGH_TWICE_ONE_IN = 10;

/** The weather around one process: calm, rough for a while, or cut off for a while. */
export class ProcessWeather implements Weather {
  readonly #timeline: Timeline;
  readonly #random: Random;
  /** Since when nothing gets through; null while it does. */
  cutSinceMs: number | null = null;
  #cutUntilMs = 0;
  #roughUntilMs = 0;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  cutFor(ms: number): void {
    this.cutSinceMs = this.#timeline.nowMs;
    this.#cutUntilMs = this.#timeline.nowMs + ms;
    this.#timeline.after(ms, () => {
      this.cutSinceMs = null;
    });
  }

  roughFor(ms: number): void {
    this.#roughUntilMs = this.#timeline.nowMs + ms;
  }

  delayMs(): number {
    // Most messages are quick also when some are not.
    const isSlow = this.#isRough && this.#random.below(4) === 0;
    return 1 + this.#random.below(isSlow ? ROUGH_MS_MAX : CALM_MS_MAX);
  }

  cutForMs(): number {
    return Math.max(0, this.#cutUntilMs - this.#timeline.nowMs);
  }

  breaks(): "before" | "after" | null {
    if (!this.#isRough || this.#random.below(ROUGH_BREAKS_ONE_IN) > 0) return null;
    return this.#random.below(2) === 0 ? "before" : "after";
  }

  isHeardTwice(): boolean {
    return this.#isRough && this.#random.below(ROUGH_TWICE_ONE_IN) === 0;
  }

  /** Nothing that was sent in rough weather is still under way. */
  get isCalm(): boolean {
    return this.#timeline.nowMs > this.#roughUntilMs + 2 * ROUGH_MS_MAX && this.cutSinceMs === null;
  }

  get #isRough(): boolean {
    return this.#timeline.nowMs < this.#roughUntilMs;
  }
}
