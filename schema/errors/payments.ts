import type { ErrorTable } from "./table.ts";

export const paymentsErrors = {
  PAYMENTS_PROVIDER_UNKNOWN: { status: 404, message: "This server does not take payments that way." },
  PAYMENTS_OFFER_UNAVAILABLE: { status: 409, message: "This offer cannot be bought for money now." },
  PAYMENTS_WEBHOOK_REFUSED: { status: 400, message: "This message does not prove that it comes from the provider." },
  PAYMENTS_RECEIPT_REFUSED: { status: 409, message: "This receipt gives nothing here." },
  PAYMENTS_RECEIPT_TAKEN: { status: 409, message: "This purchase belongs to another account." },
  PAYMENTS_CONFIRMATION_REFUSED: { status: 400, message: "This confirmation was not made by this server." },
  PAYMENTS_DEAD_LETTER_UNKNOWN: { status: 404, message: "There is no such dead letter." },
  PAYMENTS_PROVIDER_UNREACHABLE: {
    status: 503,
    message: "The payment provider does not answer. Try again in a moment.",
  },
} as const satisfies ErrorTable;
