import { expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { createSeededRandom } from "../../platform/random.ts";
import { createAdmission, JOINS_AT_ONCE_MAX, JOINS_AT_ONCE_MIN, QUEUE_MAX } from "./admission.ts";

/** Joins that end when they are told to, on a loop that is as late as the test says. */
function setUp() {
  const clock = new TestClock();
  let lateMs = 0;
  const admission = createAdmission({ clock, random: createSeededRandom(21), latenessMs: () => lateMs });
  const underWay: (() => void)[] = [];
  const refusals: AppError[] = [];
  const ask = (count: number) => {
    for (let asked = 0; asked < count; asked++) {
      admission
        .admit(() => new Promise<void>((resolve) => void underWay.push(resolve)))
        .catch((refusal: AppError) => void refusals.push(refusal));
    }
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    clock,
    underWay,
    refusals,
    settle,
    ask: async (count: number) => {
      ask(count);
      await settle();
    },
    finish: async (count: number) => {
      for (const done of underWay.splice(0, count)) done();
      await settle();
    },
    loopIs: (ms: number) => {
      lateMs = ms;
    },
  };
}

test("[ADMIT1] T21: while the loop keeps up, joins run side by side, and those above the bound wait their turn in order", async () => {
  const { ask, underWay, finish, refusals } = setUp();
  await ask(JOINS_AT_ONCE_MAX + 10);
  expect(underWay).toHaveLength(JOINS_AT_ONCE_MAX);
  await finish(4);
  expect(underWay).toHaveLength(JOINS_AT_ONCE_MAX);
  await finish(JOINS_AT_ONCE_MAX);
  expect(underWay).toHaveLength(6);
  expect(refusals).toEqual([]);
});

test("[ADMIT1] T21: a loop that is late halves the bound again and again, down to four, and one that keeps up raises it", async () => {
  const { ask, underWay, finish, clock, loopIs, settle } = setUp();
  loopIs(50);
  clock.advance(1000);
  await ask(20);
  expect(underWay).toHaveLength(JOINS_AT_ONCE_MIN);
  await finish(1);
  expect(underWay).toHaveLength(JOINS_AT_ONCE_MIN);
  loopIs(1);
  clock.advance(300);
  await settle();
  expect(underWay).toHaveLength(JOINS_AT_ONCE_MIN + 3 * 4);
});

test("[ADMIT2] T21: who does not fit into the queue, or has waited too long in it, is told when to come back, not all at once", async () => {
  const { ask, underWay, clock, refusals, settle } = setUp();
  await ask(JOINS_AT_ONCE_MAX + QUEUE_MAX + 50);
  expect(underWay).toHaveLength(JOINS_AT_ONCE_MAX);
  expect(refusals).toHaveLength(50);
  clock.advance(800);
  await settle();
  expect(refusals).toHaveLength(50 + QUEUE_MAX);
  for (const refusal of refusals) {
    expect(refusal).toBeInstanceOf(AppError);
    expect(refusal).toMatchObject({ code: "UNAVAILABLE", status: 503, details: { reason: "busy" } });
  }
  const seconds = new Set(refusals.map(({ details }) => details["retryAfterSeconds"]));
  expect([...seconds].sort()).toEqual([1, 2, 3, 4, 5]);
  // Nobody who was refused is let in later.
  expect(underWay).toHaveLength(JOINS_AT_ONCE_MAX);
});

test("[ADMIT1] T21: a join that fails makes room for the next like one that succeeds", async () => {
  const clock = new TestClock();
  const admission = createAdmission({ clock, random: createSeededRandom(1), latenessMs: () => 0 });
  const failures = Array.from({ length: JOINS_AT_ONCE_MAX * 3 }, () =>
    admission.admit(async () => Promise.reject(new AppError("ROOM_FULL"))).catch(({ code }: AppError) => code),
  );
  expect(new Set(await Promise.all(failures))).toEqual(new Set(["ROOM_FULL"]));
  expect(await admission.admit(async () => "in")).toBe("in");
});
