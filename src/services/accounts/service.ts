import { eq, inArray } from "drizzle-orm";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { accounts } from "../../../schema/tables/accounts.ts";
import type { Db } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { bearerToken, type Principal } from "../../platform/http.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { Mail } from "../../platform/mail.ts";
import type { Random } from "../../platform/random.ts";
import type { PersonalData } from "../personal-data/service.ts";
import { type Admit, createAdmissions } from "./admissions.ts";
import type { AttemptParts } from "./attempts.ts";
import { type Bans, createBans } from "./bans.ts";
import { createSessionCookie, type SessionHeaders } from "./cookie.ts";
import { accountFrom, removeExpiredLinks } from "./credentials.ts";
import { createDataRights, createErasure, type DataRights } from "./data-rights.ts";
import { createEntrance } from "./entrance.ts";
import { createLookup, type Lookup } from "./lookup.ts";
import { createNewPassword, type PasswordChange } from "./new-password.ts";
import type { Passwords } from "./passwords.ts";
import { createPurge } from "./purge.ts";
import { type Confirmation, createRegistration } from "./registration.ts";
import type { SessionListener } from "./session-ends.ts";
import type { SessionView } from "./session-rows.ts";
import { createSessions } from "./sessions.ts";
import { createSignIn } from "./sign-in.ts";
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

export interface Accounts extends Bans, DataRights, Lookup {
  /** A new account with a friendly name, signed in. `label` tells its sessions apart: the user agent. */
  createGuest(guest: { label: string; isLoadTest?: boolean }): Promise<SignedIn>;
  /**
   * Gives the caller's own account an e-mail address and a password. The account keeps its id and its sockets; the
   * session is replaced by a new one. Where registration is confirmed it gives null instead: a mail is on its way, and
   * `confirmRegistration` does the rest. Fails with ACCOUNTS_ALREADY_REGISTERED, ACCOUNTS_PASSWORD_COMMON, UNAVAILABLE;
   * when open with ACCOUNTS_EMAIL_TAKEN, when confirmed with RATE_LIMITED or MAIL_UNAVAILABLE.
   */
  register(principal: Principal, registration: Registration): Promise<SignedIn | null>;
  /**
   * Completes a registration by the mailed token and its password, and signs in. Fails with ACCOUNTS_LINK_INVALID,
   * ACCOUNTS_CREDENTIALS_WRONG, ACCOUNTS_EMAIL_TAKEN, ACCOUNTS_ALREADY_REGISTERED or UNAVAILABLE.
   */
  confirmRegistration(confirmation: Confirmation): Promise<SignedIn>;
  /** Ends `former`, the session the caller came with. Fails with ACCOUNTS_CREDENTIALS_WRONG, RATE_LIMITED or UNAVAILABLE. */
  signIn(attempt: SignInAttempt): Promise<SignInResult>;
  /**
   * Ends every other session of the account and renews this one. Fails with ACCOUNTS_CREDENTIALS_WRONG,
   * ACCOUNTS_PASSWORD_COMMON, ACCOUNTS_NOT_REGISTERED, RATE_LIMITED or UNAVAILABLE.
   */
  changePassword(principal: Principal, change: PasswordChange): Promise<SignedIn>;
  /** Mails a link to the address if it has an account, and tells nobody. Fails with RATE_LIMITED or MAIL_UNAVAILABLE. */
  requestPasswordReset(request: { email: string }): Promise<void>;
  /**
   * Sets a password by the mailed token, ends every session of the account and signs nobody in. Fails with
   * ACCOUNTS_LINK_INVALID, ACCOUNTS_PASSWORD_COMMON or UNAVAILABLE.
   */
  resetPassword(reset: { token: string; password: string }): Promise<void>;
  signOut(principal: Principal): Promise<void>;
  me(accountId: AccountId): Promise<Account>;
  /** What these accounts are called. One that does not exist any more has no entry. */
  displayNames(accountIds: readonly AccountId[]): Promise<ReadonlyMap<AccountId, string>>;
  /** The caller's live sessions, newest first, at most SESSIONS_PER_ACCOUNT_MAX. */
  listSessions(principal: Principal): Promise<(SessionView & { isCurrent: boolean })[]>;
  /** Ends one of the caller's sessions. Fails with ACCOUNTS_SESSION_UNKNOWN. */
  endSession(principal: Principal, sessionId: SessionId): Promise<void>;
  /** Ends all of the caller's sessions but this one, and tells how many. */
  endOtherSessions(principal: Principal): Promise<number>;
  /** Removes sessions that have expired unseen, and tells how many; mailed links, too. For a slow interval. */
  endExpiredSessions(): Promise<number>;
  /** Removes guests that nobody uses any more and what a load tester has left behind, and tells how many. Likewise. */
  purgeUnused(): Promise<number>;
  /** Counts the sockets of these sessions as use, and announces those that are over. Likewise, and after a gap in hearing. */
  keepSessions(sessionIds: readonly SessionId[]): Promise<void>;
  /** Takes a notification on SESSIONS_ENDED: another process has ended a session. */
  hearSessionEnded(notification: string): void;
  /**
   * Notifications are heard from now on, after whatever went unheard before. For as long as `isHearing` says so, no end of
   * a session is missed, and Postgres is not asked again about one that is known to be alive.
   */
  hearSessionsWhile(isHearing: () => boolean): void;
  /** Who asks: by `Authorization: Bearer`, and only without that header by cookie. Null for nobody. */
  principalOf(headers: SessionHeaders): Promise<Principal | null>;
  /** A ticket for one seat in a room of this name, good for TICKET_TTL_MS. */
  issueTicket(principal: Principal, request: { room: string }): Promise<string>;
  /** Who asks for a seat, by ticket or session. */
  readonly admit: Admit;
  /** Where tickets are checked, and spent by the seats that they take. */
  readonly tickets: Pick<Tickets, "check" | "spend" | "giveBack">;
  /** Calls `listener` for every session that has ended, at least once: this process's own, and what it hears of. */
  onSessionEnded(listener: SessionListener): void;
}

