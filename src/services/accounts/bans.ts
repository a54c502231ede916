import { and, desc, eq, gt, isNull, lt, or, sql } from "drizzle-orm";
import type { AccountId, BanId } from "../../../schema/ids.ts";
import { accountBans, accounts } from "../../../schema/tables/accounts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { Sessions } from "./sessions.ts";

export interface Ban {
  readonly id: BanId;
  readonly accountId: AccountId;
  /** For those who decide about bans; no player sees it. */
  readonly reason: string;
  /** What the player is told. */
  readonly sentence: string;
  readonly bannedAt: Date;
  /** Null for good. */
  readonly expiresAt: Date | null;
  readonly liftedAt: Date | null;
}

interface BanOrder {
  readonly accountId: AccountId;
  /** 1 to 1000 characters. */
  readonly reason: string;
  /** 1 to 200 characters. */
  readonly sentence: string;
  /** More than 0, in days of 24 hours; null for good. */
  readonly days: number | null;
}

/** Something that was done within another's transaction, and what has to be said once that has committed. */
export interface Undertaken<Result> {
  readonly result: Result;
  readonly announce: () => void;
}

export interface Bans {
  /**
   * Keeps the account out: every session of it ends, and none is opened while the ban lasts. It takes the place of a ban
   * that is in force. Fails with ACCOUNTS_UNKNOWN.
   */
  ban(order: BanOrder): Promise<Ban>;
  banWithin(tx: Tx, order: BanOrder): Promise<Undertaken<Ban>>;
  /** Lifts the ban in force and gives it, or null when there is none. Fails with ACCOUNTS_UNKNOWN. */
  unban(accountId: AccountId): Promise<Ban | null>;
  unbanWithin(tx: Tx, accountId: AccountId): Promise<Undertaken<Ban | null>>;
  /** Bans, newest first, from behind `before`: of one account or of all. `limit` is 1 to BANS_PAGE_MAX. */
  listBans(page: { accountId?: AccountId | undefined; before?: BanId | undefined; limit: number }): Promise<Ban[]>;
}

interface BansParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly sessions: Pick<Sessions, "removeAll" | "announceEnded">;
}

export const BANS_PAGE_MAX = 100;
const DAY_MS = 24 * 60 * 60_000;

export function createBans({ db, clock, ids, log, sessions }: BansParts): Bans {
  const banWithin: Bans["banWithin"] = async (tx, { accountId, days, ...words }) => {
    await holdAccount(tx, accountId);
    const bannedAt = clock.date();
    const expiresAt = days === null ? null : new Date(bannedAt.getTime() + days * DAY_MS);
    await lift(tx, accountId, bannedAt);
    const ban = { id: ids.mint("ban"), accountId, ...words, bannedAt, expiresAt, liftedAt: null };
    await tx.insert(accountBans).values(ban);
    const ended = await sessions.removeAll(tx, accountId, null, { reason: "banned" });
    const announce = () => {
      sessions.announceEnded(ended, "banned");
      log.info({ accountId, banId: ban.id, expiresAt, sessions: ended.length }, "accounts.banned");
    };
    return { result: ban, announce };
  };
  const unbanWithin: Bans["unbanWithin"] = async (tx, accountId) => {
    await holdAccount(tx, accountId);
    const now = clock.date();
    const lifted = await lift(tx, accountId, now);
    const ban = lifted !== null && isInForce(lifted, now) ? lifted : null;
    const announce = () => {
      if (ban !== null) log.info({ accountId, banId: ban.id }, "accounts.unbanned");
    };
    return { result: ban, announce };
  };
  return {
    banWithin,
    unbanWithin,
    ban: (order) => undertake(db, (tx) => banWithin(tx, order)),
    unban: (accountId) => undertake(db, (tx) => unbanWithin(tx, accountId)),

    async listBans({ accountId, before, limit }) {
      const rows = await db
        .select()
        .from(accountBans)
        .where(and(accountId && eq(accountBans.accountId, accountId), before && lt(accountBans.id, before)))
        .orderBy(desc(accountBans.id))
        .limit(Math.min(limit, BANS_PAGE_MAX));
      return rows.map(banFrom);
    },
  };
}

/** Does it in a transaction of its own. */
export async function undertake<Result>(db: Db, work: (tx: Tx) => Promise<Undertaken<Result>>): Promise<Result> {
  const { result, announce } = await db.transaction(work);
  announce();
  return result;
}

/**
 * Fails with ACCOUNTS_BANNED, which tells the player why and until when. The caller holds the account's row, so that a
 * ban that comes at the same moment waits, and then ends what the caller opened.
 */
export async function requireNotBanned(tx: Tx, accountId: AccountId, now: Date): Promise<void> {
  const { expiresAt, liftedAt } = accountBans;
  const [row] = await tx
    .select()
    .from(accountBans)
    .where(and(eq(accountBans.accountId, accountId), isNull(liftedAt), or(isNull(expiresAt), gt(expiresAt, now))));
  if (row === undefined) return;
  throw new AppError("ACCOUNTS_BANNED", { sentence: row.sentence, until: row.expiresAt?.toISOString() ?? null });
}

/** Bans and new sessions of one account take turns. */
async function holdAccount(tx: Tx, accountId: AccountId): Promise<void> {
  const held = await tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, accountId)).for("update");
  if (held.length === 0) throw new AppError("ACCOUNTS_UNKNOWN");
}

/** Closes the one ban that was never lifted, if there is one; it may have expired by itself. */
async function lift(tx: Tx, accountId: AccountId, now: Date): Promise<Ban | null> {
  // The clock of the process that banned may be ahead of this one's.
  const liftedAt = sql`greatest(${now.toISOString()}::timestamptz, ${accountBans.bannedAt})`;
  const [row] = await tx
    .update(accountBans)
    .set({ liftedAt })
    .where(and(eq(accountBans.accountId, accountId), isNull(accountBans.liftedAt)))
    .returning();
  return row === undefined ? null : banFrom(row);
}

function isInForce({ expiresAt }: Ban, now: Date): boolean {
  return expiresAt === null || expiresAt > now;
}

function banFrom(row: typeof accountBans.$inferSelect): Ban {
  return { ...row, id: row.id as BanId, accountId: row.accountId as AccountId };
}
