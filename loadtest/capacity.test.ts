import { expect, test } from "vitest";
import { type Bottleneck, bottleneckOf } from "./bottleneck.ts";
import { type CapacityStep, findCapacity } from "./capacity.ts";
import { createSeededRandom } from "./random.ts";
import type { BudgetVerdict, RunResult, ServerFigures } from "./result.ts";
import { aResult } from "./test-result.ts";

/** A server of one core whose machine is a few per cent faster or slower in each run, and out of sorts in one of 25. */
function aNoisyServer(seed: number) {
  const random = createSeededRandom(seed);
  return async (bots: number): Promise<RunResult> => {
    const noise = 1 + (random.uniform() + random.uniform() - 1) * 0.06;
    const isUnlucky = random.below(25) === 0;
    const coresPerThousand = isUnlucky ? 1000 : 1.9 * noise;
    return aResult({ bots, seconds: 12, seed: random.uint32(), coresPerThousand });
  };
}

/** A server that holds exactly so many. */
function aServer(holds: number, over: (bots: number) => Partial<RunResult> = () => ({})) {
  const asked: (readonly [number, number | undefined])[] = [];
  const run = async (bots: number, options?: { readonly seconds: number }) => {
    asked.push([bots, options?.seconds]);
    return aResult(
      { bots, seconds: 3, coresPerThousand: 0.1 },
      { budgets: [aBudget("echoMsP99", bots <= holds)], ...over(bots) },
    );
  };
  return { run, asked };
}

function aBudget(budget: BudgetVerdict["budget"], ok: boolean): BudgetVerdict {
  return { budget, limit: 100, measured: ok ? 90 : 200, ok, words: `${budget} was 200, allowed are 100` };
}

test("[CAPACITY1] the load is doubled until a budget breaks, the knee is bisected to 7 %, and a minute confirms it", async () => {
  for (const holds of [1, 2, 3, 16, 33, 100, 777, 5000]) {
    const { run, asked } = aServer(holds);
    const told: CapacityStep[] = [];
    const found = await findCapacity({ run, from: 16, max: 20_000, onStep: (step) => told.push(step) });
    expect(found.bots, `${holds}`).toBeLessThanOrEqual(holds);
    expect(found.bots).toBeGreaterThanOrEqual(Math.min(holds, Math.floor(holds / 1.07)));
    expect(found.end).toBe("knee");
    expect(asked.at(-1)).toEqual([found.bots, 60]);
    expect(told).toEqual(found.steps);
    expect(found.steps.length).toBeLessThan(40);
    expect(found.words).toContain("were held for a minute".slice(5));
    expect(found.words).toContain("echoMsP99 was 200, allowed are 100");
  }
});

test("[CAPACITY2] two searches of a server with noise agree within 15 %", async () => {
  const found = await Promise.all(
    Array.from({ length: 12 }, (_, seed) => findCapacity({ run: aNoisyServer(seed), from: 25, max: 5000 })),
  );
  const all = found.map(({ bots }) => bots).sort((a, b) => a - b);
  expect((all.at(-1) ?? 0) / (all[0] ?? 1), all.join(" ")).toBeLessThan(1.15);
  expect(new Set(found.map(({ brokenBy }) => brokenBy?.kind))).toEqual(new Set(["CPU"]));
}, 60_000);

test("[CAPACITY1] what breaks once and not again is no limit, and what does not last a minute is no capacity", async () => {
  let hiccups = 0;
  const once = aServer(100);
  const unlucky = async (bots: number, options?: { readonly seconds: number }) => {
    const result = await once.run(bots, options);
    return bots === 32 && hiccups++ === 0 ? { ...result, budgets: [aBudget("joinMsP99", false)] } : result;
  };
  expect((await findCapacity({ run: unlucky, from: 16, max: 1000 })).bots).toBeGreaterThan(90);
  expect(hiccups).toBe(2);

  const short = aServer(100);
  const tiring = async (bots: number, options?: { readonly seconds: number }) => {
    const result = await short.run(bots, options);
    return options !== undefined && bots > 80 ? { ...result, budgets: [aBudget("rssMiBPerMinute", false)] } : result;
  };
  const found = await findCapacity({ run: tiring, from: 16, max: 1000 });
  expect(found.bots).toBeLessThanOrEqual(80);
  expect(found.bots).toBeGreaterThan(65);
  expect(found.brokenBy?.kind).toBe("memory");
});

