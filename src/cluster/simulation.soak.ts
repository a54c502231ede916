import { expect, test } from "vitest";
import { twinsByLua } from "../testing/simulation/directory-twins.ts";
import { describeFailure } from "../testing/simulation/run.ts";
import { simulate } from "../testing/simulation/simulation.ts";

const FIRST = 200;
const SEEDS = 2000;
const scripts = await twinsByLua();

test(`[SIMULATION2] I4, I5, I6: ${SEEDS} more seeds`, async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const run = await simulate(seed, scripts);
    expect(run.violations, describeFailure(run)).toEqual([]);
  }
});
