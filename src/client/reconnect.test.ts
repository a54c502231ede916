import { Room } from "@colyseus/sdk";
import { afterEach, expect, test, vi } from "vitest";
import { closeCodes, RECONNECT_SECONDS } from "../../schema/protocol.ts";
import { createSeededRandom } from "../platform/random.ts";
import {
  nextRedialMs,
  REDIAL_MS_MAX,
  REDIAL_MS_MIN,
  redialWithJitter,
  SILENCE_MS_MAX,
  watchSilence,
} from "./reconnect.ts";

const SEED = 20_260_101;
const fractions = (seed: number) => {
  const random = createSeededRandom(seed);
  return () => random.below(2 ** 32) / 2 ** 32;
};

afterEach(() => {
  vi.useRealTimers();
});

test(`[CLIENT6] a wait lies between the base and three times the one before, and never above the cap (seed ${SEED})`, () => {
  const random = fractions(SEED);
  const capped: number[] = [];
  const outside: number[] = [];
  for (let series = 0; series < 2000; series++) {
    let previousMs = REDIAL_MS_MIN;
    for (let attempt = 0; attempt < 20; attempt++) {
      const waitMs = nextRedialMs(previousMs, random);
      if (waitMs < REDIAL_MS_MIN || waitMs > Math.min(REDIAL_MS_MAX, previousMs * 3)) outside.push(waitMs);
      previousMs = waitMs;
    }
    capped.push(previousMs);
  }
  expect(outside).toEqual([]);
  // Late waits still spread over the whole range: no two clients walk in step.
  const meanMs = capped.reduce((sum, ms) => sum + ms, 0) / capped.length;
  expect(meanMs).toBeGreaterThan(REDIAL_MS_MAX * 0.4);
  expect(meanMs).toBeLessThan(REDIAL_MS_MAX * 0.8);
  expect(new Set(capped.map((ms) => Math.floor(ms / 300))).size).toBeGreaterThan(9);
});

test("[CLIENT6] redials go on while the seat is kept, once more at its end, and start afresh at the next drop", () => {
  const { reconnection } = new Room("any");
  let nowMs = 0;
  let fraction = 0;
  redialWithJitter({ reconnection }, { random: () => fraction, now: () => nowMs });
  expect(reconnection.minUptime).toBe(Number.NEGATIVE_INFINITY);
  const dropSeconds = () => {
    const startedMs = nowMs;
    // As the engine does it: it gives up once retryCount has reached maxRetries.
    for (let count = 0; count === 0 || count < reconnection.maxRetries; count++) {
      nowMs += reconnection.backoff(count + 1, reconnection.delay);
      if (nowMs - startedMs > 3_600_000) break;
    }
    return (nowMs - startedMs) / 1000;
  };
  const shortWaits = dropSeconds();
  fraction = 1;
  const longWaits = dropSeconds();
  for (const seconds of [shortWaits, longWaits]) {
    expect(seconds).toBeGreaterThanOrEqual(RECONNECT_SECONDS);
    expect(seconds).toBeLessThanOrEqual(RECONNECT_SECONDS + REDIAL_MS_MAX / 1000);
  }
});

/** The engine's room as far as the watch looks into it, with a connection that does what the test says. */
function quietRoom() {
  const connection = {
    events: { onmessage: vi.fn(), onopen: vi.fn() },
    isOpen: true,
    close: vi.fn(),
    reconnect: vi.fn(),
  };
  const drops: (() => void)[] = [];
  const room = { connection, onDrop: (listener: () => void) => void drops.push(listener) };
  const drop = () => {
    for (const tell of drops) tell();
  };
  return { room: room as unknown as Room, connection, drop };
}

const now = () => performance.now();

test("[CLIENT7] a silent connection is hung up with the code that makes the engine redial, one that speaks is not", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const { room, connection } = quietRoom();
  const stop = watchSilence(room, { isConnected: () => true, now });
  for (let second = 0; second < 20; second++) {
    connection.events.onmessage({});
    vi.advanceTimersByTime(1000);
  }
  expect(connection.close).not.toHaveBeenCalled();
  vi.advanceTimersByTime(SILENCE_MS_MAX + 1000);
  expect(connection.close).toHaveBeenCalledWith(closeCodes.REDIAL);
  stop();
});

test("[CLIENT7] a redial that is not answered is hung up, a pause between two redials is not", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const { room, connection, drop } = quietRoom();
  connection.isOpen = false;
  const stop = watchSilence(room, { isConnected: () => false, now });
  vi.advanceTimersByTime(60_000);
  expect(connection.close).not.toHaveBeenCalled();
  room.connection.reconnect({ reconnectionToken: "token" });
  vi.advanceTimersByTime(4000);
  expect(connection.close).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2000);
  expect(connection.close).toHaveBeenCalledTimes(1);
  drop();
  vi.advanceTimersByTime(60_000);
  expect(connection.close).toHaveBeenCalledTimes(1);
  stop();
});

test("[CLIENT7] a machine that slept is given time to hear what came meanwhile", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { room, connection } = quietRoom();
  let nowMs = 0;
  const stop = watchSilence(room, { isConnected: () => true, now: () => nowMs });
  nowMs = 3_600_000;
  vi.advanceTimersByTime(1000);
  expect(connection.close).not.toHaveBeenCalled();
  stop();
});
