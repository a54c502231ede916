import { createHash } from "node:crypto";
import { DrizzlePostgreSQLAdapter } from "@lucia-auth/adapter-drizzle";
import { and, desc, eq, gt, inArray, lte, ne, sql } from "drizzle-orm";
import { type Adapter, Lucia, TimeSpan } from "lucia";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { SESSIONS_PER_ACCOUNT_MAX } from "../../../schema/protocol.ts";
import { accountSessions, accounts } from "../../../schema/tables/accounts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, DbOrTx, Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { requireNotBanned } from "./bans.ts";
import { createKnownSessions, type KnownSession } from "./known-sessions.ts";
import {
  type Conditions,
  type EndReason,
  parseSessionEnd,
  removeSessions,
  type SessionEnd,
  type SessionListener,
} from "./session-ends.ts";

/** A row of an account's list of sessions. */
export interface SessionView {
  readonly sessionId: SessionId;
  readonly label: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

export interface OpenedSession {
  /** The secret: 200 bits, known to its bearer and to nobody else. */
  readonly token: string;
  readonly sessionId: SessionId;
  readonly expiresAt: Date;
  readonly absoluteExpiresAt: Date;
  /** Sessions that gave way, to be announced once the transaction is committed. */
  readonly ended: readonly SessionId[];
  /** Called once the transaction is committed, so that the first use of the session need not ask Postgres. */
  remember(account: Pick<Bearer, "displayName" | "kind">): void;
}

type Bearer = Pick<KnownSession, "accountId" | "displayName" | "kind">;

export interface Sessions {
  /**
   * Opens a session in place of `former`, whose sockets it takes over if it `renews` it. Beyond SESSIONS_PER_ACCOUNT_MAX,
   * the ones unused for longest give way. Fails with ACCOUNTS_BANNED, or UNAUTHENTICATED when the account is gone.
   */
  open(tx: Tx, session: NewSession): Promise<OpenedSession>;
  /** Whose session this is, or null. Using a session keeps it from expiring, up to its absolute end. */
  find(token: string): Promise<{ accountId: AccountId; sessionId: SessionId } | null>;
  /** The account behind a session that is alive, or null. Does not count as use. */
  bearerOf(sessionId: SessionId): Promise<Bearer | null>;
  /** The account's live sessions, newest first. */
  list(accountId: AccountId): Promise<SessionView[]>;
  /** Ends one session of this account. False when it has no such session. */
  end(accountId: AccountId, sessionId: SessionId): Promise<boolean>;
  /** Ends all sessions of this account but one, and tells how many. */
  endOthers(accountId: AccountId, kept: SessionId): Promise<number>;
  /**
   * Ends all sessions of this account, but `kept`, and gives them: to be announced once the transaction is committed.
   * With `successor` their sockets go on under that one.
   */
  removeAll(tx: Tx, accountId: AccountId, kept?: SessionId | null, end?: SessionEnd): Promise<SessionId[]>;
  /** Removes what has expired, and tells how many. */
  endExpired(): Promise<number>;
  /**
   * Counts a socket as use of its session, and announces those of these sessions that are over: it makes up for what
   * went unheard.
   */
  keep(sessionIds: readonly SessionId[]): Promise<void>;
  /** Takes what another process said on SESSIONS_ENDED. */
  hear(notification: string): void;
  /** Hearing has begun, also anew: while `isHearing` says so, sessions that this process knows are not asked for. */
  listenedBy(isHearing: () => boolean): void;
  /** Tells the listeners of this process that these sessions have ended: after the commit, never before. */
  announceEnded(sessionIds: readonly SessionId[], reason?: EndReason): void;
  /** The same for a session that lives on under another handle, because its token was renewed. */
  announceReplaced(sessionId: SessionId, successor: SessionId): void;
  /** Calls `listener` for every session that ends, once or more often, however it ends and by whichever process. */
  onEnded(listener: SessionListener): void;
}

interface NewSession {
  readonly accountId: AccountId;
  readonly label: string;
  readonly former: SessionId | null;
  readonly renews?: boolean;
}

interface SessionsParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly idleMs: number;
  readonly absoluteMs: number;
}

/** Lucia's tokens: 25 random bytes in base 32. Whatever looks different is not worth a query. */
const TOKEN = /^[a-z2-7]{40}$/;
/** Use is written down this often, so that a busy session does not mean a write for each request. */
const SEEN_EVERY_MS = 10 * 60_000;
/** Asked for in one query. */
const KEPT_AT_ONCE_MAX = 1000;

/**
 * Sessions: Lucia mints and judges the tokens, Postgres keeps their hashes, and this file is the only one that knows
 * Lucia. It wants two things translated. It would store tokens as they are; here only their handles reach the database.
 * And it reads the wall clock; here every time it sees is moved by as much as that clock is ahead of ours.
 */
