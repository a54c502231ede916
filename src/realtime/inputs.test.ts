import fc from "fast-check";
import { expect, test } from "vitest";
import { INPUT_BACKLOG_MAX, INPUT_CREDIT_MAX, InputAllowance } from "./inputs.ts";

interface Input {
  move: number;
}

/** A queue as the engine gives it, filled by the test. */
class Queue {
  readonly waiting: Input[] = [];
  renderTime = 0;
  get size(): number {
    return this.waiting.length;
  }
  next(): Input | undefined {
    return this.waiting.shift();
  }
}

const idle: Input = { move: 0 };
const view = { ticks: 20, onOutside() {} };
const toTick = (roomTimeMs: number) => roomTimeMs / 25;

/** Plays `arrivals[n]` inputs arriving before step n, and returns what each step applied. */
function play(arrivals: readonly number[]): number[][] {
  const allowance = new InputAllowance<Input>(idle, view);
  const queue = new Queue();
  let sent = 0;
  return arrivals.map((count, tick) => {
    for (let index = 0; index < count; index++) queue.waiting.push({ move: ++sent });
    return allowance.take(queue, tick, toTick).map((frame) => frame.move);
  });
}

test("[ROOM3] inputs that arrive in bunches are all played, each once and in order", () => {
  const bunched = [0, 0, 0, 4, 1, 1, 0, 0, 3, 1];
  expect(play(bunched).flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("[ROOM3] no pattern of arrivals plays more inputs than steps, beyond what was saved up", () => {
  const arrivals = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(arrivals, (pattern) => {
      const played = play(pattern);
      const real = played.flat().filter((move) => move > 0);
      expect(real).toEqual([...new Set(real)].sort((a, b) => a - b));
      for (let from = 0; from < played.length; from += 7) {
        const window = played.slice(from);
        expect(window.flat().length).toBeLessThanOrEqual(window.length + INPUT_CREDIT_MAX);
      }
      expect(played.flat().length).toBeLessThanOrEqual(played.length);
    }),
  );
});

test("[ROOM3] a stall leaves no delay behind: what is too late to be played is dropped, oldest first", () => {
  const stalled = Array.from({ length: 40 }, () => 0);
  const played = play([...stalled, 40, ...Array.from({ length: 20 }, () => 1)]);
  const atOnce = played[40] ?? [];
  expect(atOnce).toHaveLength(INPUT_CREDIT_MAX);
  const after = played.slice(41);
  expect(after.every((frames) => frames.length === 1)).toBe(true);
  // The newest input is played as soon as the few that may wait have been.
  expect(after.at(-1)).toEqual([60 - INPUT_BACKLOG_MAX]);
});

test("[ROOM4] a silent player plays the idle input once its savings are full", () => {
  const played = play(Array.from({ length: 30 }, () => 0));
  expect(played.slice(0, INPUT_CREDIT_MAX - 1).flat()).toEqual([]);
  expect(played.slice(INPUT_CREDIT_MAX - 1).every((frames) => frames.length === 1 && frames[0] === 0)).toBe(true);
});

test("[GUARD5] S36: a view time outside the rewind window, in the future or long past, is brought into it and counted", () => {
  let outside = 0;
  const allowance = new InputAllowance<Input>(idle, {
    ticks: 20,
    onOutside() {
      outside += 1;
    },
  });
  const queue = new Queue();
  const seenAt = (renderTime: number, tickNow: number) => {
    queue.waiting.push({ move: 1 });
    queue.renderTime = renderTime;
    return allowance.take(queue, tickNow, toTick).map((frame) => frame.viewTick);
  };
  expect(seenAt(250, 20)).toEqual([10]);
  expect(seenAt(25 * 24, 21)).toEqual([21]);
  expect(outside).toBe(0);
  expect(seenAt(99_999, 22)).toEqual([22]);
  expect(seenAt(25, 100)).toEqual([80]);
  expect(outside).toBe(2);
});
