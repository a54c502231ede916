import { expect, test, vi } from "vitest";
import { hasFailed, printSuite, type Row, type SuiteResult } from "./report.ts";

const row: Row = { id: "W1", against: "stock", ratio: 1.2, target: 0.85, ok: false, isGate: false, measured: {} };
const timed = (rows: Row[], reason: string | null = null): SuiteResult => ({
  suite: "room",
  isTimed: true,
  void: reason,
  rows,
});

test("[BENCH6] a missed target fails a run only where it is a gate, and a gate may be looser than the target", () => {
  expect(hasFailed(timed([row]), "usual")).toBe(false);
  expect(hasFailed(timed([{ ...row, isGate: true }]), "usual")).toBe(true);
  expect(hasFailed(timed([{ ...row, isGate: true, gate: { limit: 1.3, isMet: true } }]), "usual")).toBe(false);
  expect(hasFailed(timed([{ ...row, isGate: true, gate: { limit: 1, isMet: false } }]), "quick")).toBe(true);
});

test("[BENCH6] a void run fails, except a quick one that is measured against time", () => {
  const spoilt = timed([{ ...row, isGate: true, void: "only 90.0 % of the patches arrived" }], "W1: …");
  expect(hasFailed(spoilt, "usual")).toBe(true);
  expect(hasFailed(spoilt, "full")).toBe(true);
  expect(hasFailed(spoilt, "quick")).toBe(false);
  const { isTimed: _, ...counted } = spoilt;
  expect(hasFailed(counted, "quick")).toBe(true);
  // What the machine did excuses the row that it spoilt, and no other.
  const other: Row = { ...row, id: "W1/played", isGate: true };
  expect(hasFailed({ ...spoilt, rows: [...spoilt.rows, other] }, "quick")).toBe(true);
});

test("[BENCH8] a suite prints its rows, and as last line itself as one JSON object", () => {
  const written: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
  const result = timed([{ ...row, interval: [1.1, 1.3], measured: { "ours, ms": 40 } }], "too noisy");
  printSuite(result);
  write.mockRestore();
  const lines = written.join("").trimEnd().split("\n");
  expect(JSON.parse(lines.at(-1) ?? "")).toEqual(result);
  expect(lines[1]).toMatch(/^W1 +stock +1\.20 1\.10–1\.30 +of 0\.85 +not reached yet +ours, ms 40\.0$/);
  expect(lines).toContain("void: too noisy");
});
