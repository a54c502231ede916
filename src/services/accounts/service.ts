import { eq } from "drizzle-orm";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { accountCredentials, accounts } from "../../../schema/tables/accounts.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Db, isUniqueViolation, type Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import type { Principal } from "../../platform/http.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { createRateLimit } from "../../platform/rate-limit.ts";
import { createSessionCookie } from "./cookie.ts";
import { guestName } from "./names.ts";
import { createPasswords, type Passwords } from "./passwords.ts";
import {
  createSessions,
  type OpenedSession,
  type SessionListener,
  type Sessions,
  type SessionView,
} from "./sessions.ts";
import { createTickets, type Tickets } from "./tickets.ts";

export interface Account {
  readonly id: AccountId;
  readonly displayName: string;
  /** A guest has no other way in than its session; a registered account has an e-mail address and a password. */
  readonly kind: "guest" | "registered";
  readonly createdAt: Date;
}

/** Somebody has signed in. The token is the secret that proves it, and this is the only time it is shown. */
export interface SignedIn {
  readonly token: string;
  readonly account: Account;
  /** When the session ends if it is not used; using it moves this on. */
  readonly expiresAt: Date;
  /** When it ends whatever happens. */
  readonly absoluteExpiresAt: Date;
}

export interface Accounts {
  /** A new account with a friendly name, signed in. `label` tells its sessions apart: the user agent. */
  createGuest(guest: { label: string }): Promise<SignedIn>;
  /**
   * Gives the caller's own account an e-mail address and a password. The account keeps its id and its sockets; the
   * session is replaced by a new one. Fails with ACCOUNTS_ALREADY_REGISTERED, ACCOUNTS_EMAIL_TAKEN or UNAVAILABLE.
   */
  register(principal: Principal, registration: Registration): Promise<SignedIn>;
  /** Ends `former`, the session the caller came with. Fails with ACCOUNTS_CREDENTIALS_WRONG, RATE_LIMITED or UNAVAILABLE. */
  signIn(attempt: SignInAttempt): Promise<SignedIn>;
  signOut(principal: Principal): Promise<void>;
  me(accountId: AccountId): Promise<Account>;
  /** The caller's live sessions, newest first, at most SESSIONS_PER_ACCOUNT_MAX. */
  listSessions(principal: Principal): Promise<(SessionView & { isCurrent: boolean })[]>;
  /** Ends one of the caller's sessions. Fails with ACCOUNTS_SESSION_UNKNOWN. */
  endSession(principal: Principal, sessionId: SessionId): Promise<void>;
  /** Ends all of the caller's sessions but this one, and tells how many. */
  endOtherSessions(principal: Principal): Promise<number>;
  /** Removes sessions that have expired unseen, and tells how many. For a slow interval. */
  endExpiredSessions(): Promise<number>;
  /** Who asks: by `Authorization: Bearer`, and only without that header by cookie. Null for nobody. */
  principalOf(headers: Headers): Promise<Principal | null>;
  /** A ticket for one seat in a room of this name, good for TICKET_TTL_MS. */
  issueTicket(principal: Principal, request: { room: string }): Promise<string>;
  /** Where rooms check and spend tickets. */
  readonly tickets: Pick<Tickets, "check" | "spend">;
  /** Calls `listener` for every session that this process ends, after it has ended. */
  onSessionEnded(listener: SessionListener): void;
}

interface Registration {
  readonly email: string;
  /** 8 to 256 characters, taken exactly as given. */
  readonly password: string;
  readonly displayName?: string | undefined;
  readonly label: string;
}

interface SignInAttempt {
  readonly email: string;
  readonly password: string;
  readonly label: string;
  readonly former: SessionId | null;
}

export interface AccountsParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly log: Log;
  readonly secret: string;
  readonly sessionIdleDays: number;
  readonly sessionAbsoluteDays: number;
  readonly isProduction: boolean;
}

const DAY_MS = 24 * 60 * 60_000;
/** For one e-mail address, whether anybody has it or not. Who is signed in already never meets this limit. */
const SIGN_IN_LIMIT = { count: 30, perSeconds: 600 };

export function createAccounts(parts: AccountsParts): Accounts {
  const { db, clock, random, log } = parts;
  const idleMs = parts.sessionIdleDays * DAY_MS;
  const absoluteMs = parts.sessionAbsoluteDays * DAY_MS;
  const sessions = createSessions({ db, clock, idleMs, absoluteMs });
  const passwords = createPasswords({ random });
  const tickets = createTickets({ clock, random, secret: parts.secret, sessions });
  const cookie = createSessionCookie(parts);
  return {
    ...signingIn({ ...parts, sessions, passwords }),
    tickets,
    onSessionEnded: sessions.onEnded,
    endExpiredSessions: sessions.endExpired,

    async signOut({ accountId, sessionId }) {
      await sessions.end(accountId, sessionId);
      log.debug({ accountId, sessionId }, "accounts.signed_out");
    },

    async me(accountId) {
      const [row] = await db.select().from(accounts).where(eq(accounts.id, accountId));
      if (row === undefined) throw new AppError("UNAUTHENTICATED");
      return accountFrom(row);
    },

    async listSessions({ accountId, sessionId }) {
      const list = await sessions.list(accountId);
      return list.map((session) => ({ ...session, isCurrent: session.sessionId === sessionId }));
    },

    async endSession({ accountId }, sessionId) {
      if (!(await sessions.end(accountId, sessionId))) throw new AppError("ACCOUNTS_SESSION_UNKNOWN");
    },
    endOtherSessions: ({ accountId, sessionId }) => sessions.endOthers(accountId, sessionId),

    async principalOf(headers) {
      const authorization = headers.get("authorization");
      const via = authorization === null ? "cookie" : "bearer";
      const token = authorization === null ? cookie.read(headers) : bearerToken(authorization);
      const found = token === null ? null : await sessions.find(token);
      return found && { ...found, via };
    },

    issueTicket: ({ accountId, sessionId }, { room }) => tickets.issue({ accountId, sessionId, room }),
  };
}