export function createSessions({ db, clock, idleMs, absoluteMs }: SessionsParts): Sessions {
  const known = createKnownSessions();
  const listeners = new Set<SessionListener>([known.end]);
  const announce: SessionListener = (...ended) => {
    for (const listener of listeners) listener(...ended);
  };
  const knownAlive = (sessionId: SessionId) => {
    const session = known.get(sessionId);
    return session !== null && session.expiresMs > clock.now() ? session : null;
  };
  const announceEnded = (ended: readonly SessionId[], reason: EndReason = "ended") => {
    for (const sessionId of ended) announce(sessionId, null, reason);
  };
  const luciaOn = (where: DbOrTx) =>
    new Lucia(
      createAdapter(where, clock, (sessionId) => announceEnded([sessionId])),
      {
        sessionExpiresIn: new TimeSpan(idleMs, "ms"),
        getSessionAttributes: (attributes) => attributes,
        getUserAttributes: (attributes) => attributes,
      },
    );
  const lucia = luciaOn(db);
  const endWhere = async (...conditions: Conditions) => {
    const ended = await removeSessions(db, {}, ...conditions);
    announceEnded(ended);
    return ended.length;
  };
  return {
    announceEnded,
    announceReplaced: (sessionId, successor) => announce(sessionId, successor, "ended"),
    listenedBy: known.listenedBy,
    onEnded: (listener) => void listeners.add(listener),

    hear(notification) {
      try {
        announce(...parseSessionEnd(notification));
      } catch (thrown) {
        // What nobody understands may have been the end of any session.
        known.forgetAll();
        throw thrown;
      }
    },

    async open(tx, { accountId, label, former, renews = false }) {
      const keep = known.beforeReading();
      // Two that open at once take turns, or together they could exceed the most. So does one that bans or deletes.
      const held = await tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, accountId)).for("update");
      if (held.length === 0) throw new AppError("UNAUTHENTICATED");
      const createdAt = clock.date();
      await requireNotBanned(tx, accountId, createdAt);
      const expiresAt = new Date(createdAt.getTime() + Math.min(idleMs, absoluteMs));
      const absoluteExpiresAt = new Date(createdAt.getTime() + absoluteMs);
      const attributes = { expiry: expiresAt, absoluteExpiresAt, createdAt, lastSeenAt: createdAt, label: tidyLabel(label) };
      const { id: token } = await luciaOn(tx).createSession(accountId, attributes);
      const sessionId = handleOf(token);
      const successor = renews ? sessionId : null;
      const replaced = former === null ? [] : await removeSessions(tx, { successor }, eq(accountSessions.id, former));
      const displaced = await removeSessions(tx, {}, inArray(accountSessions.id, beyondMost(tx, accountId, sessionId)));
      const [lastSeenMs, expiresMs] = [createdAt.getTime(), expiresAt.getTime()];
      return {
        token,
        sessionId,
        expiresAt,
        absoluteExpiresAt,
        ended: [...replaced, ...displaced],
        remember: ({ displayName, kind }) => keep(sessionId, { accountId, displayName, kind, lastSeenMs, expiresMs }),
      };
    },

    async find(token) {
      if (!TOKEN.test(token)) return null;
      const sessionId = handleOf(token);
      const alive = knownAlive(sessionId);
      if (alive !== null && !isSeenLongAgo(alive.lastSeenMs, clock.now())) {
        return { accountId: alive.accountId, sessionId };
      }
      const keep = known.beforeReading();
      const { session, user } = await lucia.validateSession(token);
      if (session === null) return null;
      const accountId = session.userId as AccountId;
      let { lastSeenAt, expiry } = session;
      if (isSeenLongAgo(lastSeenAt.getTime(), clock.now())) {
        lastSeenAt = clock.date();
        expiry = new Date(Math.min(lastSeenAt.getTime() + idleMs, session.absoluteExpiresAt.getTime()));
        const used = { lastSeenAt, expiresAt: expiry };
        await db.update(accountSessions).set(used).where(eq(accountSessions.id, sessionId));
      }
      const { displayName, kind } = user;
      const [lastSeenMs, expiresMs] = [lastSeenAt.getTime(), expiry.getTime()];
      keep(sessionId, { accountId, displayName, kind, lastSeenMs, expiresMs });
      return { accountId, sessionId };
    },

    async bearerOf(sessionId) {
      const alive = knownAlive(sessionId);
      if (alive !== null) return alive;
      const keep = known.beforeReading();
      const read = await readKnown(db, sessionId, clock.date());
      if (read !== null) keep(sessionId, read);
      return read;
    },
    list: (accountId) => readList(db, accountId, clock.date()),
    end: async (accountId, sessionId) =>
      (await endWhere(eq(accountSessions.userId, accountId), eq(accountSessions.id, sessionId))) > 0,
    endOthers: (accountId, kept) => endWhere(eq(accountSessions.userId, accountId), ne(accountSessions.id, kept)),
    removeAll: (tx, accountId, kept = null, end = {}) =>
      removeSessions(
        tx,
        end,
        eq(accountSessions.userId, accountId),
        ...(kept === null ? [] : [ne(accountSessions.id, kept)]),
      ),
    endExpired: () => endWhere(lte(accountSessions.expiresAt, clock.date())),

    async keep(sessionIds) {
      for (let from = 0; from < sessionIds.length; from += KEPT_AT_ONCE_MAX) {
        const some = sessionIds.slice(from, from + KEPT_AT_ONCE_MAX);
        const alive = await markSeen(db, some, { now: clock.date(), idleMs });
        announceEnded(some.filter((sessionId) => !alive.has(sessionId)));
      }
    },
  };
}

