import { expect, test } from "vitest";
import { TestClock } from "../platform/clock.ts";
import { RoomLoop } from "./room-loop.ts";
import { startTick } from "./tick.ts";

const STEP_MS = 25;

function aTick(clock: TestClock) {
  const seen = { steps: 0, lateMs: 0, skipped: 0 };
  const tick = startTick({
    clock,
    stepMs: STEP_MS,
    step: () => (seen.steps += 1),
    onWoken: (lateMs) => (seen.lateMs = lateMs),
    onSkipped: (steps) => (seen.skipped += steps),
  });
  return { tick, seen };
}

test("[ROOM1] a step runs every 25 ms, without drift over ten minutes", () => {
  const clock = new TestClock();
  const { seen } = aTick(clock);
  clock.advance(600_000);
  expect(seen).toEqual({ steps: 24_000, lateMs: 0, skipped: 0 });
});

/** A running loop over a world that only counts its steps. */
function aLoop(clock: TestClock) {
  const seen = { tick: 0, skipped: 0, patchedAt: [] as number[] };
  const loop = new RoomLoop<object>({
    clock,
    tickHz: 40,
    patchEvery: 2,
    idleInput: {},
    contain: (run) => run(),
    tickNow: () => seen.tick,
    step: () => (seen.tick += 1),
    patch: () => seen.patchedAt.push(seen.tick),
    onWoken: () => {},
    onSkipped: (steps) => (seen.skipped += steps),
    onStampClamped: () => {},
  });
  loop.start();
  return { loop, seen };
}

test("[ROOM1] a patch follows every second step", () => {
  const clock = new TestClock();
  const { loop, seen } = aLoop(clock);
  clock.advance(200);
  expect(seen.patchedAt).toEqual([2, 4, 6, 8]);
  expect(loop.roomTimeMs()).toBe(200);
});

/** A clock whose alarms go off late by `lateMs`, as they do when something blocks the process. */
class LateClock extends TestClock {
  lateMs = 0;
  override after(delayMs: number, task: () => void): () => void {
    return super.after(delayMs + this.lateMs, task);
  }
}

test("[ROOM2] after a hitch five steps run at once, the rest are skipped, and room time keeps pace", () => {
  const clock = new LateClock();
  const { loop, seen } = aLoop(clock);
  clock.advance(100);
  const before = seen.tick;
  clock.lateMs = 1000;
  clock.advance(STEP_MS);
  clock.lateMs = 0;
  clock.advance(1000 + STEP_MS);
  expect(seen.tick - before).toBe(1 + 5);
  // The waking due at 150 ms came at 1150 ms: 41 steps were due, five ran.
  expect(seen.skipped).toBe(36);
  expect(loop.roomTimeMs()).toBe(clock.monotonicMs());
});

test("[ROOM2] a waking tells how late it came", () => {
  const clock = new LateClock();
  const { seen } = aTick(clock);
  clock.lateMs = 7;
  clock.advance(STEP_MS);
  expect(seen.lateMs).toBe(0);
  clock.advance(STEP_MS + 7);
  expect(seen).toEqual({ steps: 2, lateMs: 7, skipped: 0 });
});

test("[ROOM1] a stopped tick runs no further step", () => {
  const clock = new TestClock();
  const { tick, seen } = aTick(clock);
  clock.advance(50);
  tick.stop();
  clock.advance(1000);
  expect(seen.steps).toBe(2);
});
