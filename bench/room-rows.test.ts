import { expect, test } from "vitest";
import type { Measurement } from "./measurement.ts";
import { hasFailed, type Row } from "./report.ts";
import { idleRows, joinRows, latencyRows, playedRow, playRows } from "./room-rows.ts";
import type { Contender, Samples } from "./side-by-side.ts";

const aMeasurement = (changes: Partial<Measurement> = {}): Measurement => ({
  clients: 320,
  cpuMsPerKiloTick: 30,
  serverCpu: 0.2,
  bytesPerSecond: 2500,
  botMicros: 15,
  conditions: { delivered: 1, botCpu: 0.1, steal: 0 },
  latenciesMs: [20, 25, 30],
  joinsPerCpuSecond: 500,
  joinMsP99: 40,
  databasePercent: 0,
  accountCpuMs: 0,
  ...changes,
});

/** Three repetitions in which we cost as much as stock, but for the changes. */
function someSamples(
  ours: readonly Partial<Measurement>[] = [{}, {}, {}],
  failures: [Contender, string][] = [],
): Samples {
  const others = (["ws-floor", "socket-io", "stock-defaults", "stock-best"] as const).map((name) => [
    name,
    ours.map(() => aMeasurement()),
  ]);
  return {
    of: new Map([...others, ["umpire", ours.map((changes) => aMeasurement(changes))]] as [Contender, Measurement[]][]),
    failures: new Map(failures),
  };
}

const gatesOf = (rows: readonly Row[]) =>
  rows.filter(({ isGate }) => isGate).map(({ id, against }) => `${id} ${against}`);
const failsIn = (rows: Row[], length: "quick" | "usual") =>
  hasFailed({ suite: "room", isTimed: true, void: null, rows }, length);

test("[BENCH10] play against stock, joins against stock and fair play are gates, and nothing else is", () => {
  const samples = someSamples();
  const strict = { isLenient: false };
  const rows = [
    ...playRows("W1", samples, strict),
    ...playRows("W2", samples, strict),
    ...idleRows(samples),
    ...latencyRows(samples),
    ...joinRows(samples),
    playedRow("W1", samples),
  ];
  const besideStock = ["W1", "W2", "W6"].flatMap((id) => [`${id} stock-defaults`, `${id} stock-best`]);
  expect(gatesOf(rows).sort()).toEqual(["W1/played absolute", ...besideStock].sort());
  expect(failsIn(rows, "usual")).toBe(false);
  expect(rows.find(({ id }) => id === "W4/idle")?.ok).toBe(false);
});

test("[BENCH10] a gate is missed by the median, and in a quick run by the whole interval only, and by more than a tenth", () => {
  const twice = someSamples([{ cpuMsPerKiloTick: 29 }, { cpuMsPerKiloTick: 31 }, { cpuMsPerKiloTick: 32 }]);
  expect(failsIn(playRows("W1", twice, { isLenient: false }), "usual")).toBe(true);
  expect(failsIn(playRows("W1", twice, { isLenient: true }), "quick")).toBe(false);
  const nearly = someSamples([{ cpuMsPerKiloTick: 31 }, { cpuMsPerKiloTick: 32 }, { cpuMsPerKiloTick: 31 }]);
  expect(failsIn(playRows("W1", nearly, { isLenient: true }), "quick")).toBe(false);
  expect(failsIn(playRows("W1", nearly, { isLenient: false }), "usual")).toBe(true);
  const always = someSamples([{ cpuMsPerKiloTick: 34 }, { cpuMsPerKiloTick: 35 }, { cpuMsPerKiloTick: 34 }]);
  expect(failsIn(playRows("W1", always, { isLenient: true }), "quick")).toBe(true);
  const slowJoins = someSamples([{ joinsPerCpuSecond: 449 }, { joinsPerCpuSecond: 449 }, { joinsPerCpuSecond: 449 }]);
  expect(failsIn(joinRows(slowJoins), "usual")).toBe(true);
});

test("[BENCH10] a contender that did not play the game fails any run, and its failure is shown", () => {
  const row = playedRow("W1", someSamples([{}], [["umpire", "an input moved its player 2 units too far"]]));
  expect(failsIn([row], "quick")).toBe(true);
  expect(row.note).toContain("umpire: an input moved");
});

test("[BENCH3] late patches spoil what is measured by patches, and not the joins before them", () => {
  const late = { conditions: { delivered: 0.9, botCpu: 0.1, steal: 0 } };
  const samples = someSamples([late, late, late]);
  expect(playRows("W1", samples, { isLenient: false }).every((row) => row.void !== undefined)).toBe(true);
  expect(latencyRows(samples).every((row) => row.void !== undefined)).toBe(true);
  expect(joinRows(samples).some((row) => row.void !== undefined)).toBe(false);
});
