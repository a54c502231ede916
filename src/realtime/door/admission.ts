import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";
import type { Limit } from "../../platform/rate-limit.ts";

/** Joins take turns when there are more of them than the rooms that run can bear. */
export interface JoinAdmission {
  /** Runs `join` now or a moment later, or fails with UNAVAILABLE and `retryAfterSeconds`, which differs from caller to caller. */
  admit<T>(join: () => Promise<T>): Promise<T>;
  stop(): void;
}

interface AdmissionParts {
  readonly clock: Clock;
  readonly random: Random;
  /** How late the event loop is, in milliseconds. Asked at every look. */
  readonly latenessMs?: () => number;
  /** How long somebody waited for its turn, whether it came or not. */
  readonly onWaited?: (seconds: number) => void;
}

/** Of one address, and of one account from however many addresses. */
export const JOIN_LIMIT: Limit = { count: 240, perSeconds: 60 };
/** A join is a few milliseconds of waiting and less than one of work: while the loop keeps up, nobody waits here. */
export const JOINS_AT_ONCE_MAX = 64;
/** However late the loop is, the door stays open. */
export const JOINS_AT_ONCE_MIN = 4;
/** Half a tick at 25 Hz: from here on the rooms that run would notice. */
const LATE_MS = 20;
const LOOK_EVERY_MS = 50;
const RECOVER_STEP = 2;
export const QUEUE_MAX = 256;
/** With the join itself this stays below a second. */
const WAIT_MS_MAX = 800;
const RETRY_SECONDS_MAX = 5;

interface Waiting {
  start(): void;
}

/**
 * Bounds how many joins are under way at once, by how well the event loop keeps up: halved whenever it was late, raised
 * step by step while it is not. Who is over the bound waits in a short queue; who does not fit into that, or has waited
 * too long, is told at once to come back later, each at another time, so that they do not all come back together.
 */
export function createAdmission({
  clock,
  random,
  latenessMs = watchLoop(clock),
  onWaited = () => {},
}: AdmissionParts): JoinAdmission {
  const queue = new Set<Waiting>();
  let most = JOINS_AT_ONCE_MAX;
  let underWay = 0;
  const busy = () =>
    new AppError("UNAVAILABLE", { reason: "busy", retryAfterSeconds: 1 + random.below(RETRY_SECONDS_MAX) });
  const startNext = () => {
    for (const waiting of queue) {
      if (underWay >= most) return;
      queue.delete(waiting);
      waiting.start();
    }
  };
  const turn = () =>
    new Promise<void>((resolve, reject) => {
      if (queue.size >= QUEUE_MAX) return reject(busy());
      const cancel = clock.after(WAIT_MS_MAX, () => {
        queue.delete(waiting);
        reject(busy());
      });
      const waiting: Waiting = {
        start() {
          cancel();
          underWay += 1;
          resolve();
        },
      };
      queue.add(waiting);
    });
  const stopLooking = clock.every(LOOK_EVERY_MS, () => {
    most =
      latenessMs() > LATE_MS
        ? Math.max(JOINS_AT_ONCE_MIN, most >> 1)
        : Math.min(JOINS_AT_ONCE_MAX, most + RECOVER_STEP);
    startNext();
  });
  return {
    async admit(join) {
      const askedMs = clock.monotonicMs();
      const tellWait = () => onWaited((clock.monotonicMs() - askedMs) / 1000);
      if (underWay < most && queue.size === 0) underWay += 1;
      else await turn().finally(tellWait);
      try {
        return await join();
      } finally {
        underWay -= 1;
        startNext();
      }
    },
    stop: stopLooking,
  };
}

/** By how much a look came late. The better of the last two, so that a single pause for garbage does not count. */
function watchLoop(clock: Clock): () => number {
  let lookedMs = clock.monotonicMs();
  let beforeMs = 0;
  return () => {
    const lateMs = clock.monotonicMs() - lookedMs - LOOK_EVERY_MS;
    const steadyMs = Math.min(lateMs, beforeMs);
    lookedMs += LOOK_EVERY_MS + lateMs;
    beforeMs = lateMs;
    return steadyMs;
  };
}
