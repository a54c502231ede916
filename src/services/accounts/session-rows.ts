import { and, desc, eq, gt, inArray, ne, sql } from "drizzle-orm";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { SESSIONS_PER_ACCOUNT_MAX } from "../../../schema/protocol.ts";
import { accountSessions, accounts } from "../../../schema/tables/accounts.ts";
import type { Db, Tx } from "../../platform/database.ts";
import type { KnownSession } from "./known-sessions.ts";

/** A row of an account's list of sessions. */
export interface SessionView {
  readonly sessionId: SessionId;
  readonly label: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

/** Use is written down this often, so that a busy session does not mean a write for each request. */
const SEEN_EVERY_MS = 10 * 60_000;

/** The sessions for which there is no room any more beside `newest`: those unused for longest. */
export function beyondMost(tx: Tx, accountId: AccountId, newest: SessionId) {
  const { id, userId, expiresAt, createdAt } = accountSessions;
  return tx
    .select({ id })
    .from(accountSessions)
    .where(and(eq(userId, accountId), ne(id, newest)))
    .orderBy(desc(expiresAt), desc(createdAt), desc(id))
    .offset(SESSIONS_PER_ACCOUNT_MAX - 1);
}

export async function readKnown(db: Db, sessionId: SessionId, now: Date): Promise<KnownSession | null> {
  const { id, userId, lastSeenAt, expiresAt } = accountSessions;
  const { displayName, kind } = accounts;
  const [row] = await db
    .select({ accountId: userId, displayName, kind, lastSeenAt, expiresAt })
    .from(accountSessions)
    .innerJoin(accounts, eq(accounts.id, userId))
    .where(and(eq(id, sessionId), gt(expiresAt, now)));
  if (row === undefined) return null;
  const [lastSeenMs, expiresMs] = [row.lastSeenAt.getTime(), row.expiresAt.getTime()];
  return { accountId: row.accountId as AccountId, displayName: row.displayName, kind: row.kind, lastSeenMs, expiresMs };
}

export function isSeenLongAgo(lastSeenMs: number, nowMs: number): boolean {
  return lastSeenMs + SEEN_EVERY_MS <= nowMs;
}

export async function readList(db: Db, accountId: AccountId, now: Date): Promise<SessionView[]> {
  const { id, userId, label, createdAt, lastSeenAt, expiresAt } = accountSessions;
  const rows = await db
    .select({ sessionId: id, label, createdAt, lastSeenAt, expiresAt })
    .from(accountSessions)
    .where(and(eq(userId, accountId), gt(expiresAt, now)))
    .orderBy(desc(createdAt), desc(id))
    .limit(SESSIONS_PER_ACCOUNT_MAX);
  return rows.map((row) => ({ ...row, sessionId: row.sessionId as SessionId }));
}

/** Those of these sessions that are alive. Each that was not seen for a while counts as seen now. */
export async function markSeen(
  db: Db,
  sessionIds: readonly SessionId[],
  { now, idleMs }: { now: Date; idleMs: number },
): Promise<Set<SessionId>> {
  const { id, expiresAt, absoluteExpiresAt, lastSeenAt } = accountSessions;
  const rows = await db
    .select({ id, lastSeenAt })
    .from(accountSessions)
    .where(and(inArray(id, [...sessionIds]), gt(expiresAt, now)));
  const stale = rows.filter((row) => isSeenLongAgo(row.lastSeenAt.getTime(), now.getTime()));
  if (stale.length > 0) {
    const latest = new Date(now.getTime() + idleMs).toISOString();
    await db
      .update(accountSessions)
      .set({ lastSeenAt: now, expiresAt: sql`least(${latest}::timestamptz, ${absoluteExpiresAt})` })
      .where(
        inArray(
          id,
          stale.map((row) => row.id),
        ),
      );
  }
  return new Set(rows.map((row) => row.id as SessionId));
}