test("[CAPACITY3] where the swarm is the limit the search goes up to there, says so, and asks for agents", async () => {
  const { run } = aServer(10_000, (bots) => (bots > 300 ? { void: "the busiest worker took 97 % of its core" } : {}));
  const found = await findCapacity({ run, from: 50, max: 10_000 });
  expect(found).toMatchObject({ end: "swarm", brokenBy: null });
  expect(found.bots).toBeLessThanOrEqual(300);
  expect(found.bots).toBeGreaterThan(300 / 1.07);
  expect(found.words).toMatch(
    /^At least \d+ players: with 30\d the swarm was the limit \(the busiest worker took 97 % of its core\): add agents\.$/,
  );
});

test("[CAPACITY3] a search that meets no limit says so, and one that holds nobody too", async () => {
  expect(await findCapacity({ run: aServer(10_000).run, from: 50, max: 300 })).toMatchObject({
    bots: 300,
    end: "most allowed",
  });
  const nobody = await findCapacity({ run: aServer(0).run, from: 50, max: 300 });
  expect(nobody).toMatchObject({ bots: 0, end: "nothing held" });
  expect(nobody.words).toMatch(/^Not even one player was held/);
  await expect(findCapacity({ run: aServer(1).run, from: 0, max: 3 })).rejects.toThrow(RangeError);
  await expect(findCapacity({ run: aServer(1).run, from: 9, max: 3 })).rejects.toThrow(RangeError);
});

test("[CAPACITY3] a violation is a limit although no budget speaks of it", async () => {
  const violations = [{ invariant: "I7", details: "a wrong x", count: 1 }];
  const { run } = aServer(10_000, (bots) => (bots > 40 ? { violations } : {}));
  expect((await findCapacity({ run, from: 10, max: 100 })).bots).toBeLessThanOrEqual(40);
});

const idle: ServerFigures = {
  cpu: 0.4,
  cpuBusiest: 0.4,
  loopMsP99: 3,
  tickLateMsP99: 2,
  rssMiB: 200,
  players: 9,
  rooms: 1,
};

function broken(budgets: readonly BudgetVerdict["budget"][], server: Partial<ServerFigures> | null): Bottleneck {
  const { series } = aResult({ seconds: 10 });
  return bottleneckOf({
    ...aResult(),
    errors: { ROOM_FULL: 7, TIMEOUT: 3 },
    series: series.map((second) => ({ ...second, server: server && { ...idle, ...server } })),
    budgets: [aBudget("joinMsP99", true), ...budgets.map((budget) => aBudget(budget, false))].slice(-budgets.length),
  });
}

test.each<[Bottleneck["kind"], BudgetVerdict["budget"][], Partial<ServerFigures> | null]>([
  ["CPU", ["echoMsP99", "joinMsP99"], { cpuBusiest: 0.97, loopMsP99: 80 }],
  // Four processes that take one core together are not the limit.
  ["joins", ["joinMsP99"], { cpu: 1.6, cpuBusiest: 0.4 }],
  ["loop", ["patchGapMsP99"], { loopMsP99: 60 }],
  ["loop", ["tickLateMsP99"], {}],
  ["CPU", ["tickLateMsP99"], { cpuBusiest: 0.8 }],
  ["CPU", ["echoMsP99"], { cpuBusiest: 0.75 }],
  ["bandwidth", ["bytesPerClientSecond"], {}],
  ["bandwidth", ["echoMsP99", "patchGapMsP99"], {}],
  ["joins", ["joinMsP99"], {}],
  ["database", ["shopMsP99", "joinMsP99"], {}],
  ["memory", ["rssMiBPerMinute"], {}],
  ["errors", ["errorRate"], {}],
  ["correctness", ["violations"], { cpuBusiest: 0.99 }],
  ["unknown", ["echoMsP99"], null],
  ["joins", ["joinMsP99"], null],
])("[CAPACITY4] it is the %s when %j breaks with a server of %j", (kind, budgets, server) => {
  const found = broken(budgets, server);
  expect(found).toMatchObject({ kind, budgets });
  expect(found.words).toContain("allowed are 100");
  expect(found.words).toContain(server === null ? "could not be read" : "of a core");
  if (kind === "errors") expect(found.words).toContain("ROOM_FULL, 7 times");
});
