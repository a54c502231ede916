import { expect, test } from "vitest";
import { createSystemClock, TestClock } from "./clock.ts";

test("[PLATFORM1] a step of the wall clock does not move the process's clock", () => {
  const clock = createSystemClock(1_000_000);
  const wallNow = Date.now;
  const before = clock.now();
  try {
    Date.now = () => wallNow() + 3_600_000;
    expect(clock.now() - before).toBeLessThan(1000);
    expect(clock.wallAheadMs()).toBeGreaterThan(3_600_000 - 1000);
    Date.now = () => wallNow() - 7 * 86_400_000;
    expect(clock.now() - before).toBeLessThan(1000);
    expect(clock.now()).toBeGreaterThanOrEqual(before);
  } finally {
    Date.now = wallNow;
  }
});

test("[PLATFORM1] the clock counts from the time it is anchored to", () => {
  const clock = createSystemClock(5_000);
  expect(clock.now()).toBeGreaterThanOrEqual(5_000);
  expect(clock.now()).toBeLessThan(6_000);
  expect(clock.date().getTime()).toBe(Math.floor(clock.date().getTime()));
});

test("[PLATFORM1] a test clock runs each alarm at the moment it is due, in order", () => {
  const clock = new TestClock();
  const rung: [string, number][] = [];
  clock.every(40, () => rung.push(["every", clock.monotonicMs()]));
  clock.after(100, () => rung.push(["after", clock.monotonicMs()]));
  const cancel = clock.after(60, () => rung.push(["cancelled", clock.monotonicMs()]));
  cancel();
  clock.advance(130);
  expect(rung).toEqual([
    ["every", 40],
    ["every", 80],
    ["after", 100],
    ["every", 120],
  ]);
});
