import { sql } from "drizzle-orm";
import type { AccountId, TransactionId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import { refusing, type Tx } from "../../platform/database.ts";
import { toJson } from "../../platform/json.ts";

/** The house's books: where money comes from, where it goes, and where it is lost. */
export type HouseBook = "mint" | "store" | "sink" | "overflow";

interface Amount {
  readonly currency: string;
  /** 1 or more. */
  readonly amount: bigint;
}

/** Into a player's wallet. */
export interface Income extends Amount {
  readonly from: HouseBook;
  readonly to: "wallet";
  readonly toAccount: AccountId;
  /** What would go beyond it goes to `overflow`. */
  readonly max?: bigint | undefined;
}

/** Out of a player's wallet. */
export interface Expense extends Amount {
  readonly from: "wallet";
  readonly fromAccount: AccountId;
  readonly to: HouseBook;
  /** What is not there becomes debt: for clawbacks only. */
  readonly mayOwe?: boolean;
}

/** From one player to another. */
export interface Payment extends Amount {
  readonly from: "wallet";
  readonly fromAccount: AccountId;
  readonly to: "wallet";
  readonly toAccount: AccountId;
  readonly max?: bigint | undefined;
}

/** An amount on its way from one book to another. */
export type Line = Income | Expense | Payment;

/** A movement of money, whole or not at all. */
export interface Movement {
  readonly id: TransactionId;
  /** One word: `match`, `purchase`, `craft`, `adjustment`, `clawback`. */
  readonly reason: string;
  /** What it belongs to: 1 to 128 characters. */
  readonly reference: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly lines: readonly Line[];
}

/** Moves money within the caller's transaction. Fails with WALLET_INSUFFICIENT or WALLET_ACCOUNT_UNKNOWN. */
export type Post = (tx: Tx, movement: Movement) => Promise<void>;

export function createPost(clock: Clock): Post {
  return async (tx, { id, reason, reference, metadata, lines }) => {
    const about = metadata === undefined ? null : JSON.stringify(metadata);
    await refusing(
      tx.execute(sql`select umpire.wallet_post(${id}, ${reason}, ${reference}, ${about}::jsonb, ${clock.date()},
        ${toJson(lines)}::jsonb)`),
    );
  };
}
