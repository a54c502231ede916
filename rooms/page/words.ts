import type { ErrorCode } from "../../schema/errors/codes.ts";
import { ClientError } from "../../src/client/errors.ts";

/** Where the page knows better than the server what a refusal means to somebody who plays. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  IDEMPOTENCY_CONFLICT: "This was asked for in another way before. Try again.",
  INVENTORY_EXPIRED: "This item's time is over.",
  INVENTORY_FULL: "You cannot carry more of this.",
  INVENTORY_INSUFFICIENT: "You do not have all that this takes.",
  INVENTORY_ITEM_UNKNOWN: "This item is no longer yours.",
  PAYMENTS_OFFER_UNAVAILABLE: "This offer is over, or you have bought it as often as one may.",
  STORE_LIMIT_REACHED: "You have bought this as often as one may.",
  STORE_OFFER_UNKNOWN: "This offer is over.",
  STORE_PRICE_CHANGED: "The price has just changed. Nothing was bought: look at the offer again.",
  WALLET_INSUFFICIENT: "You do not have enough for this.",
};

/** A failure as a sentence or two for whoever sits in front of the page. */
export function textOf(thrown: unknown): string {
  if (!(thrown instanceof ClientError)) return "Something went wrong in this page. Reload it.";
  const { code, message, retryAfterSeconds } = thrown;
  const words = Object.hasOwn(WORDS, code) ? (WORDS[code as ErrorCode] ?? message) : message;
  return retryAfterSeconds === undefined ? words : `${words} Try again in ${Math.ceil(retryAfterSeconds)} s.`;
}

const numbers = new Intl.NumberFormat("en");

export function numberText(amount: number | bigint): string {
  return numbers.format(amount);
}

/** `amount` is in the money's smallest unit: 499 is €4.99. */
export function moneyText({ currency, amount }: { readonly currency: string; readonly amount: number }): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

export function countText(count: number, what: string): string {
  return `${numberText(count)} ${what}${count === 1 ? "" : what.endsWith("ch") ? "es" : "s"}`;
}

const UNITS = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
] as const;
const relative = new Intl.RelativeTimeFormat("en", { style: "narrow" });

/** By this machine's clock, in milliseconds since 1970. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

export function sinceText(when: string): string {
  const seconds = (nowMs() - Date.parse(when)) / 1000;
  const [size, unit] = UNITS.find(([length]) => seconds >= length) ?? [0, null];
  return unit === null ? "now" : relative.format(-Math.floor(seconds / size), unit);
}
