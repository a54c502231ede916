import { nextRedialMs, REDIAL_MS_MIN } from "../../src/client/reconnect.ts";
import { createSeededRandom } from "../random.ts";
import type { BotWorld } from "./bot.ts";
import { Failure, failureOf } from "./failure.ts";
import type { Stay } from "./stay.ts";

interface Search<Seat> {
  readonly world: BotWorld;
  readonly stay: Stay;
  readonly seed: number;
  readonly join: () => Promise<Seat>;
  /** Gives up a seat that came when nobody wanted it any more. */
  readonly release: (seat: Seat) => Promise<unknown>;
  /** The seat before this one was lost: nobody is back at once. */
  readonly isReturn?: boolean;
  /** Hostile bots expect to be turned away: then nothing is counted. */
  readonly isExpectedToFail?: boolean;
}

/** A player who is turned away so often goes to do something else. */
const ATTEMPTS_MAX = 6;
/** A longer wait than this nobody sits through. */
const RETRY_AFTER_SECONDS_MAX = 30;
/** Nobody comes back to the millisecond. */
const LATE_MS_MAX = 500;
/** For a seat that is nearly there when its bot has to go. */
const GIVE_UP_MS_MAX = 1000;
/** A stream of the bot's seed. */
const RETRIES = 3;
/** Failures of the way and not of the server's mind: it may be better in a moment. */
const PASSING = /^(NETWORK|TIMEOUT|HTTP_50\d|CLOSE_1006)$/;

/**
 * Asks for a seat, and again when the server says when to come back or the way there failed. Null when the stay is over or
 * there was no seat to be had, which is counted.
 */
export async function seekSeat<Seat>(search: Search<Seat>): Promise<Seat | null> {
  const { world, stay, seed, join, release } = search;
  const { recorder, nowMs } = world;
  const { isExpectedToFail = false, isReturn = false } = search;
  const random = createSeededRandom(seed, RETRIES);
  let waitMs = isReturn ? nextRedialMs(REDIAL_MS_MIN, random.uniform) : REDIAL_MS_MIN;
  if (isReturn && !(await stay.until(nowMs() + waitMs))) return null;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const joining = join();
    const outcome = await Promise.race([joining.catch(failureOf), stay.over]);
    if (outcome === undefined || stay.isOver) {
      await giveUp(joining, release);
      return null;
    }
    if (!(outcome instanceof Failure)) return outcome;
    if (!isExpectedToFail) recorder.error(outcome.code);
    waitMs = nextRedialMs(waitMs, random.uniform);
    const pauseMs = pauseOf(outcome, waitMs, random.uniform());
    if (pauseMs === null) break;
    if (!(await stay.until(nowMs() + pauseMs))) return null;
  }
  if (!isExpectedToFail) recorder.count("joinsFailed");
  return null;
}

/** Whatever comes of a join now comes too late, and must not leave a seat behind. */
async function giveUp<Seat>(joining: Promise<Seat>, release: (seat: Seat) => Promise<unknown>): Promise<void> {
  const released = joining.then(release).catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GIVE_UP_MS_MAX);
  });
  await Promise.race([released, late]);
  clearTimeout(timer);
}

/** How long to wait before the next attempt, or null when there is no sense in one. */
function pauseOf({ code, retryAfterSeconds }: Failure, waitMs: number, fraction: number): number | null {
  if (retryAfterSeconds === undefined) return PASSING.test(code) ? waitMs : null;
  if (retryAfterSeconds > RETRY_AFTER_SECONDS_MAX) return null;
  return retryAfterSeconds * 1000 + fraction * LATE_MS_MAX;
}
