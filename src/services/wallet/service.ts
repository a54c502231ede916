import type { Content } from "../../../schema/content.ts";
import type { AccountId, TransactionId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Db, databaseError, type Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { once } from "../../platform/idempotency.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { createHolds, type Holds } from "./holds.ts";
import { createPost, type Line, type Post } from "./movements.ts";
import { type Books, createBooks } from "./statement.ts";

/** What an operator corrects in a wallet. */
export interface Correction {
  readonly accountId: AccountId;
  readonly currency: string;
  /** What is given, or taken when it is negative. Not zero. */
  readonly delta: bigint;
  /** Why, in the operator's words; kept with the movement. */
  readonly reason: string;
  readonly operator: string;
  /** What it belongs to: 1 to 128 characters. */
  readonly reference: string;
}

export interface AdjustRequest extends Omit<Correction, "reference"> {
  readonly key: string;
}

export interface Wallet extends Books, Holds {
  readonly post: Post;
  /**
   * A correction: what is taken must be there, and no `max` holds for what is given. The same key makes one. Fails with
   * WALLET_INSUFFICIENT, WALLET_ACCOUNT_UNKNOWN, WALLET_CURRENCY_UNKNOWN, or WALLET_AMOUNT_INVALID for what is more than
   * a book can hold.
   */
  adjust(request: AdjustRequest): Promise<{ transactionId: TransactionId }>;
  /** The same within the caller's transaction, which has the key. */
  adjustWithin(tx: Tx, correction: Correction): Promise<{ transactionId: TransactionId }>;
}

export interface WalletParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly content: () => Content;
}

/** SQLSTATE of a number that is too large for its column. */
const OUT_OF_RANGE = "22003";

export function createWallet(parts: WalletParts): Wallet {
  const { db, clock, ids, log, content } = parts;
  const post = createPost(clock);
  const adjustWithin: Wallet["adjustWithin"] = async (tx, { accountId, currency, delta, reference, ...about }) => {
    checkCurrency(content(), currency);
    if (delta === 0n) throw new AppError("WALLET_AMOUNT_INVALID");
    const id = ids.mint("transaction");
    const line: Line =
      delta > 0n
        ? { from: "mint", to: "wallet", toAccount: accountId, currency, amount: delta }
        : { from: "wallet", fromAccount: accountId, to: "sink", currency, amount: -delta };
    await post(tx, { id, reason: "adjustment", reference, metadata: about, lines: [line] }).catch(refuseTooMuch);
    return { transactionId: id };
  };
  return {
    ...createBooks(db),
    ...createHolds({ ...parts, post }),
    post,
    adjustWithin,

    async adjust({ key, ...asked }) {
      const keyed = { scope: "operator", key, verb: "wallet.adjust", request: asked };
      const { transactionId } = await once({ db, clock }, keyed, (tx) =>
        adjustWithin(tx, { ...asked, reference: key }),
      );
      log.info({ ...asked, delta: asked.delta.toString(), transactionId }, "wallet.adjusted");
      return { transactionId };
    },
  };
}

/** A balance is a 64-bit number: what would go beyond it is no fault of the database. */
function refuseTooMuch(thrown: unknown): never {
  throw databaseError(thrown)?.code === OUT_OF_RANGE ? new AppError("WALLET_AMOUNT_INVALID") : thrown;
}

export function checkCurrency({ currencies }: Content, currency: string): void {
  if (!Object.hasOwn(currencies, currency)) throw new AppError("WALLET_CURRENCY_UNKNOWN", { currency });
}
