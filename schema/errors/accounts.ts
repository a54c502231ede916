import type { ErrorTable } from "./table.ts";

export const accountsErrors = {
  ACCOUNTS_EMAIL_TAKEN: { status: 409, message: "This e-mail address already has an account." },
  ACCOUNTS_ALREADY_REGISTERED: { status: 409, message: "This account already has an e-mail address and a password." },
  ACCOUNTS_CREDENTIALS_WRONG: { status: 401, message: "E-mail address or password is wrong." },
  ACCOUNTS_NOT_REGISTERED: { status: 409, message: "This account has no password yet: register it first." },
  ACCOUNTS_PASSWORD_COMMON: {
    status: 422,
    message: "This password is among the first that anybody tries. Choose another.",
  },
  ACCOUNTS_LINK_INVALID: { status: 410, message: "The link is unknown, used or expired. Ask for a new one." },
  ACCOUNTS_SESSION_UNKNOWN: { status: 404, message: "This account has no such session." },
  ACCOUNTS_TICKET_INVALID: { status: 401, message: "The ticket is unknown, spent, expired or for another room." },
  ACCOUNTS_BANNED: { status: 403, message: "This account may not play. The details say why, and until when." },
  ACCOUNTS_NOT_BANNED: { status: 409, message: "There is no ban of this account to lift." },
  ACCOUNTS_UNKNOWN: { status: 404, message: "There is no such account." },
} as const satisfies ErrorTable;
