import type { ErrorTable } from "./table.ts";

export const accountsErrors = {
  ACCOUNTS_EMAIL_TAKEN: { status: 409, message: "This e-mail address already has an account." },
  ACCOUNTS_ALREADY_REGISTERED: { status: 409, message: "This account already has an e-mail address and a password." },
  ACCOUNTS_CREDENTIALS_WRONG: { status: 401, message: "E-mail address or password is wrong." },
  ACCOUNTS_SESSION_UNKNOWN: { status: 404, message: "This account has no such session." },
  ACCOUNTS_TICKET_INVALID: { status: 401, message: "The ticket is unknown, spent, expired or for another room." },
} as const satisfies ErrorTable;
