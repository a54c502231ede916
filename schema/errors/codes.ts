import { accountsErrors } from "./accounts.ts";
import { catalogueErrors } from "./catalogue.ts";
import { inventoryErrors } from "./inventory.ts";
import { leaderboardsErrors } from "./leaderboards.ts";
import { operatorsErrors } from "./operators.ts";
import { paymentsErrors } from "./payments.ts";
import { platformErrors } from "./platform.ts";
import { progressionErrors } from "./progression.ts";
import { relayErrors } from "./relay.ts";
import { roomsErrors } from "./rooms.ts";
import { storeErrors } from "./store.ts";
import type { ErrorEntry } from "./table.ts";
import { walletErrors } from "./wallet.ts";

/** Every code that can cross the wire. A new feature adds its table here and nowhere else. */
export const errorCodes = {
  ...inventoryErrors,
  ...platformErrors,
  ...accountsErrors,
  ...catalogueErrors,
  ...leaderboardsErrors,
  ...operatorsErrors,
  ...paymentsErrors,
  ...progressionErrors,
  ...relayErrors,
  ...roomsErrors,
  ...storeErrors,
  ...walletErrors,
} as const;

export type ErrorCode = keyof typeof errorCodes;

export function errorEntry(code: ErrorCode): ErrorEntry {
  return errorCodes[code];
}
