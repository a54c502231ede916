import { eq, inArray, lte, ne } from "drizzle-orm";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { accountSessions, accounts } from "../../../schema/tables/accounts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { requireNotBanned } from "./bans.ts";
import { type Bearer, createKnownSessions, type KnownSessions } from "./known-sessions.ts";
import {
  type Conditions,
  type EndReason,
  parseSessionEnd,
  removeSessions,
  type SessionEnd,
  type SessionListener,
} from "./session-ends.ts";
import { beyondMost, markSeen, readList, type SessionView } from "./session-rows.ts";
import { createTokens, handleOf, type Tokens } from "./session-tokens.ts";
import { createSessionUse, type SessionUse } from "./session-use.ts";

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

export interface Sessions extends SessionUse {
  /**
   * Opens a session in place of `former`, whose sockets it takes over if it `renews` it. Beyond SESSIONS_PER_ACCOUNT_MAX,
   * the ones unused for longest give way. Fails with ACCOUNTS_BANNED, or UNAUTHENTICATED when the account is gone.
   */
  open(tx: Tx, session: NewSession): Promise<OpenedSession>;
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

/** Asked for in one query. */
const KEPT_AT_ONCE_MAX = 1000;

/** Who is signed in where: sessions begin and end here, and whoever listens hears of it. */
export function createSessions(parts: SessionsParts): Sessions {
  const { db, clock, idleMs } = parts;
  const known = createKnownSessions();
  const listeners = new Set<SessionListener>([known.end]);
  const announce: SessionListener = (...ended) => {
    for (const listener of listeners) listener(...ended);
  };
  const announceEnded = (ended: readonly SessionId[], reason: EndReason = "ended") => {
    for (const sessionId of ended) announce(sessionId, null, reason);
  };
  const tokensParts = { clock, idleMs, onExpired: (sessionId: SessionId) => announceEnded([sessionId]) };
  const tokens = createTokens(db, tokensParts);
  const endWhere = async (...conditions: Conditions) => {
    const ended = await removeSessions(db, {}, ...conditions);
    announceEnded(ended);
    return ended.length;
  };
  return {
    ...createSessionUse({ db, clock, idleMs, known, tokens }),
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

    open(tx, session) {
      const opening = { parts, tokens: createTokens(tx, tokensParts), keep: known.beforeReading() };
      return openSession(tx, session, opening);
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

interface Opening {
  readonly parts: SessionsParts;
  readonly tokens: Tokens;
  /** Keeps what it is given unless the session has ended by then. */
  readonly keep: ReturnType<KnownSessions["beforeReading"]>;
}

async function openSession(tx: Tx, session: NewSession, { parts, tokens, keep }: Opening): Promise<OpenedSession> {
  const { accountId, label, former, renews = false } = session;
  const { clock, idleMs, absoluteMs } = parts;
  // Two that open at once take turns, or together they could exceed the most. So does one that bans or deletes.
  const held = await tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, accountId)).for("update");
  if (held.length === 0) throw new AppError("UNAUTHENTICATED");
  const createdAt = clock.date();
  await requireNotBanned(tx, accountId, createdAt);
  const expiresAt = new Date(createdAt.getTime() + Math.min(idleMs, absoluteMs));
  const absoluteExpiresAt = new Date(createdAt.getTime() + absoluteMs);
  const attributes = {
    expiry: expiresAt,
    absoluteExpiresAt,
    createdAt,
    lastSeenAt: createdAt,
    label: tidyLabel(label),
  };
  const { id: token } = await tokens.createSession(accountId, attributes);
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
}

/** A user agent is whatever its sender likes: kept to what can be shown and is worth showing. */
function tidyLabel(label: string): string {
  return label
    .replace(/[^\x20-\x7e]/g, "")
    .trim()
    .slice(0, 100);
}
