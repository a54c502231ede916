import type { Clock } from "../../platform/clock.ts";
import type { Timeline } from "./timeline.ts";

/** Monday, so that a log is easy to read. */
const EPOCH_MS = Date.UTC(2026, 0, 5);

/**
 * What an operating system does to a process. One that is stopped runs nothing, and then everything at once: timers that
 * fell due first, and then what had come in, as Node's loop has it. One that has crashed never runs anything again.
 */
export class Host {
  state: "up" | "paused" | "crashed" = "up";
  /** Since when it runs nothing; null while it does. */
  stoppedMs: number | null = null;
  /** When it last went on. */
  resumedMs = 0;
  readonly clock: Clock;
  readonly #timeline: Timeline;
  #alarms: (() => void)[] = [];
  #deliveries: (() => void)[] = [];

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.clock = createHostClock(timeline, (task) => this.#run(task, this.#alarms));
  }

  /** Something from outside reaches the process. */
  deliver(task: () => void): void {
    this.#run(task, this.#deliveries);
  }

  pause(): void {
    if (this.state !== "up") return;
    this.state = "paused";
    this.stoppedMs = this.#timeline.nowMs;
  }

  resume(): void {
    if (this.state !== "paused") return;
    this.state = "up";
    this.stoppedMs = null;
    this.resumedMs = this.#timeline.nowMs;
    const held = [...this.#alarms.splice(0), ...this.#deliveries.splice(0)];
    for (const task of held) this.#timeline.after(0, () => this.#run(task, this.#deliveries));
  }

  crash(): void {
    this.state = "crashed";
    this.stoppedMs ??= this.#timeline.nowMs;
    this.#alarms = [];
    this.#deliveries = [];
  }

  #run(task: () => void, held: (() => void)[]): void {
    if (this.state === "up") task();
    else if (this.state === "paused") held.push(task);
  }
}

function createHostClock(timeline: Timeline, run: (task: () => void) => void): Clock {
  const now = () => EPOCH_MS + timeline.nowMs;
  const after: Clock["after"] = (delayMs, task) => {
    let isCancelled = false;
    const cancel = timeline.after(delayMs, () =>
      run(() => {
        // Cancelled by what ran before it, after a pause.
        if (!isCancelled) task();
      }),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  };
  return {
    now,
    date: () => new Date(now()),
    monotonicMs: () => timeline.nowMs,
    wallAheadMs: () => 0,
    after,
    every(periodMs, task) {
      let cancel = () => {};
      // Like Node's: of the times missed in a pause, one is made up for.
      const next = () => {
        cancel = after(periodMs, () => {
          next();
          task();
        });
      };
      next();
      return () => cancel();
    },
  };
}
