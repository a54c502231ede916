/**
 * One thing that a provider says of a payment. Of two claims about the same subject the later one holds, by the
 * provider's own time; at the same instant the more final one.
 */
export interface Claim {
  readonly value: "pending" | "failed" | "paid" | "none" | "refunded" | "open" | "won" | "lost";
  readonly atMs: number;
}

/**
 * All that a provider has said of a payment: a claim each about `payment` (pending, failed, paid), about `refund` (none,
 * refunded: taken back in full, voided or revoked) and about every `dispute:<id>` (open, won, lost).
 */
export type Truth = Readonly<Record<string, Claim>>;

const RANKS = { pending: 0, failed: 1, paid: 2, none: 0, refunded: 1, open: 1, won: 2, lost: 3 } as const;

/**
 * Both together. It does not matter which was known first, or how often either was told: merging is commutative,
 * associative and idempotent, so every order of a payment's events ends in the same truth.
 */
export function mergeTruth(known: Truth, told: Truth): Truth {
  const merged: Record<string, Claim> = { ...known };
  for (const [subject, claim] of Object.entries(told)) {
    const before = merged[subject];
    if (before === undefined || isLater(claim, before)) merged[subject] = claim;
  }
  return merged;
}

/**
 * Whether the player is to have what was paid for: paid, not refunded, and no dispute that is open or lost. While a
 * dispute is open the goods are withheld; a dispute that is won gives them back.
 */
export function isEntitled(truth: Truth): boolean {
  if (!isPaid(truth) || truth["refund"]?.value === "refunded") return false;
  return Object.entries(truth).every(
    ([subject, { value }]) => !subject.startsWith("dispute:") || (value !== "open" && value !== "lost"),
  );
}

function isPaid(truth: Truth): boolean {
  return truth["payment"]?.value === "paid";
}

/** What an order has come to, from the truths of its payments: usually one. */
export function orderState(truths: readonly Truth[]): "open" | "failed" | "delivered" | "withdrawn" {
  if (truths.some(isEntitled)) return "delivered";
  if (truths.some(isPaid)) return "withdrawn";
  return truths.some((truth) => truth["payment"]?.value === "failed") ? "failed" : "open";
}

function isLater(claim: Claim, before: Claim): boolean {
  if (claim.atMs !== before.atMs) return claim.atMs > before.atMs;
  return RANKS[claim.value] > RANKS[before.value];
}
