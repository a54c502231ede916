import { accountsErrors } from "./accounts.ts";
import { platformErrors } from "./platform.ts";
import { progressionErrors } from "./progression.ts";
import { roomsErrors } from "./rooms.ts";
import type { ErrorEntry } from "./table.ts";

/** Every code that can cross the wire. A new feature adds its table here and nowhere else. */
export const errorCodes = {
  ...platformErrors,
  ...accountsErrors,
  ...progressionErrors,
  ...roomsErrors,
} as const;

export type ErrorCode = keyof typeof errorCodes;

export function errorEntry(code: ErrorCode): ErrorEntry {
  return errorCodes[code];
}
