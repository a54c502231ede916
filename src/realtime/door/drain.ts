import type { Clock } from "../../platform/clock.ts";

const LOOK_EVERY_MS = 100;

interface DrainOptions {
  readonly clock: Clock;
  readonly seconds: number;
  readonly isReady: () => boolean;
  readonly close: () => void;
}

/** Closes as soon as `isReady` says so, and after `seconds` in any case. */
export function closeWhenReady({ clock, seconds, isReady, close }: DrainOptions): void {
  const deadlineMs = clock.monotonicMs() + seconds * 1000;
  const look = () => {
    if (!isReady() && clock.monotonicMs() < deadlineMs) return;
    stopLooking();
    close();
  };
  const stopLooking = clock.every(LOOK_EVERY_MS, look);
  look();
}
