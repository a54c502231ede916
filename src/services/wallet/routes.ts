import { z } from "zod";
import { contentKey } from "../../../schema/content.ts";
import { route } from "../../platform/http.ts";
import type { Wallet } from "./service.ts";
import { STATEMENT_PAGE_MAX } from "./statement.ts";

const limit = { count: 240, perSeconds: 60 };
const PAGE_DEFAULT = 20;
/** An amount in the currency's smallest unit, as decimal text: it may be larger than JavaScript counts exactly. */
const amount = z.string().regex(/^-?\d{1,19}$/);

const balanceList = z.object({
  balances: z.array(z.object({ currency: z.string(), balance: amount, held: amount, owed: amount })),
});
const statementQuery = z.strictObject({
  currency: contentKey,
  before: z
    .string()
    .regex(/^\d{1,18}$/)
    .transform(BigInt)
    .optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.number().min(1).max(STATEMENT_PAGE_MAX))
    .default(PAGE_DEFAULT),
});
const statement = z.object({
  lines: z.array(
    z.object({
      seq: amount,
      transactionId: z.string(),
      book: z.enum(["wallet", "debt"]),
      delta: amount,
      balanceAfter: amount,
      reason: z.string(),
      reference: z.string(),
      at: z.iso.datetime(),
    }),
  ),
});

export function walletRoutes(wallet: Wallet) {
  return [
    route({ method: "GET", path: "/api/wallet", role: "player", limit, reply: balanceList }, async ({ principal }) => {
      const balances = await wallet.balances(principal.accountId);
      return {
        balances: balances.map(({ currency, balance, held, owed }) => ({
          currency,
          balance: balance.toString(),
          held: held.toString(),
          owed: owed.toString(),
        })),
      };
    }),
    route(
      { method: "GET", path: "/api/wallet/statement", role: "player", limit, query: statementQuery, reply: statement },
      async ({ principal, query: page }) => {
        const lines = await wallet.statement(principal.accountId, page);
        return {
          lines: lines.map(({ seq, delta, balanceAfter, at, ...rest }) => ({
            ...rest,
            seq: seq.toString(),
            delta: delta.toString(),
            balanceAfter: balanceAfter.toString(),
            at: at.toISOString(),
          })),
        };
      },
    ),
  ];
}
