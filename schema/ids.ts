/** Kinds of id and their prefixes. Every prefix is distinct; a secret never shares one with its harmless handle. */
export const idPrefixes = {
  account: "acc",
  /** Handle of a session, safe to list and log. The secret is the session token, which has no prefix here. */
  session: "ses",
  ban: "ban",
  match: "mat",
  /** One movement of money. */
  transaction: "txn",
  hold: "hld",
  purchase: "pur",
  /** A thing of its own: a sword with a history. */
  item: "itm",
  /** One opening of a loot table. */
  roll: "rol",
  /** Both halves of what one player gave another. */
  transfer: "trf",
  operator: "opr",
  order: "ord",
  /** One payment, as we call it. */
  payment: "pay",
  error: "err",
} as const;

export type IdKind = keyof typeof idPrefixes;

/** A branded id: `acc_…` for an account. Sorts by the time it was minted. */
export type Id<K extends IdKind> = `${(typeof idPrefixes)[K]}_${string}` & { readonly "~id"?: K };

export type AccountId = Id<"account">;
export type SessionId = Id<"session">;
export type BanId = Id<"ban">;
export type MatchId = Id<"match">;
export type TransactionId = Id<"transaction">;
export type HoldId = Id<"hold">;
export type PurchaseId = Id<"purchase">;
export type ItemId = Id<"item">;
export type RollId = Id<"roll">;
export type OperatorId = Id<"operator">;
export type OrderId = Id<"order">;