interface SessionAttributes {
  /** When it ends if nobody uses it, by our clock. Lucia's own `expiresAt` goes by the wall clock, and slides. */
  readonly expiry: Date;
  readonly absoluteExpiresAt: Date;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly label: string;
}

declare module "lucia" {
  interface Register {
    Lucia: Lucia<SessionAttributes>;
    DatabaseSessionAttributes: SessionAttributes;
    DatabaseUserAttributes: Pick<Bearer, "displayName" | "kind">;
  }
}

/** The name under which a session is stored, listed and logged. It does not lead back to the token. */
function handleOf(token: string): SessionId {
  return `ses_${createHash("sha256").update(token).digest("base64url")}` as const;
}

/** What Lucia sees are tokens and wall-clock time; what the database sees are handles and our time. */
function createAdapter(db: DbOrTx, clock: Clock, onExpired: (sessionId: SessionId) => void): Adapter {
  const stored = new DrizzlePostgreSQLAdapter(db, accountSessions, accounts);
  const wallTime = (ours: Date) => new Date(ours.getTime() + clock.wallAheadMs());
  const ourTime = (wall: Date) => new Date(wall.getTime() - clock.wallAheadMs());
  return {
    async getSessionAndUser(token) {
      const [session, user] = await stored.getSessionAndUser(handleOf(token));
      if (session === null) return [null, user];
      const { expiresAt } = session;
      const attributes = { ...session.attributes, expiry: expiresAt };
      return [{ ...session, id: token, expiresAt: wallTime(expiresAt), attributes }, user];
    },
    async setSession(session) {
      const latestMs = session.attributes.absoluteExpiresAt.getTime();
      const expiresAt = new Date(Math.min(ourTime(session.expiresAt).getTime(), latestMs));
      await stored.setSession({ ...session, id: handleOf(session.id), expiresAt });
    },
    async deleteSession(token) {
      await removeSessions(db, {}, eq(accountSessions.id, handleOf(token)));
      onExpired(handleOf(token));
    },
    // Lucia would extend a session only in the second half of its life, and past its absolute end; `find` does it instead.
    updateSessionExpiration: async () => {},
    async getUserSessions(userId) {
      const sessions = await stored.getUserSessions(userId);
      return sessions.map((session) => ({ ...session, expiresAt: wallTime(session.expiresAt) }));
    },
    deleteUserSessions: (userId) => stored.deleteUserSessions(userId),
    async deleteExpiredSessions() {
      await removeSessions(db, {}, lte(accountSessions.expiresAt, clock.date()));
    },
  };
}

/** The sessions for which there is no room any more beside `newest`: those unused for longest. */
function beyondMost(tx: Tx, accountId: AccountId, newest: SessionId) {
  const { id, userId, expiresAt, createdAt } = accountSessions;
  return tx
    .select({ id })
    .from(accountSessions)
    .where(and(eq(userId, accountId), ne(id, newest)))
    .orderBy(desc(expiresAt), desc(createdAt), desc(id))
    .offset(SESSIONS_PER_ACCOUNT_MAX - 1);
}

async function readKnown(db: Db, sessionId: SessionId, now: Date): Promise<KnownSession | null> {
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

function isSeenLongAgo(lastSeenMs: number, nowMs: number): boolean {
  return lastSeenMs + SEEN_EVERY_MS <= nowMs;
}

async function readList(db: Db, accountId: AccountId, now: Date): Promise<SessionView[]> {
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
async function markSeen(
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

/** A user agent is whatever its sender likes: kept to what can be shown and is worth showing. */
function tidyLabel(label: string): string {
  return label
    .replace(/[^\x20-\x7e]/g, "")
    .trim()
    .slice(0, 100);
}
