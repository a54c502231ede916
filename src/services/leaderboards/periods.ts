import type { Content } from "../../../schema/content.ts";

/** Over what time a board adds up: the day and the week, which begins on Monday, in UTC. */
export type Period = Content["leaderboards"][string]["periods"][number];

const DAY_MS = 24 * 60 * 60_000;
/** How long the scores of a day or a week that is over are kept. */
const KEPT_MS = 35 * DAY_MS;

/** What the period around this moment is called where scores are stored. */
export function periodAt(period: Period, at: Date): string {
  if (period === "all") return "all";
  if (period === "daily") return `d${dayOf(at)}`;
  const daysSinceMonday = (at.getUTCDay() + 6) % 7;
  return `w${dayOf(new Date(at.getTime() - daysSinceMonday * DAY_MS))}`;
}

/** Of days and of weeks, the first that is kept: those that are called less, in the order of texts, are over for long. */
export function oldestKept(now: Date): readonly string[] {
  const before = new Date(now.getTime() - KEPT_MS);
  return [periodAt("daily", before), periodAt("weekly", before)];
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}
