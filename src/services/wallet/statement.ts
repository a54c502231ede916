import { eq, sql } from "drizzle-orm";
import type { AccountId, TransactionId } from "../../../schema/ids.ts";
import { walletBalances, walletLines } from "../../../schema/tables/wallet.ts";
import type { Db } from "../../platform/database.ts";

/** What a player has of one currency, in its smallest unit. */
export interface Balance {
  readonly currency: string;
  readonly balance: bigint;
  /** Of the balance: set aside, and not to be spent. */
  readonly held: bigint;
  /** Left over from a clawback, and paid first by whatever comes in. */
  readonly owed: bigint;
}

/** One line of a statement. */
export interface StatementLine {
  /** Its place in the book: what the next page begins behind. */
  readonly seq: bigint;
  readonly transactionId: TransactionId;
  readonly book: "wallet" | "debt";
  readonly delta: bigint;
  readonly balanceAfter: bigint;
  readonly reason: string;
  readonly reference: string;
  readonly at: Date;
}

/** What can be read of the books. */
export interface Books {
  balances(accountId: AccountId): Promise<Balance[]>;
  /** Newest first, from behind the line `before`. `limit` is 1 to 100. */
  statement(
    accountId: AccountId,
    page: { currency: string; before?: bigint | undefined; limit: number },
  ): Promise<StatementLine[]>;
  /** Invariant I1: books that do not agree with their balances, the first 100. Empty, or somebody has to act. */
  discrepancies(): Promise<readonly { kind: string; subject: string; offBy: string }[]>;
}

export const STATEMENT_PAGE_MAX = 100;
const DISCREPANCIES_MAX = 100;

export function createBooks(db: Db): Books {
  return {
    async balances(accountId) {
      const { currency, balance, held, owed } = walletBalances;
      return db
        .select({ currency, balance, held, owed })
        .from(walletBalances)
        .where(eq(walletBalances.accountId, accountId))
        .orderBy(currency);
    },

    async statement(accountId, { currency, before, limit }) {
      const most = Math.min(limit, STATEMENT_PAGE_MAX);
      const place = sql`currency = ${currency} and (${before ?? null}::bigint is null or seq < ${before ?? null}::bigint)`;
      // Either side by its own index, and the newest of both.
      const rows = await db.execute<StatementRow>(sql`
        select * from (
          (select seq, movement_id, to_book as book, amount as delta, to_balance as balance, reason, reference, created_at
            from ${walletLines} where to_account_id = ${accountId} and ${place} order by seq desc limit ${most})
          union all
          (select seq, movement_id, from_book, -amount, from_balance, reason, reference, created_at
            from ${walletLines} where from_account_id = ${accountId} and ${place} order by seq desc limit ${most})
        ) as sides order by seq desc limit ${most}`);
      return rows.map(({ movement_id, balance, created_at, ...rest }) => ({
        ...rest,
        transactionId: movement_id as TransactionId,
        balanceAfter: balance,
        at: created_at,
      }));
    },

    async discrepancies() {
      const rows = await db.execute<{ kind: string; subject: string; off_by: string }>(
        sql`select kind, subject, off_by::text from umpire.wallet_discrepancies limit ${DISCREPANCIES_MAX}`,
      );
      return rows.map(({ kind, subject, off_by: offBy }) => ({ kind, subject, offBy }));
    },
  };
}

type StatementRow = {
  seq: bigint;
  movement_id: string;
  book: "wallet" | "debt";
  delta: bigint;
  balance: bigint;
  reason: string;
  reference: string;
  created_at: Date;
};
