import { expect, test } from "vitest";
import { TestClock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import { createLog } from "../platform/log.ts";
import { Persistence } from "./persistence.ts";

const log = createLog({ level: "silent" });
/** Lets promises that are ready run; no time passes. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("[ROOM14] a write that fails is tried again until it is recorded, and the room waits for it", async () => {
  const clock = new TestClock();
  const persistence = new Persistence({ clock, log });
  let attempts = 0;
  persistence.write("match", async () => {
    attempts += 1;
    if (attempts < 4) throw new Error("the database is away");
  });
  let isSettled = false;
  const settled = persistence.settled().then(() => {
    isSettled = true;
  });
  for (let round = 0; round < 3; round++) {
    await settle();
    expect(isSettled).toBe(false);
    clock.advance(5_000);
  }
  await settled;
  expect(attempts).toBe(4);
});

test("[ROOM14] a write that is refused for good is not tried again", async () => {
  const persistence = new Persistence({ clock: new TestClock(), log });
  let attempts = 0;
  persistence.write("match", async () => {
    attempts += 1;
    throw new AppError("REQUEST_INVALID");
  });
  await persistence.settled();
  expect(attempts).toBe(1);
});