type SigningIn = Pick<Accounts, "createGuest" | "register" | "signIn">;

/** The three ways to a new session. Each is one transaction, and what ended in it is announced once it is committed. */
function signingIn(parts: AccountsParts & { sessions: Sessions; passwords: Passwords }): SigningIn {
  const { db, clock, ids, random, log, sessions, passwords } = parts;
  const attempts = createRateLimit();
  const signedIn = async (
    work: (tx: Tx) => Promise<{ account: Account; opened: OpenedSession }>,
    renewed: SessionId | null = null,
  ): Promise<SignedIn> => {
    const { account, opened } = await db.transaction(work);
    sessions.announceEnded(opened.ended.filter((sessionId) => sessionId !== renewed));
    if (renewed !== null) sessions.announceReplaced(renewed, opened.sessionId);
    const { token, expiresAt, absoluteExpiresAt } = opened;
    return { token, account, expiresAt, absoluteExpiresAt };
  };
  return {
    createGuest: ({ label }) =>
      signedIn(async (tx) => {
        const guest = { displayName: guestName(random), kind: "guest", createdAt: clock.date() } as const;
        const account = { id: ids.mint("account"), ...guest };
        await tx.insert(accounts).values(account);
        return { account, opened: await sessions.open(tx, { accountId: account.id, label, former: null }) };
      }),

    async register({ accountId, sessionId }, { email, password, displayName, label }) {
      const passwordHash = await passwords.hash(password);
      const result = await signedIn(async (tx) => {
        const opened = await sessions.open(tx, { accountId, label, former: sessionId });
        // Signed out while the password was being hashed: then it is no longer this caller's to decide.
        if (!opened.ended.includes(sessionId)) throw new AppError("UNAUTHENTICATED");
        await insertCredentials(tx, { accountId, email: email.toLowerCase(), passwordHash, now: clock.date() });
        const changes = { kind: "registered" as const, ...(displayName !== undefined && { displayName }) };
        const [row] = await tx.update(accounts).set(changes).where(eq(accounts.id, accountId)).returning();
        invariant(row !== undefined, "a session's account exists");
        return { account: accountFrom(row), opened };
      }, sessionId);
      log.info({ accountId }, "accounts.registered");
      return result;
    },

    async signIn({ email, password, label, former }) {
      await attempts.take("accounts.sign_in", SIGN_IN_LIMIT, email.toLowerCase());
      const found = await findCredentials(db, email.toLowerCase());
      const verdict = await passwords.check(found?.passwordHash ?? null, password);
      if (found === null || verdict === "wrong") throw new AppError("ACCOUNTS_CREDENTIALS_WRONG");
      const { account, passwordHash } = found;
      if (verdict === "outdated") {
        const fresh = { passwordHash: await passwords.hash(password), updatedAt: clock.date() };
        await db.update(accountCredentials).set(fresh).where(eq(accountCredentials.passwordHash, passwordHash));
      }
      const result = await signedIn(async (tx) => ({
        account,
        opened: await sessions.open(tx, { accountId: account.id, label, former }),
      }));
      log.debug({ accountId: account.id }, "accounts.signed_in");
      return result;
    },
  };
}

/** What is unique is left to the database: of two that come at once, one is told. */
async function insertCredentials(
  tx: Tx,
  { now, ...credentials }: { accountId: AccountId; email: string; passwordHash: string; now: Date },
): Promise<void> {
  try {
    await tx.insert(accountCredentials).values({ ...credentials, createdAt: now, updatedAt: now });
  } catch (thrown) {
    if (isUniqueViolation(thrown, "account_credentials_pkey")) throw new AppError("ACCOUNTS_ALREADY_REGISTERED");
    if (isUniqueViolation(thrown, "account_credentials_email")) throw new AppError("ACCOUNTS_EMAIL_TAKEN");
    throw thrown;
  }
}

async function findCredentials(db: Db, email: string): Promise<{ account: Account; passwordHash: string } | null> {
  const [row] = await db
    .select({ account: accounts, passwordHash: accountCredentials.passwordHash })
    .from(accountCredentials)
    .innerJoin(accounts, eq(accounts.id, accountCredentials.accountId))
    .where(eq(accountCredentials.email, email));
  return row === undefined ? null : { account: accountFrom(row.account), passwordHash: row.passwordHash };
}

function accountFrom(row: typeof accounts.$inferSelect): Account {
  return { ...row, id: row.id as AccountId };
}

function bearerToken(authorization: string): string | null {
  return /^Bearer ([^\s]+)$/i.exec(authorization)?.[1] ?? null;
}
