import type { ErrorTable } from "./table.ts";

/** Between the processes of one game; a client sees none of these. */
export const relayErrors = {
  RELAY_REFUSED: { status: 403, message: "This door is for the other processes of this game." },
  RELAY_MISDIRECTED: { status: 421, message: "This room does not live here." },
} as const satisfies ErrorTable;
