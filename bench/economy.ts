import { leaderboardRows } from "./leaderboard-rows.ts";
import { canMeasure } from "./machine.ts";
import { propertyRows } from "./property-rows.ts";
import type { Length, SuiteResult } from "./report.ts";
import { sessionRows } from "./session-rows.ts";

/** What keeping players' property costs: W9, its verbs; W10, the check of a session; and ranks among a million. */
export async function benchEconomy({ length }: { length: Length }): Promise<SuiteResult> {
  const suite = { suite: "economy", isTimed: true } as const;
  if (!canMeasure()) return { ...suite, void: "CPU time is read from /proc: this needs Linux", rows: [] };
  const property = await propertyRows({ length });
  if (typeof property === "string") return { ...suite, void: property, rows: [] };
  const rows = [...property, ...(await sessionRows(length)), ...(await leaderboardRows(length))];
  const spoilt = rows.find((row) => row.isGate && row.void !== undefined);
  return { ...suite, void: spoilt === undefined ? null : `${spoilt.id}: ${spoilt.void}`, rows };
}
