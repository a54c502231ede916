/** Kinds of id and their prefixes. Every prefix is distinct; a secret never shares one with its harmless handle. */
export const idPrefixes = {
  account: "acc",
  /** Handle of a session, safe to list and log. The secret is the session token, which has no prefix here. */
  session: "ses",
  ban: "ban",
  match: "mat",
  error: "err",
} as const;

export type IdKind = keyof typeof idPrefixes;

/** A branded id: `acc_…` for an account. Sorts by the time it was minted. */
export type Id<K extends IdKind> = `${(typeof idPrefixes)[K]}_${string}` & { readonly "~id"?: K };

export type AccountId = Id<"account">;
export type SessionId = Id<"session">;
export type BanId = Id<"ban">;
export type MatchId = Id<"match">;
