import type { ErrorTable } from "./table.ts";

export const walletErrors = {
  WALLET_INSUFFICIENT: { status: 409, message: "There is not enough of this currency." },
  WALLET_ACCOUNT_UNKNOWN: { status: 404, message: "There is no such account." },
  WALLET_CURRENCY_UNKNOWN: { status: 400, message: "There is no such currency." },
  WALLET_AMOUNT_INVALID: { status: 400, message: "This is not an amount that can be moved." },
  WALLET_HOLD_OVER: { status: 409, message: "This hold has been captured, released or has lapsed." },
} as const satisfies ErrorTable;
