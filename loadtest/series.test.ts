import { expect, test } from "vitest";
import { figureOf, formatNumber, formatValue } from "./figures.ts";
import { thinned, widthsOf } from "./series.ts";
import { aResult } from "./test-result.ts";

test("[REPORT6] a run of an hour is kept in 600 entries that lose nothing that was counted and nothing that was bad", () => {
  const { series } = aResult({ seconds: 3601, errors: { ROOM_FULL: 5000 } });
  const kept = thinned(series);
  expect(kept.length).toBeLessThanOrEqual(600);
  expect(kept.length).toBeGreaterThan(500);
  const total = (all: typeof series, name: "joins" | "bytesIn") =>
    all.reduce((so, { counters }) => so + (counters[name] ?? 0), 0);
  expect(total(kept, "joins")).toBe(total(series, "joins"));
  expect(total(kept, "bytesIn") / total(series, "bytesIn")).toBeCloseTo(1, 3);
  const worst = (all: typeof series) => Math.max(...all.map(({ measures }) => measures.echoMs?.p99 ?? 0));
  expect(worst(kept) / worst(series)).toBeCloseTo(1, 3);
  expect(kept[0]?.at).toBe(0);
  expect(new Set(widthsOf(kept))).toEqual(new Set([7]));
  // A tenth of what the whole would be, and it can be thinned again.
  expect(JSON.stringify(kept).length).toBeLessThan(600 * 1000);
  expect(thinned(kept)).toEqual(kept);
});

test("[REPORT6] a short run is kept as it is, an empty one too, and what the server did not tell stays unknown", () => {
  const { series } = aResult({ seconds: 60, server: false });
  expect(thinned(series)).toEqual(series);
  expect(thinned([])).toEqual([]);
  expect(thinned(series, 10).every(({ server }) => server === null)).toBe(true);
  const gaps = series.map((second, at) => ({
    ...second,
    server: { cpu: at % 2 ? 0.5 : null, loopMsP99: null, tickLateMsP99: null, rssMiB: 1, players: 1, rooms: 1 },
  }));
  expect(thinned(gaps, 10)[0]?.server).toMatchObject({ cpu: 0.5, cpuBusiest: null, loopMsP99: null });
});

test("[REPORT6] figures that were not judged come from what is kept, whole or thinned", () => {
  const result = aResult({ seconds: 1200 });
  const short = { ...result, series: thinned(result.series) };
  for (const figure of ["bytesPerClientSecond", "cpuMsPerKiloTick", "disconnectsPerClientMinute"] as const) {
    const [whole, part] = [figureOf(result, figure), figureOf(short, figure)];
    expect(whole, figure).not.toBeNull();
    expect(part ?? 0, figure).toBeCloseTo(whole ?? 0, 1);
  }
  expect(figureOf(result, "bytesPerClientSecond")).toBeGreaterThan(2800);
  // 1.2 cores for a thousand bots, 40 ticks each: 30 ms for a thousand ticks.
  expect(figureOf(result, "cpuMsPerKiloTick")).toBeCloseTo(30, -1);
  expect(figureOf(aResult({ server: false }), "cpuMsPerKiloTick")).toBeNull();
  expect(figureOf(aResult({ server: false }), "loopMsP99")).toBeNull();
  expect(figureOf(result, "shopMsP99")).toBeNull();
});

test("[REPORT6] numbers are written for people", () => {
  expect([0, 0.00002, 0.0123, 0.5, 3.456, 42.42, 812.4, 12_345].map(formatNumber)).toEqual([
    "0",
    "0.00002",
    "0.012",
    "0.5",
    "3.46",
    "42.4",
    "812",
    "12\u202f345",
  ]);
  expect(formatValue(null, "ms")).toBe("–");
  expect(formatValue(12_000, "ms")).toBe("12 s");
  expect(formatValue(2950, "B/s")).toBe("2.95 KB/s");
  expect(formatValue(0.0005, "share")).toBe("0.05 %");
});
