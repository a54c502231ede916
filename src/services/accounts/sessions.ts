import { createHash } from "node:crypto";
import { DrizzlePostgreSQLAdapter } from "@lucia-auth/adapter-drizzle";
import { and, desc, eq, gt, inArray, lte, ne, type SQL } from "drizzle-orm";
import { type Adapter, Lucia, TimeSpan } from "lucia";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { SESSIONS_PER_ACCOUNT_MAX } from "../../../schema/protocol.ts";
import { accountSessions, accounts } from "../../../schema/tables/accounts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, DbOrTx, Tx } from "../../platform/database.ts";

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
}

export interface Sessions {
  /** Opens a session in place of `former`. Beyond SESSIONS_PER_ACCOUNT_MAX, the ones unused for longest give way. */
  open(tx: Tx, session: { accountId: AccountId; label: string; former: SessionId | null }): Promise<OpenedSession>;
  /** Whose session this is, or null. Using a session keeps it from expiring, up to its absolute end. */
  find(token: string): Promise<{ accountId: AccountId; sessionId: SessionId } | null>;
  /** The account behind a session that is alive, or null. Does not count as use. */
  bearerOf(sessionId: SessionId): Promise<{ accountId: AccountId; displayName: string } | null>;
  /** The account's live sessions, newest first. */
  list(accountId: AccountId): Promise<SessionView[]>;
  /** Ends one session of this account. False when it has no such session. */
  end(accountId: AccountId, sessionId: SessionId): Promise<boolean>;
  /** Ends all sessions of this account but one, and tells how many. */
  endOthers(accountId: AccountId, kept: SessionId): Promise<number>;
  /** Removes what has expired, and tells how many. */
  endExpired(): Promise<number>;
  /** Tells the listeners that these sessions have ended: after the commit, never before. */
  announceEnded(sessionIds: readonly SessionId[]): void;
  /** The same for a session that lives on under another handle, because its token was renewed. */
  announceReplaced(sessionId: SessionId, successor: SessionId): void;
  /** Calls `listener` for every session that this process ends, however it ends. */
  onEnded(listener: SessionListener): void;
}

/** `successor` is the session that the same caller goes on with, or null when there is none. */
export type SessionListener = (sessionId: SessionId, successor: SessionId | null) => void;

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

/**
 * Sessions: Lucia mints and judges the tokens, Postgres keeps their hashes, and this file is the only one that knows
 * Lucia. It wants two things translated. It would store tokens as they are; here only their handles reach the database.
 * And it reads the wall clock; here every time it sees is moved by as much as that clock is ahead of ours.
 */
export function createSessions({ db, clock, idleMs, absoluteMs }: SessionsParts): Sessions {
  const listeners = new Set<SessionListener>();
  const announce: SessionListener = (...ended) => {
    for (const listener of listeners) listener(...ended);
  };
  const announceEnded = (ended: readonly SessionId[]) => {
    for (const sessionId of ended) announce(sessionId, null);
  };
  const luciaOn = (where: DbOrTx) =>
    new Lucia(
      createAdapter(where, clock, (sessionId) => announceEnded([sessionId])),
      {
        sessionExpiresIn: new TimeSpan(idleMs, "ms"),
        getSessionAttributes: (attributes) => attributes,
      },
    );
  const lucia = luciaOn(db);
  const endWhere = async (...conditions: Conditions) => {
    const ended = await removeWhere(db, ...conditions);
    announceEnded(ended);
    return ended.length;
  };
  return {
    announceEnded,
    announceReplaced: announce,
    onEnded: (listener) => void listeners.add(listener),

    async open(tx, { accountId, label, former }) {
      // Two that open at once take turns, or together they could exceed the most.
      await tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, accountId)).for("update");
      const replaced = former === null ? [] : await removeWhere(tx, eq(accountSessions.id, former));
      const createdAt = clock.date();
      const expiresAt = new Date(createdAt.getTime() + Math.min(idleMs, absoluteMs));
      const absoluteExpiresAt = new Date(createdAt.getTime() + absoluteMs);
      const attributes = { absoluteExpiresAt, createdAt, lastSeenAt: createdAt, label: tidyLabel(label) };
      const { id: token } = await luciaOn(tx).createSession(accountId, attributes);
      const sessionId = handleOf(token);
      const displaced = await removeWhere(tx, inArray(accountSessions.id, beyondMost(tx, accountId, sessionId)));
      return { token, sessionId, expiresAt, absoluteExpiresAt, ended: [...replaced, ...displaced] };
    },

    async find(token) {
      if (!TOKEN.test(token)) return null;
      const { session } = await lucia.validateSession(token);
      if (session === null) return null;
      const sessionId = handleOf(token);
      const lastSeenAt = clock.date();
      if (session.lastSeenAt.getTime() + SEEN_EVERY_MS <= lastSeenAt.getTime()) {
        const expiresAt = new Date(Math.min(lastSeenAt.getTime() + idleMs, session.absoluteExpiresAt.getTime()));
        await db.update(accountSessions).set({ lastSeenAt, expiresAt }).where(eq(accountSessions.id, sessionId));
      }
      return { accountId: session.userId as AccountId, sessionId };
    },

    bearerOf: (sessionId) => readBearer(db, sessionId, clock.date()),
    list: (accountId) => readList(db, accountId, clock.date()),
    end: async (accountId, sessionId) =>
      (await endWhere(eq(accountSessions.userId, accountId), eq(accountSessions.id, sessionId))) > 0,
    endOthers: (accountId, kept) => endWhere(eq(accountSessions.userId, accountId), ne(accountSessions.id, kept)),
    endExpired: () => endWhere(lte(accountSessions.expiresAt, clock.date())),
  };
}

interface SessionAttributes {
  readonly absoluteExpiresAt: Date;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly label: string;
}

declare module "lucia" {
  interface Register {
    Lucia: Lucia<SessionAttributes>;
    DatabaseSessionAttributes: SessionAttributes;
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
      return [session && { ...session, id: token, expiresAt: wallTime(session.expiresAt) }, user];
    },
    async setSession(session) {
      const latestMs = session.attributes.absoluteExpiresAt.getTime();
      const expiresAt = new Date(Math.min(ourTime(session.expiresAt).getTime(), latestMs));
      await stored.setSession({ ...session, id: handleOf(session.id), expiresAt });
    },
    async deleteSession(token) {
      await stored.deleteSession(handleOf(token));
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
      await removeWhere(db, lte(accountSessions.expiresAt, clock.date()));
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

async function readBearer(db: Db, sessionId: SessionId, now: Date) {
  const [row] = await db
    .select({ accountId: accounts.id, displayName: accounts.displayName })
    .from(accountSessions)
    .innerJoin(accounts, eq(accounts.id, accountSessions.userId))
    .where(and(eq(accountSessions.id, sessionId), gt(accountSessions.expiresAt, now)));
  return row === undefined ? null : { ...row, accountId: row.accountId as AccountId };
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

/** At least one: a removal without any would be a removal of everything. */
type Conditions = [SQL, ...SQL[]];

async function removeWhere(db: DbOrTx, ...conditions: Conditions): Promise<SessionId[]> {
  const removed = await db
    .delete(accountSessions)
    .where(and(...conditions))
    .returning({ id: accountSessions.id });
  return removed.map(({ id }) => id as SessionId);
}

/** A user agent is whatever its sender likes: kept to what can be shown and is worth showing. */
function tidyLabel(label: string): string {
  return label
    .replace(/[^\x20-\x7e]/g, "")
    .trim()
    .slice(0, 100);
}