/** Sign-in's answer. `device` tells this device from strangers when it signs in to the same address again. */
export interface SignInResult extends SignedIn {
  readonly device: string;
}

export interface Registration {
  readonly email: string;
  /** 8 to 256 characters, taken exactly as given. */
  readonly password: string;
  readonly displayName?: string | undefined;
  readonly label: string;
}

export interface SignInAttempt {
  readonly email: string;
  readonly password: string;
  /** What an earlier sign-in gave this device. */
  readonly device?: string | undefined;
  readonly label: string;
  readonly former: SessionId | null;
}

export interface AccountsParts extends AttemptParts {
  readonly db: Db;
  readonly ids: Ids;
  readonly random: Random;
  readonly log: Log;
  readonly secret: string;
  readonly passwords: Passwords;
  readonly sessionIdleDays: number;
  readonly sessionAbsoluteDays: number;
  readonly guestPurgeDays: number;
  readonly personalData: PersonalData;
  readonly isProduction: boolean;
  readonly mail: Mail;
  /** What links in mail begin with. */
  readonly publicUrl: string;
  /** `open` registers at once and tells when an address is taken; `confirmed` waits for a mailed link and never tells. */
  readonly registration: "open" | "confirmed";
}

const DAY_MS = 24 * 60 * 60_000;

export function createAccounts(parts: AccountsParts): Accounts {
  const { db, clock, random, log } = parts;
  const idleMs = parts.sessionIdleDays * DAY_MS;
  const absoluteMs = parts.sessionAbsoluteDays * DAY_MS;
  const sessions = createSessions({ db, clock, idleMs, absoluteMs });
  const tickets = createTickets({ clock, random, secret: parts.secret, sessions });
  const cookie = createSessionCookie(parts);
  const principalOf: Accounts["principalOf"] = async (headers) => {
    const { authorization } = headers;
    const via = authorization === undefined ? "cookie" : "bearer";
    const token = authorization === undefined ? cookie.read(headers) : bearerToken(authorization);
    const found = token === null ? null : await sessions.find(token);
    return found && { ...found, via };
  };
  const ways = { ...parts, sessions, enter: createEntrance({ db, sessions }) };
  return {
    ...createSignIn(ways),
    ...createRegistration(ways),
    ...createNewPassword(ways),
    ...createBans(ways),
    ...createDataRights(ways),
    ...createLookup(ways),
    purgeUnused: createPurge({ ...ways, erase: createErasure(ways) }),
    tickets,
    onSessionEnded: sessions.onEnded,
    async endExpiredSessions() {
      await removeExpiredLinks(db, clock.date());
      return sessions.endExpired();
    },
    keepSessions: sessions.keep,
    hearSessionEnded: sessions.hear,
    hearSessionsWhile: sessions.listenedBy,

    async signOut({ accountId, sessionId }) {
      await sessions.end(accountId, sessionId);
      log.debug({ accountId, sessionId }, "accounts.signed_out");
    },

    async me(accountId) {
      const [row] = await db.select().from(accounts).where(eq(accounts.id, accountId));
      if (row === undefined) throw new AppError("UNAUTHENTICATED");
      return accountFrom(row);
    },

    async displayNames(accountIds) {
      if (accountIds.length === 0) return new Map();
      const { id, displayName } = accounts;
      const rows = await db
        .select({ id, displayName })
        .from(accounts)
        .where(inArray(id, [...accountIds]));
      return new Map(rows.map((row) => [row.id as AccountId, row.displayName]));
    },

    async listSessions({ accountId, sessionId }) {
      const list = await sessions.list(accountId);
      return list.map((session) => ({ ...session, isCurrent: session.sessionId === sessionId }));
    },

    async endSession({ accountId }, sessionId) {
      if (!(await sessions.end(accountId, sessionId))) throw new AppError("ACCOUNTS_SESSION_UNKNOWN");
    },
    endOtherSessions: ({ accountId, sessionId }) => sessions.endOthers(accountId, sessionId),

    principalOf,
    admit: createAdmissions({ sessions, tickets, principalOf }),
    issueTicket: async ({ accountId, sessionId }, { room }) => tickets.issue({ accountId, sessionId, room }),
  };
}
