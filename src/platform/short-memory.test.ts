import { expect, test } from "vitest";
import { TestClock } from "./clock.ts";
import { createShortMemory } from "./short-memory.ts";

const KEEP_MS = 1000;

test("[PLATFORM15] a short memory keeps each entry for as long as it says, however many come after it, and then forgets it", () => {
  const clock = new TestClock();
  const memory = createShortMemory<number>({ clock, keepMs: KEEP_MS });
  for (let entry = 0; entry < 5000; entry++) {
    memory.set(`entry-${entry}`, entry);
    clock.advance(1);
    const oldest = Math.max(0, entry - KEEP_MS + 1);
    expect(memory.get(`entry-${oldest}`)).toBe(oldest);
  }
  clock.advance(2 * KEEP_MS);
  expect(memory.get("entry-4999")).toBeUndefined();
});

test("[PLATFORM15] what is deleted is gone, of whatever age, and with a bound the oldest give way", () => {
  const clock = new TestClock();
  const memory = createShortMemory<true>({ clock, keepMs: KEEP_MS, max: 10 });
  for (let entry = 0; entry < 25; entry++) memory.set(`entry-${entry}`, true);
  const kept = Array.from({ length: 25 }, (_, entry) => memory.get(`entry-${entry}`) === true);
  expect(kept.slice(0, 10)).not.toContain(true);
  expect(kept.slice(10)).not.toContain(false);
  memory.delete("entry-24");
  memory.delete("entry-12");
  expect([memory.get("entry-24"), memory.get("entry-12")]).toEqual([undefined, undefined]);
});
