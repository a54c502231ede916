import type { ErrorTable } from "./table.ts";

export const leaderboardsErrors = {
  LEADERBOARDS_UNKNOWN: { status: 404, message: "There is no such leaderboard, or not for this period." },
} as const satisfies ErrorTable;
