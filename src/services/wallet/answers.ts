import { z } from "zod";
import { contentKey } from "../../../schema/content.ts";
import { pageLimit, placeInList } from "../../platform/paging.ts";
import { type Balance, STATEMENT_PAGE_MAX, type StatementLine } from "./statement.ts";

/** An amount in the currency's smallest unit, as decimal text: it may be larger than JavaScript counts exactly. */
const amount = z.string().regex(/^-?\d{1,19}$/);

/** Which lines of a statement, as its query says it. */
export const statementPage = {
  currency: contentKey,
  before: placeInList.optional(),
  limit: pageLimit(STATEMENT_PAGE_MAX),
};

export const balanceList = z.object({
  balances: z.array(z.object({ currency: z.string(), balance: amount, held: amount, owed: amount })),
});

export const lineList = z.object({
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

export function balancesAnswer(balances: readonly Balance[]): z.infer<typeof balanceList> {
  return {
    balances: balances.map(({ currency, balance, held, owed }) => ({
      currency,
      balance: balance.toString(),
      held: held.toString(),
      owed: owed.toString(),
    })),
  };
}

export function linesAnswer(lines: readonly StatementLine[]): z.infer<typeof lineList> {
  return {
    lines: lines.map(({ seq, delta, balanceAfter, at, ...rest }) => ({
      ...rest,
      seq: seq.toString(),
      delta: delta.toString(),
      balanceAfter: balanceAfter.toString(),
      at: at.toISOString(),
    })),
  };
}
