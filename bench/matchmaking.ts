import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { startOwnRedis } from "../src/platform/redis-server.ts";
import { canMeasure } from "./machine.ts";
import type { Length, Row, SuiteResult } from "./report.ts";
import { idealIndex, ourMemory, ourRedis, type SeatFinder, stockLocal, stockRedis } from "./seat-finders.ts";
import { abbaOrder, median, quantile } from "./statistics.ts";
import { stormRows } from "./storm-rows.ts";

const TARGET_MS = 2;
const TARGET_IDEALS = 3;
const TARGET_SLOPE = 1.5;
/** A take beyond this says more about the machine than about whoever looks. */
const CONTROL_MS_MAX = 2;
/** Where one look takes half a second, some have to be enough. */
const BLOCK_MS_MAX = 2500;
const LOOP_RESOLUTION_MS = 1;
const PLANS: Readonly<Record<Length, { sizes: readonly number[]; repetitions: number; looks: number }>> = {
  quick: { sizes: [100, 10_000], repetitions: 2, looks: 150 },
  usual: { sizes: [100, 1000, 10_000, 100_000], repetitions: 6, looks: 400 },
  full: { sizes: [100, 1000, 10_000, 100_000], repetitions: 10, looks: 1500 },
};
const CONTENDERS = ["ours", "ideal", "ours-memory", "stock-local", "stock-redis"] as const;
type Contender = (typeof CONTENDERS)[number];

interface Looks {
  readonly takenMs: number[];
  loopMsMax: number;
}

/** W7: finding a room with a seat and reserving it, among a hundred rooms and among a hundred thousand. W13: a storm of redials. */
export async function benchMatchmaking({ length }: { length: Length }): Promise<SuiteResult> {
  const { sizes, repetitions, looks } = PLANS[length];
  const storm = canMeasure() ? await stormRows(length) : [];
  const server = await startOwnRedis({ cacheFolder: join(import.meta.dirname, "../.cache/redis") });
  const finders = await openFinders(server.url);
  const found = new Map<string, Looks>();
  try {
    for (const size of sizes) {
      for (const finder of finders.values()) await finder.fill(size);
      for (const contender of abbaOrder(CONTENDERS, repetitions).flat()) {
        const finder = finders.get(contender);
        const key = `${contender} ${size}`;
        const before = found.get(key) ?? { takenMs: [], loopMsMax: 0 };
        if (finder !== undefined) found.set(key, await look(finder, looks, before));
      }
      process.stderr.write(`W7 ${size} rooms: ${CONTENDERS.map((name) => summary(name, found, size)).join(", ")}\n`);
    }
  } finally {
    for (const finder of finders.values()) await finder.stop();
    await server.stop();
  }
  const rows = rowsOf(found, sizes[0] ?? 0, sizes.at(-1) ?? 0);
  const spoilt = rows.find((row) => row.isGate && row.void !== undefined);
  return {
    suite: "matchmaking",
    isTimed: true,
    void: spoilt === undefined ? null : `${spoilt.id}: ${spoilt.void}`,
    rows: [...rows, ...storm],
  };
}

async function openFinders(url: string): Promise<Map<Contender, SeatFinder>> {
  return new Map<Contender, SeatFinder>([
    ["ours", await ourRedis(url)],
    ["ideal", await idealIndex(url)],
    ["ours-memory", await ourMemory()],
    ["stock-local", await stockLocal()],
    ["stock-redis", await stockRedis(url)],
  ]);
}

/** One after the other, and how long the event loop stood still meanwhile: it also runs the rooms. */
async function look(finder: SeatFinder, looks: number, before: Looks): Promise<Looks> {
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  const deadlineMs = performance.now() + BLOCK_MS_MAX;
  await finder.find(0);
  loop.enable();
  for (let number = 0; number < looks && performance.now() < deadlineMs; number++) {
    const startedMs = performance.now();
    await finder.find(number);
    before.takenMs.push(performance.now() - startedMs);
  }
  loop.disable();
  return { takenMs: before.takenMs, loopMsMax: Math.max(before.loopMsMax, loop.max / 1e6) };
}

function rowsOf(found: ReadonlyMap<string, Looks>, few: number, many: number): Row[] {
  const of = (contender: Contender, size: number) => found.get(`${contender} ${size}`) ?? { takenMs: [], loopMsMax: 0 };
  const [ours, ideal] = [of("ours", many), of("ideal", many)];
  const [p99, idealP99] = [quantile(ours.takenMs, 0.99), quantile(ideal.takenMs, 0.99)];
  const target = Math.max(TARGET_MS, TARGET_IDEALS * idealP99);
  const slow = idealP99 > CONTROL_MS_MAX ? { void: `the ideal index took ${idealP99.toFixed(1)} ms at p99` } : {};
  const slope = median(ours.takenMs) / median(of("ours", few).takenMs);
  const memorySlope = median(of("ours-memory", many).takenMs) / median(of("ours-memory", few).takenMs);
  const gate = { isGate: true, ...slow };
  const measured = {
    "p50 ms": median(ours.takenMs),
    "p99 ms": p99,
    "ideal p99 ms": idealP99,
    "loop ms": ours.loopMsMax,
  };
  const against = (contender: Contender, mine: Contender): Row => {
    const theirs = of(contender, many);
    const ratio = median(of(mine, many).takenMs) / median(theirs.takenMs);
    const figures = {
      "p50 ms": median(theirs.takenMs),
      "p99 ms": quantile(theirs.takenMs, 0.99),
      "loop ms": theirs.loopMsMax,
    };
    return {
      id: `W7/${contender}`,
      against: contender,
      ratio,
      target: 1,
      ok: ratio <= 1,
      isGate: false,
      measured: figures,
    };
  };
  return [
    { id: "W7", against: "absolute", ratio: p99, target, ok: p99 <= target, ...gate, measured },
    {
      id: "W7/slope",
      against: `${few} rooms`,
      ratio: slope,
      target: TARGET_SLOPE,
      ok: slope <= TARGET_SLOPE,
      ...gate,
      measured: {},
    },
    { ...against("ideal", "ours"), target: TARGET_IDEALS, ok: against("ideal", "ours").ratio <= TARGET_IDEALS },
    against("stock-redis", "ours"),
    against("stock-local", "ours-memory"),
    {
      id: "W7/slope-memory",
      against: `${few} rooms`,
      ratio: memorySlope,
      target: TARGET_SLOPE,
      ok: memorySlope <= TARGET_SLOPE,
      isGate: false,
      measured: {},
    },
  ];
}

function summary(name: Contender, found: ReadonlyMap<string, Looks>, size: number): string {
  const { takenMs = [], loopMsMax = 0 } = found.get(`${name} ${size}`) ?? {};
  return `${name} p50 ${median(takenMs).toFixed(3)} p99 ${quantile(takenMs, 0.99).toFixed(2)} loop ${loopMsMax.toFixed(0)} ms`;
}
