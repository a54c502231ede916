import fc from "fast-check";
import { expect, test } from "vitest";
import type { BotPlan } from "./bots/bot.ts";
import { planHash, plannedAt, planRun } from "./plan.ts";
import type { Phase, Scenario } from "./scenario.ts";

test("[SWARM1] the same seed gives the same plan, to the hash, and another seed another", () => {
  const plan = planRun(aScenario({}), { seed: 7 });
  expect(planRun(aScenario({}), { seed: 7 })).toEqual(plan);
  // A fixed value: a change of the plan's making would silently change what every recorded seed means.
  expect(planHash(plan)).toBe("35b42389ccaf260b");
  const others = [
    planHash(planRun(aScenario({}), { seed: 8 })),
    planHash(planRun(aScenario({}), { seed: 7, bots: 201 })),
    planHash(planRun(aScenario({}), { seed: 7, network: "3g" })),
    planHash(planRun(aScenario({ personas: { casual: 1 } }), { seed: 7 })),
  ];
  expect(new Set([planHash(plan), ...others]).size).toBe(5);
  // A plan that has been written down and read again, as one that goes to another machine, is the same plan.
  expect(planHash(JSON.parse(JSON.stringify(plan)))).toBe(planHash(plan));
});

test("[SWARM1] a change of one share leaves everything else of the plan as it was", () => {
  const before = planRun(aScenario({}), { seed: 7 });
  const after = planRun(aScenario({ networks: { "4g": 1 } }), { seed: 7 });
  const rest = ({ network: _, ...others }: BotPlan) => others;
  expect(after.map(rest)).toEqual(before.map(rest));
});

test("[SWARM2] shares are kept exactly, whatever the seed, in all and among the full bots", () => {
  const counts = (plan: readonly BotPlan[], value: (bot: BotPlan) => string) =>
    Object.fromEntries(
      [...new Set(plan.map(value))].sort().map((one) => [one, plan.filter((bot) => value(bot) === one).length]),
    );
  const run = (seed: number) => {
    const plan = planRun(aScenario({}), { seed });
    const full = plan.filter(({ depth }) => depth === "full");
    expect(full).toHaveLength(20);
    expect(plan[0]?.depth).toBe("full");
    expect(counts(plan, ({ persona }) => persona)).toEqual({ casual: 120, frantic: 60, griefer: 2, shopper: 18 });
    expect(counts(plan, ({ network }) => network)).toEqual({ "4g": 150, train: 50 });
    expect(counts(plan, ({ filters }) => JSON.stringify(filters))).toEqual({ "{}": 133, '{"mode":"duel"}': 67 });
    expect(counts(full, ({ persona }) => persona)).toEqual({ casual: 12, frantic: 6, shopper: 2 });
    expect(counts(full, ({ network }) => network)).toEqual({ "4g": 15, train: 5 });
  };
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), run), { numRuns: 50 });
});

test("[SWARM2] there is at least one full bot, and at least one in a hundred", () => {
  const full = (bots: number) =>
    planRun(aScenario({ fullShare: 0.01 }), { bots, seed: 1 }).filter(({ depth }) => depth === "full").length;
  expect([full(1), full(25), full(1000)]).toEqual([1, 1, 10]);
});

test("[SWARM3] a ramp, a spike and a storm are where they were asked for, and nobody leaves who was not there", () => {
  const population: Phase[] = [
    { kind: "ramp", seconds: 10, to: 1 },
    { kind: "steady", seconds: 5 },
    { kind: "spike", seconds: 5, times: 3 },
    { kind: "storm", seconds: 5 },
    { kind: "ramp", seconds: 10, to: 0.25 },
  ];
  const run = (seed: number) => {
    const plan = planRun(aScenario({ population }), { bots: 40, seed });
    expect(plan).toHaveLength(120);
    const there = (second: number) =>
      plan.filter(({ arriveMs, leaveMs }) => arriveMs <= second * 1000 && leaveMs > second * 1000).length;
    expect([there(4.9995), there(10), there(14.999), there(16), there(18.9), there(20), there(24.9)]).toEqual([
      20, 40, 40, 120, 120, 40, 40,
    ]);
    expect(there(34.999)).toBe(10);
    expect(plannedAt(plan, 35)[16]).toBe(120);
    const cut = plan.filter(({ cutsMs }) => cutsMs.length > 0);
    expect(cut.map(({ cutsMs }) => cutsMs)).toEqual(new Array(40).fill([20_000]));
    for (const { arriveMs, leaveMs, cutsMs } of plan) {
      expect(leaveMs).toBeGreaterThan(arriveMs);
      for (const cutMs of cutsMs) expect(cutMs > arriveMs && cutMs < leaveMs).toBe(true);
    }
    expect(plan.map(({ number }) => number)).toEqual(plan.map((_, index) => index));
    expect(plan.every(({ arriveMs }, index) => arriveMs >= (plan[index - 1]?.arriveMs ?? 0))).toBe(true);
  };
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), run), { numRuns: 50 });
});

test("[SWARM3] arrivals are spread over a ramp and never in step", () => {
  const population: Phase[] = [{ kind: "ramp", seconds: 10, to: 1 }];
  const plan = planRun(aScenario({ population, warmUpSeconds: 0 }), { bots: 100, seed: 3 });
  const perSecond = Array.from(
    { length: 10 },
    (_, second) => plan.filter(({ arriveMs }) => Math.floor(arriveMs / 1000) === second).length,
  );
  expect(perSecond).toEqual(new Array(10).fill(10));
  expect(new Set(plan.map(({ arriveMs }) => arriveMs % 100)).size).toBeGreaterThan(30);
});

test("[SWARM3] a scenario that makes no sense is refused in words before anything starts", () => {
  const refusal = (changes: Partial<Scenario>, bots = 10) => {
    try {
      planRun(aScenario(changes), { bots, seed: 1 });
      return "planned";
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      return (error as Error).message;
    }
  };
  expect(refusal({ population: [{ kind: "steady", seconds: 30 }] })).toContain("begin with a ramp");
  expect(refusal({ population: [{ kind: "ramp", seconds: 0, to: 1 }] })).toContain("more than 0 seconds");
  expect(refusal({ population: [{ kind: "ramp", seconds: 9, to: 1.5 }] })).toContain("from 0 to 1");
  expect(refusal({ warmUpSeconds: 60 })).toContain("warm-up");
  expect(refusal({ fullShare: 0 })).toContain("fullShare");
  expect(refusal({ personas: {} })).toContain("personas");
  expect(refusal({ networks: { "5g": 1 } as never })).toContain('no network "5g"');
  expect(refusal({}, 0)).toContain("bots");
});

function aScenario(changes: Partial<Scenario>): Scenario {
  return {
    about: "Shows nothing.",
    bots: 200,
    population: [
      { kind: "ramp", seconds: 10, to: 1 },
      { kind: "steady", seconds: 20 },
    ],
    rooms: [
      { room: "arena", share: 2 },
      { room: "arena", filters: { mode: "duel" }, share: 1 },
    ],
    personas: { casual: 60, frantic: 30, shopper: 9, griefer: 1 },
    networks: { "4g": 0.75, train: 0.25 },
    fullShare: 0.1,
    warmUpSeconds: 10,
    budgets: {},
    ...changes,
  };
}
