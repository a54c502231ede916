import { expect, test } from "vitest";
import { twinsByLua } from "../testing/simulation/directory-twins.ts";
import { describeFailure } from "../testing/simulation/run.ts";
import { simulate } from "../testing/simulation/simulation.ts";

const scripts = await twinsByLua();
const given = process.env["SEED"];
/** Which have failed once: 1157 had an attempt to take over forgotten by an earlier one. */
const FOUND = [1157];
/** As many as take three seconds; `npm run soak` runs the others. */
const seeds = given !== undefined ? [Number(given)] : [...Array.from({ length: 200 }, (_, seed) => seed), ...FOUND];

test("[SIMULATION2] I4, I5, I6: two hundred seeds of processes that pause, crash and lose Redis", async () => {
  for (const seed of seeds) {
    const run = await simulate(seed, scripts);
    expect(run.violations, describeFailure(run)).toEqual([]);
  }
}, 60_000);

test("[SIMULATION3] a seed is the same run each time, and another seed another", async () => {
  const seed = given !== undefined ? Number(given) : 275;
  const [one, again, other] = [
    await simulate(seed, scripts),
    await simulate(seed, scripts),
    await simulate(seed + 1, scripts),
  ];
  expect(one.events.length).toBeGreaterThan(100);
  expect([again.hash, other.hash === one.hash]).toEqual([one.hash, false]);
});
