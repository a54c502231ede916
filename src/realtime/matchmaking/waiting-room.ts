import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";

/** Where joins wait for a better room. */
export interface WaitingRoom {
  /** Null where too many wait. What it returns counts the one out. */
  enter(): (() => void) | null;
  /** Until it is worth looking again. Fails with UNAVAILABLE as soon as whoever waits has hung up. */
  pause(signal: AbortSignal): Promise<void>;
}

/** Each looks twice a second: a thousand looks of a fraction of a millisecond. */
export const WAITING_MAX = 500;
const LOOK_EVERY_MS = 500;

export function createWaitingRoom(clock: Pick<Clock, "after">, max = WAITING_MAX): WaitingRoom {
  let waiting = 0;
  return {
    enter() {
      if (waiting >= max) return null;
      waiting += 1;
      return () => {
        waiting -= 1;
      };
    },
    pause: (signal) =>
      new Promise((resolve, reject) => {
        const giveUp = () => {
          cancel();
          reject(new AppError("UNAVAILABLE", { reason: "gone" }));
        };
        const cancel = clock.after(LOOK_EVERY_MS, () => {
          signal.removeEventListener("abort", giveUp);
          resolve();
        });
        if (signal.aborted) giveUp();
        else signal.addEventListener("abort", giveUp, { once: true });
      }),
  };
}
