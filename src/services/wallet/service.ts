import type { Content } from "../../../schema/content.ts";
import type { AccountId, TransactionId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { once } from "../../platform/idempotency.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { createHolds, type Holds } from "./holds.ts";
import { createPost, type Line, type Post } from "./movements.ts";
import { type Books, createBooks } from "./statement.ts";

export interface AdjustRequest {
  readonly key: string;
  readonly accountId: AccountId;
  readonly currency: string;
  /** What is given, or taken when it is negative. Not zero. */
  readonly delta: bigint;
  /** Why, in the operator's words; kept with the movement. */
  readonly reason: string;
  readonly operator: string;
}

export interface Wallet extends Books, Holds {
  readonly post: Post;
  /** An operator's correction. What is taken must be there. */
  adjust(request: AdjustRequest): Promise<{ transactionId: TransactionId }>;
}

export interface WalletParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly content: () => Content;
}

export function createWallet(parts: WalletParts): Wallet {
  const { db, clock, ids, log, content } = parts;
  const post = createPost(clock);
  return {
    ...createBooks(db),
    ...createHolds({ ...parts, post }),
    post,

    async adjust({ key, ...asked }) {
      checkCurrency(content(), asked.currency);
      if (asked.delta === 0n) throw new AppError("WALLET_AMOUNT_INVALID");
      const { accountId, currency, delta, reason, operator } = asked;
      const keyed = { scope: "operator", key, verb: "wallet.adjust", request: asked };
      const kept = await once({ db, clock }, keyed, async (tx) => {
        const id = ids.mint("transaction");
        const metadata = { reason, operator };
        const line: Line =
          delta > 0n
            ? { from: "mint", to: "wallet", toAccount: accountId, currency, amount: delta }
            : { from: "wallet", fromAccount: accountId, to: "sink", currency, amount: -delta };
        await post(tx, { id, reason: "adjustment", reference: key, metadata, lines: [line] });
        return { transactionId: id };
      });
      log.info({ ...asked, delta: delta.toString(), transactionId: kept.transactionId }, "wallet.adjusted");
      return { transactionId: kept.transactionId as TransactionId };
    },
  };
}

export function checkCurrency({ currencies }: Content, currency: string): void {
  if (!Object.hasOwn(currencies, currency)) throw new AppError("WALLET_CURRENCY_UNKNOWN", { currency });
}
