import type { ErrorTable } from "./table.ts";

export const progressionErrors = {
  PROGRESSION_MATCH_CONFLICT: { status: 409, message: "This match was already recorded with another result." },
  PROGRESSION_STAT_INVALID: {
    status: 400,
    message: "This stat is not in the catalogue, or its value is not a whole number that a match may tell.",
  },
} as const satisfies ErrorTable;
