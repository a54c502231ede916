import type { Clock } from "../platform/clock.ts";

/** Rooms wake at common moments this far apart, so that the many rooms of a process share its wakings. */
const GRID_MS = 5;
/** After a hitch at most this many steps run at once; the rest of the backlog is skipped (no spiral of death). */
const CATCH_UP_STEPS_MAX = 5;

export interface Tick {
  stop(): void;
}

interface TickOptions {
  readonly clock: Clock;
  readonly stepMs: number;
  /** Runs one step. `behind` is how many more run in the same waking. */
  readonly step: (behind: number) => void;
  /** Tells at each waking how long after its due time it came. */
  readonly onWoken: (lateMs: number) => void;
  /** Tells how many steps were skipped because the process could not keep up. */
  readonly onSkipped: (steps: number) => void;
}

/**
 * Drives a fixed step on the monotonic clock. Each waking is aimed at the next step's due time, so that the error of
 * one timer never adds to the next; a step of the wall clock is not even noticed.
 */
export function startTick({ clock, stepMs, step, onWoken, onSkipped }: TickOptions): Tick {
  const startedMs = clock.monotonicMs();
  let dueMs = Math.ceil((startedMs + stepMs) / GRID_MS) * GRID_MS;
  let stopped = false;
  let cancel = clock.after(Math.ceil(dueMs - startedMs), wake);

  function wake(): void {
    const lateMs = clock.monotonicMs() - dueMs;
    onWoken(lateMs);
    const due = Math.max(0, Math.floor(lateMs / stepMs) + 1);
    const running = Math.min(due, CATCH_UP_STEPS_MAX);
    dueMs += due * stepMs;
    if (due > running) onSkipped(due - running);
    for (let behind = running - 1; behind >= 0 && !stopped; behind--) step(behind);
    if (!stopped) cancel = clock.after(Math.max(0, Math.ceil(dueMs - clock.monotonicMs())), wake);
  }

  return {
    stop() {
      stopped = true;
      cancel();
    },
  };
}
