import type { BotWorld } from "./bot.ts";
import type { Link } from "./link.ts";
import { tickerOf } from "./ticker.ts";

/** Once a second, the bots of a process spread over it. */
const SECOND = { periodMs: 1000, phases: 20 };
/** What a profile does to a line ends its connection by then: the server gives up a line that is silent for eight seconds. */
const EVENT_ENDS_MS = 15_000;

/**
 * Whether one bot has its seat, and what a run counts of that: who is seated and for how many ticks, which connections ended,
 * and how long it took to be seated again.
 */
export class Attendance {
  readonly #world: BotWorld;
  readonly #ticksPerMs: number;
  readonly #events: () => number;
  #eventsSeen = 0;
  #eventMs = Number.NEGATIVE_INFINITY;
  /** When it last took its seat, or its time there was last counted. */
  #seatedSinceMs: number | null = null;
  /** When it lost its seat or, when that was planned, ought to have. */
  #lostMs: number | null = null;
  #plannedCutMs: number | null = null;
  /** Part of a tick that has not been counted yet. */
  #ticksOver = 0;
  readonly #stopCounting: () => void;

  constructor(world: BotWorld, tickHz: number, { events }: Pick<Link, "events">) {
    this.#world = world;
    this.#events = events;
    this.#ticksPerMs = tickHz / 1000;
    this.#stopCounting = tickerOf(SECOND).add(() => this.#countTicks());
  }

  get isSeated(): boolean {
    return this.#seatedSinceMs !== null;
  }

  /** The bot has its seat and its first state; `isRedial` when it is the seat that it had before. */
  sit({ isRedial }: { isRedial: boolean }): void {
    const { recorder, nowMs } = this.#world;
    if (this.isSeated) return;
    const now = nowMs();
    this.#seatedSinceMs = now;
    recorder.seated(1);
    if (!isRedial) recorder.count("joins");
    else recorder.count("reconnects");
    if (this.#lostMs !== null) recorder.record("reconnectMs", now - this.#lostMs);
    this.#lostMs = null;
    this.#plannedCutMs = null;
  }

  /** The connection is about to be cut, as planned for this moment. */
  expectCut(momentMs: number): void {
    if (this.isSeated) this.#plannedCutMs = momentMs;
  }

  /**
   * The connection has ended, and nobody left. A second end before the seat is back is a redial that failed. What the
   * network's profile brings about is as planned as a cut.
   */
  lose(code: string): void {
    const { recorder, nowMs } = this.#world;
    this.#watchEvents();
    const isByNetwork = nowMs() - this.#eventMs < EVENT_ENDS_MS;
    const isMeant = isByNetwork || (this.isSeated && this.#plannedCutMs !== null);
    if (!isMeant) recorder.error(code);
    if (!this.isSeated) return;
    if (!isMeant) recorder.count("disconnects");
    this.#lostMs ??= this.#plannedCutMs ?? nowMs();
    this.rise();
  }

  /** The bot leaves, seated or not. */
  leave(): void {
    this.rise();
    this.#stopCounting();
  }

  /** The seat is gone, and that is as it should be. */
  rise(): void {
    if (!this.isSeated) return;
    this.#countTicks();
    this.#seatedSinceMs = null;
    this.#world.recorder.seated(-1);
  }

  #watchEvents(): void {
    const events = this.#events();
    if (events > this.#eventsSeen) this.#eventMs = this.#world.nowMs();
    this.#eventsSeen = events;
  }

  #countTicks(): void {
    this.#watchEvents();
    if (this.#seatedSinceMs === null) return;
    const now = this.#world.nowMs();
    const ticks = this.#ticksOver + (now - this.#seatedSinceMs) * this.#ticksPerMs;
    this.#seatedSinceMs = now;
    this.#ticksOver = ticks % 1;
    if (ticks >= 1) this.#world.recorder.count("clientTicks", Math.floor(ticks));
  }
}
