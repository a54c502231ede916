/**
 * Time, given and never taken. This file is the only place (with jobs.ts) that may read the system's clocks.
 * `now()` never steps: it is the wall time of the moment the clock was made plus monotonic time since, so a wall
 * clock that jumps by an hour changes nothing in a running process.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, monotonic. */
  now(): number;
  /** `now()` as a Date, for columns and replies. */
  date(): Date;
  /** Monotonic milliseconds from an arbitrary origin, with a fraction: for durations and ticks. */
  monotonicMs(): number;
  /** How far the machine's wall clock is ahead of `now()`, for libraries that insist on reading the wall clock. */
  wallAheadMs(): number;
  /** Runs `task` once after `delayMs`. Returns a function that cancels it. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` every `periodMs` until the returned function is called. */
  every(periodMs: number, task: () => void): () => void;
}

/** The process's own clock. `anchorMs` is the epoch time to count from, by default the machine's wall clock now. */
export function createSystemClock(anchorMs: number = Date.now()): Clock {
  const origin = performance.now();
  const now = () => anchorMs + (performance.now() - origin);
  return {
    now,
    date: () => new Date(now()),
    monotonicMs: () => performance.now(),
    wallAheadMs: () => Date.now() - now(),
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs);
      return () => clearTimeout(timer);
    },
    every(periodMs, task) {
      const timer = setInterval(task, periodMs);
      return () => clearInterval(timer);
    },
  };
}

interface Alarm {
  dueMs: number;
  periodMs: number | null;
  task: () => void;
}

/** A clock that moves only when told to: tests advance it and every alarm that falls due runs, in order. */
export class TestClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  readonly #alarms = new Set<Alarm>();

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs + this.#elapsedMs;
  }

  date(): Date {
    return new Date(this.now());
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  wallAheadMs(): number {
    return Date.now() - this.now();
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#add({ dueMs: this.#elapsedMs + delayMs, periodMs: null, task });
  }

  every(periodMs: number, task: () => void): () => void {
    return this.#add({ dueMs: this.#elapsedMs + periodMs, periodMs, task });
  }

  /** Moves time forward, running each alarm at the moment it is due. */
  advance(byMs: number): void {
    const untilMs = this.#elapsedMs + byMs;
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#elapsedMs = next.dueMs;
      if (next.periodMs === null) this.#alarms.delete(next);
      else next.dueMs += next.periodMs;
      next.task();
    }
    this.#elapsedMs = untilMs;
  }

  #add(alarm: Alarm): () => void {
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  #next(untilMs: number): Alarm | undefined {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.dueMs <= untilMs && (next === undefined || alarm.dueMs < next.dueMs)) next = alarm;
    }
    return next;
  }
}
