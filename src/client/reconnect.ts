import type { Room } from "@colyseus/sdk";
import { closeCodes, RECONNECT_SECONDS } from "../../schema/protocol.ts";
import { between, type RandomFraction } from "./random.ts";

/** The shortest wait before a redial, and where every series of waits begins. */
export const REDIAL_MS_MIN = 100;
/** The longest wait. Seats are kept for RECONNECT_SECONDS, so longer ones would waste them. */
export const REDIAL_MS_MAX = 3000;

/**
 * Decorrelated jitter: `sleep = min(cap, random_between(base, previous * 3))`. Clients that lost the same server spread
 * out at once and drift apart further, without the crowds that a fixed exponential curve makes at its steps.
 * Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function nextRedialMs(previousMs: number, random: RandomFraction): number {
  return Math.min(REDIAL_MS_MAX, between(random, REDIAL_MS_MIN, previousMs * 3));
}

/** Milliseconds from an arbitrary origin, never stepping back. */
export type Stopwatch = () => number;

interface RedialOptions {
  readonly random: RandomFraction;
  readonly now: Stopwatch;
}

/**
 * Makes the engine redial for as long as the server keeps the seat: with decorrelated jitter, for RECONNECT_SECONDS after
 * the drop, and one last time at their end, or on waking when the machine slept through it.
 */
export function redialWithJitter({ reconnection }: Pick<Room, "reconnection">, { random, now }: RedialOptions): void {
  let previousMs = REDIAL_MS_MIN;
  let deadlineMs = 0;
  reconnection.delay = REDIAL_MS_MIN;
  reconnection.minDelay = REDIAL_MS_MIN;
  reconnection.maxDelay = REDIAL_MS_MAX;
  // By default the engine gives up a room that was joined less than 5 s ago. It reads the wall clock for that, and a
  // clock that was set back makes every room younger than zero: not even zero seconds are safe.
  reconnection.minUptime = Number.NEGATIVE_INFINITY;
  reconnection.backoff = (attempt) => {
    if (attempt === 1) {
      previousMs = REDIAL_MS_MIN;
      deadlineMs = now() + RECONNECT_SECONDS * 1000;
      reconnection.maxRetries = Number.POSITIVE_INFINITY;
    }
    previousMs = nextRedialMs(previousMs, random);
    // The engine compares this before each attempt: no other will follow.
    if (now() + previousMs >= deadlineMs) reconnection.maxRetries = attempt;
    return previousMs;
  };
}

/** A room patches many times a second; one that has said nothing for this long is not there any more. */
export const SILENCE_MS_MAX = 5000;
/** How long a redial may wait for its connection. */
const DIAL_MS_MAX = 5000;
/**
 * How long a redialled connection may wait for its seat. The server learns from its pings, within 9 s, that the former
 * connection is dead, and gives the seat away only then; hanging up sooner would begin that wait anew.
 */
const SEAT_MS_MAX = 12_000;
const WATCH_EVERY_MS = 1000;

interface WatchOptions {
  /** Whether the client has its seat, and so should be hearing patches. */
  readonly isConnected: () => boolean;
  readonly now: Stopwatch;
}

/**
 * Notices what the engine does not: a connection that is open but silent, as when a phone has changed networks or a
 * process is frozen, and a redial that nobody answers. Both are hung up, so that the engine redials. Returns a function
 * that ends the watch.
 */
export function watchSilence(room: Room, { isConnected, now }: WatchOptions): () => void {
  const { connection } = room;
  let progressMs = now();
  let isDialling = false;
  const progress = () => {
    progressMs = now();
  };
  before(connection.events, "onmessage", progress);
  before(connection.events, "onopen", progress);
  const dial = connection.reconnect.bind(connection);
  connection.reconnect = (parameters) => {
    isDialling = true;
    progress();
    dial(parameters);
  };
  // Told of every attempt that fails, and not only of the first drop.
  room.onDrop(() => {
    isDialling = false;
  });
  const patienceMs = () => {
    if (isConnected()) return SILENCE_MS_MAX;
    if (!isDialling) return Number.POSITIVE_INFINITY;
    return connection.isOpen ? SEAT_MS_MAX : DIAL_MS_MAX;
  };
  let checkedMs = now();
  const timer = setInterval(() => {
    const nowMs = now();
    // A page that was asleep runs its timers before it is told what has arrived meanwhile.
    if (nowMs - checkedMs > 3 * WATCH_EVERY_MS) progress();
    checkedMs = nowMs;
    if (nowMs - progressMs > patienceMs()) connection.close(closeCodes.REDIAL);
  }, WATCH_EVERY_MS);
  return () => clearInterval(timer);
}

type Events = Room["connection"]["events"];

function before(events: Events, name: "onmessage" | "onopen", listener: () => void): void {
  const next = events[name];
  events[name] = (event: unknown) => {
    listener();
    next?.(event);
  };
}
