import type { ErrorTable } from "./table.ts";

export const progressionErrors = {
  PROGRESSION_MATCH_CONFLICT: { status: 409, message: "This match was already recorded with another result." },
} as const satisfies ErrorTable;
