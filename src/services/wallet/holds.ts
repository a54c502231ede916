import { eq, sql } from "drizzle-orm";
import type { AccountId, HoldId } from "../../../schema/ids.ts";
import { walletHolds } from "../../../schema/tables/wallet.ts";
import type { Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { once } from "../../platform/idempotency.ts";
import type { Post } from "./movements.ts";
import { checkCurrency, type WalletParts } from "./service.ts";

export interface HoldRequest {
  /** 1 to 128 characters, minted by the caller: the same key gives the same hold. */
  readonly key: string;
  readonly accountId: AccountId;
  readonly currency: string;
  /** 1 or more. */
  readonly amount: bigint;
  readonly reason: string;
  readonly reference: string;
  /** 1 second to 30 days. */
  readonly seconds: number;
}

/** Money that is set aside for what is not certain yet. */
export interface Holds {
  /** Sets money aside until it is captured or released, or lapses. Fails with WALLET_INSUFFICIENT. */
  hold(request: HoldRequest): Promise<{ holdId: HoldId; expiresAt: Date }>;
  /** Takes what was set aside, to the book `store`. A second time does nothing. Fails with WALLET_HOLD_OVER. */
  capture(holdId: HoldId): Promise<void>;
  /** Gives back what was set aside. A second time does nothing. Fails with WALLET_HOLD_OVER when it was captured. */
  release(holdId: HoldId): Promise<void>;
  /** Releases up to 500 holds whose time is over; returns how many. */
  releaseLapsed(): Promise<number>;
}

const HOLD_SECONDS_MAX = 30 * 24 * 3600;
const LAPSED_AT_ONCE = 500;

export function createHolds({ db, clock, ids, log, content, post }: WalletParts & { readonly post: Post }): Holds {
  const end = async (tx: Tx, holdId: HoldId, becomes: "captured" | "released") => {
    const [row] = await tx.execute<HoldRow>(sql`
      select * from umpire.wallet_unhold(${holdId}, ${becomes}) where id is not null`);
    if (row === undefined) {
      const [hold] = await tx.select().from(walletHolds).where(eq(walletHolds.id, holdId));
      if (hold?.state !== becomes) throw new AppError("WALLET_HOLD_OVER");
      return;
    }
    if (becomes === "released") return;
    const { account_id: accountId, currency, amount, reason, reference } = row;
    await post(tx, {
      id: ids.mint("transaction"),
      reason,
      reference,
      metadata: { holdId },
      lines: [{ from: "wallet", fromAccount: accountId as AccountId, to: "store", currency, amount }],
    });
  };
  return {
    async hold({ key, seconds, ...asked }) {
      checkCurrency(content(), asked.currency);
      if (asked.amount <= 0n || !(seconds >= 1 && seconds <= HOLD_SECONDS_MAX))
        throw new AppError("WALLET_AMOUNT_INVALID");
      const { accountId, currency, amount, reason, reference } = asked;
      const keyed = { scope: accountId, key, verb: "wallet.hold", request: { ...asked, seconds } };
      const kept = await once({ db, clock }, keyed, async (tx) => {
        const holdId = ids.mint("hold");
        const expiresAt = new Date(clock.now() + seconds * 1000);
        await tx.execute(sql`select umpire.wallet_hold(${holdId}, ${accountId}, ${currency}, ${amount}, ${reason},
          ${reference}, ${expiresAt}, ${clock.date()})`);
        return { holdId, expiresAt: expiresAt.toISOString() };
      });
      return { holdId: kept.holdId as HoldId, expiresAt: new Date(kept.expiresAt) };
    },

    capture: (holdId) => db.transaction((tx) => end(tx, holdId, "captured")),
    release: (holdId) => db.transaction((tx) => end(tx, holdId, "released")),

    async releaseLapsed() {
      const lapsed = await db.execute(sql`
        select umpire.wallet_unhold(id, 'released') from (
          select id from ${walletHolds} where state = 'open' and expires_at <= ${clock.date()}
          order by account_id, currency, id limit ${LAPSED_AT_ONCE}
        ) as due`);
      if (lapsed.length > 0) log.info({ holds: lapsed.length }, "wallet.holds_lapsed");
      return lapsed.length;
    },
  };
}

type HoldRow = {
  account_id: string;
  currency: string;
  amount: bigint;
  reason: string;
  reference: string;
};
