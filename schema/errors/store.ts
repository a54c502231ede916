import type { ErrorTable } from "./table.ts";

export const storeErrors = {
  STORE_OFFER_UNKNOWN: { status: 404, message: "There is no such offer, or not now." },
  STORE_OFFER_FOR_MONEY: { status: 400, message: "This offer is sold for money: begin a payment instead." },
  STORE_PRICE_CHANGED: { status: 409, message: "The price has changed. Look at the offer again." },
  STORE_QUOTE_INVALID: { status: 409, message: "The quote is over, or for something else. Ask for a new one." },
  STORE_LIMIT_REACHED: { status: 409, message: "You have bought this as often as it may be bought." },
} as const satisfies ErrorTable;
