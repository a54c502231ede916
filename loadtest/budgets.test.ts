import { expect, test } from "vitest";
import { judge, type RunFigures, slope } from "./budgets.ts";
import { Tally } from "./recorder.ts";
import type { Second } from "./result.ts";
import type { Budgets } from "./scenario.ts";
import { whyVoid } from "./validity.ts";

/** One limit for each budget that there is: a new one does not compile until it stands here. */
const all: Required<Budgets> = {
  joinMsP99: 500,
  echoMsP99: 200,
  correctionUnitsP95: 0.5,
  patchGapMsP99: 150,
  reconnectMsP99: 5000,
  shopMsP99: 300,
  bytesPerClientSecond: 5000,
  errorRate: 0.05,
  errorRates: { ROOM_FULL: 0.01 },
  disconnectsPerClientMinute: 0.5,
  cpuMsPerKiloTick: 50,
  loopMsP99: 20,
  tickLateMsP99: 20,
  rssMiBPerMinute: 10,
  violations: 0,
};

test("[SWARM11] each budget is judged in words, kept and broken, with what was measured and what is allowed", () => {
  const kept = judge(all, someFigures(1));
  const broken = judge(all, someFigures(10));
  expect(kept.map(({ budget }) => budget).sort()).toEqual(
    [...Object.keys(all).filter((name) => name !== "errorRates"), "errorRates.ROOM_FULL"].sort(),
  );
  expect(kept.filter(({ ok }) => !ok)).toEqual([]);
  expect(broken.filter(({ ok }) => ok)).toEqual([]);
  const words = (budget: string) => broken.find((verdict) => verdict.budget === budget)?.words;
  expect(words("joinMsP99")).toBe("join p99 was 1000 ms, allowed are 500 ms");
  expect(words("errorRate")).toBe("the rate of errors was 10 %, allowed are 5 % (ROOM_FULL × 10)");
  expect(words("errorRates.ROOM_FULL")).toContain("the rate of ROOM_FULL was 10 %, allowed are 1 %");
  expect(words("violations")).toBe("things that must never be was 10 times, allowed are 0 times (I7: a hole)");
  expect(words("rssMiBPerMinute")).toMatch(/^growth of the server's memory was 60 MiB per minute, allowed are 10/);
  expect(broken.find(({ budget }) => budget === "cpuMsPerKiloTick")?.measured).toBeCloseTo(100);
  expect(broken.find(({ budget }) => budget === "bytesPerClientSecond")?.measured).toBeCloseTo(10_000);
});

test("[SWARM11] what could not be measured is broken, and says why", () => {
  const tally = new Tally();
  const verdicts = judge(all, { tally, violations: [], seconds: [] });
  const unknown = verdicts.filter(({ budget }) => budget !== "violations");
  for (const { ok, measured, words } of unknown) {
    expect({ ok, measured }).toEqual({ ok: false, measured: null });
    expect(words).toMatch(/was not measured, allowed are .+: .+/);
  }
  // That nothing was seen that must never be is an observation.
  expect(verdicts.find(({ budget }) => budget === "violations")?.ok).toBe(true);
});

test("[SWARM11] a heap that is collected now and then does not grow, and one that leaks does", () => {
  const saw = Array.from({ length: 60 }, (_, second) => ({ at: second / 60, value: 100 + (second % 10) }));
  const leak = saw.map(({ at, value }) => ({ at, value: value + 300 * at }));
  expect(Math.abs(slope(saw) ?? Number.NaN)).toBeLessThan(5);
  expect(slope(leak)).toBeGreaterThan(250);
  expect(slope(saw.slice(0, 4))).toBeNull();
});

test("[SWARM6] a run in which the bots or their machine were the limit is void, and the words say what to do", () => {
  const good = { lost: [], cpus: [0.5, 0.6], lateMsP99: 8, steals: [0, 0.01], wasCutShort: false, seconds: 2 };
  expect(whyVoid(good)).toBeNull();
  expect(whyVoid({ ...good, cpus: [0.8, 0.95] })).toBe(
    "the busiest worker used 87.5 % of its core, and 85 % is the most at which it still measures: add --workers or agents",
  );
  expect(whyVoid({ ...good, lateMsP99: 80 })).toMatch(/timers were 80 ms late .* agents on other machines/);
  expect(whyVoid({ ...good, steals: [0.1, 0] })).toMatch(/took 5 % of the machine's time .* quieter machine/);
  expect(whyVoid({ ...good, lost: ["worker 1 of 2 has ended"] })).toBe("worker 1 of 2 has ended");
  expect(whyVoid({ ...good, wasCutShort: true })).toContain("ended early");
  expect(whyVoid({ ...good, seconds: 0 })).toContain("warm-up");
});

/** A run of ten seconds with a hundred attempts; everything in it is `bad` times what is still good. */
function someFigures(bad: number): RunFigures {
  const tally = new Tally();
  const limits = { joinMs: 100, echoMs: 100, correctionUnits: 0.1, patchGapMs: 100, reconnectMs: 1000, shopMs: 100 };
  for (const [measure, value] of Object.entries(limits)) tally.record(measure as keyof typeof limits, value * bad);
  tally.seatedMs = 100_000;
  tally.count("joins", 100);
  tally.count("clientTicks", 4000);
  tally.count("bytesIn", 100_000 * bad);
  tally.count("disconnects", bad === 1 ? 0 : 5);
  tally.error("ROOM_FULL", bad);
  const server = (at: number) => ({
    cpu: 0.004 * bad,
    loopMsP99: 10 * bad,
    tickLateMsP99: 10 * bad,
    rssMiB: 200 + (bad === 1 ? 0 : at),
    players: 10,
    rooms: 1,
  });
  const seconds = Array.from({ length: 10 }, (_, index): Second => {
    const at = index + 1;
    const swarm = { cpu: 0.1, lateMsP99: 1 };
    return { at, planned: 10, seated: 0, counters: {}, errors: {}, measures: {}, server: server(at), swarm };
  });
  return { tally, violations: bad === 1 ? [] : [{ invariant: "I7", details: "a hole", count: 10 }], seconds };
}
