import type { AccountId, SessionId } from "../../schema/ids.ts";
import { ClientError } from "./errors.ts";
import type { Http } from "./http.ts";

/** How a session is carried: by an HttpOnly cookie, for pages, or as a token that the program keeps itself. */
export type SessionCarrier = "cookie" | "token";

export interface Account {
  readonly id: AccountId;
  readonly displayName: string;
  /** A guest has no other way in than its session; a registered account has an e-mail address and a password. */
  readonly kind: "guest" | "registered";
  /** ISO 8601, UTC, like every time in this file. */
  readonly createdAt: string;
}

export interface SessionInfo {
  readonly sessionId: SessionId;
  /** The user agent that opened it. */
  readonly label: string;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
  readonly isCurrent: boolean;
}

export interface Credentials {
  readonly email: string;
  /** 8 to 256 characters, taken exactly as given. */
  readonly password: string;
}

/** A password with the token of a mailed link: what stands behind `=` in the page's fragment. */
export interface LinkedPassword {
  readonly token: string;
  readonly password: string;
}

/** All that the server stores about an account: rows by the name of their table, values by the name of their column. */
export type AccountData = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

/** Who the player is. Every call may also fail with NETWORK, PROTOCOL, RATE_LIMITED, UNAVAILABLE or INTERNAL. */
export interface AccountsClient {
  /** The account of the session there is, or else a new guest. Calls at the same time share one guest. */
  ensureGuest(): Promise<Account>;
  /** A new guest in a new session, whatever there was before. */
  guest(): Promise<Account>;
  /**
   * Gives the present account, or a new one, an e-mail address and a password; the account keeps its id, its progress and
   * its matches under way. Where the server confirms registrations, the account that comes back is still a guest: a mail
   * is on its way, with a link to the page and `#registration=<token>` in it, and `confirmRegistration` completes it.
   * Fails with ACCOUNTS_PASSWORD_COMMON, ACCOUNTS_ALREADY_REGISTERED, REQUEST_INVALID, or MAIL_UNAVAILABLE; where the
   * server does not confirm, with ACCOUNTS_EMAIL_TAKEN.
   */
  register(registration: Credentials & { readonly displayName?: string }): Promise<Account>;
  /**
   * Completes a registration with the mailed token and the password that was chosen, in any browser, and signs in. The
   * guest's session ends elsewhere. Fails with ACCOUNTS_LINK_INVALID (used, expired, replaced by a newer one),
   * ACCOUNTS_CREDENTIALS_WRONG, ACCOUNTS_EMAIL_TAKEN or ACCOUNTS_ALREADY_REGISTERED.
   */
  confirmRegistration(confirmation: LinkedPassword): Promise<Account>;
  /**
   * Fails with ACCOUNTS_CREDENTIALS_WRONG, or with ACCOUNTS_BANNED: then `details.sentence` says why, and `details.until`
   * when the ban ends, null for never.
   */
  signIn(credentials: Credentials): Promise<Account>;
  /**
   * Ends every other session of the account with its sockets; this one and its matches go on.
   * Fails with ACCOUNTS_CREDENTIALS_WRONG, ACCOUNTS_PASSWORD_COMMON, or ACCOUNTS_NOT_REGISTERED for a guest.
   */
  changePassword(change: { readonly currentPassword: string; readonly password: string }): Promise<Account>;
  /**
   * Mails a link to the page, with `#password-reset=<token>` in it, if the address has an account. The answer is the
   * same if it has none. Fails with MAIL_UNAVAILABLE where the server sends no mail.
   */
  requestPasswordReset(email: string): Promise<void>;
  /**
   * Sets a password with the mailed token, which works once, for 15 minutes. Every session of the account ends, and
   * nobody is signed in: call `signIn` next. Fails with ACCOUNTS_LINK_INVALID or ACCOUNTS_PASSWORD_COMMON.
   */
  resetPassword(reset: LinkedPassword): Promise<void>;
  /** Ends this session, here and on the server. Being signed out already is no failure. */
  signOut(): Promise<void>;
  /** Fails with UNAUTHENTICATED when nobody is signed in. */
  me(): Promise<Account>;
  /** The account's live sessions, newest first. */
  sessions(): Promise<readonly SessionInfo[]>;
  /** Fails with ACCOUNTS_SESSION_UNKNOWN. */
  endSession(sessionId: SessionId): Promise<void>;
  /** Ends all sessions but this one, with their sockets, and says how many. */
  endOtherSessions(): Promise<number>;
  /** All that is stored about the account, for its owner to keep. Meant to be asked for a few times an hour. */
  exportData(): Promise<AccountData>;
  /**
   * Deletes the account for ever, with its progress and every session and socket; the others keep the matches they
   * played with it. A registered account needs its password. Fails with ACCOUNTS_CREDENTIALS_WRONG or UNAUTHENTICATED.
   */
  deleteAccount(proof?: { readonly password?: string }): Promise<void>;
}

interface AccountsParts {
  readonly http: Http;
  readonly session: SessionCarrier;
  readonly token: SessionToken;
  /** What tells the server that this device has signed in before; without it, an attack on the address may hold it up. */
  readonly device: SessionToken;
}

/** The session token of this client, kept in its storage. With a cookie session it is always null. */
export interface SessionToken {
  get(): string | null;
  set(token: string): void;
  forget(): void;
}

interface SignedIn {
  readonly token: string | null;
  readonly account: Account;
  /** Null while a registration waits for its mailed link. */
  readonly expiresAt: string | null;
  readonly device?: string;
}

export function createAccounts({ http, session, token, device }: AccountsParts): AccountsClient {
  const signIn = async (path: string, body: object): Promise<Account> => {
    const signedIn = await http.call<SignedIn>({ method: "POST", path, body: { ...body, session } });
    if (signedIn.token !== null) token.set(signedIn.token);
    if (signedIn.device !== undefined) device.set(signedIn.device);
    return signedIn.account;
  };
  const post = async (path: string, body: object): Promise<void> => {
    await http.call<object>({ method: "POST", path, body });
  };
  const guest = () => signIn("/api/accounts/guest", {});
  const me = () => http.call<Account>({ method: "GET", path: "/api/accounts/me" });
  const meOrGuest = async (): Promise<Account> => {
    if (session === "token" && token.get() === null) return guest();
    return me().catch(ifCode("UNAUTHENTICATED", guest));
  };
  let ensuring: Promise<Account> | undefined;
  const ensureGuest = () => {
    ensuring ??= meOrGuest().finally(() => {
      ensuring = undefined;
    });
    return ensuring;
  };
  return {
    ensureGuest,
    guest,
    me,
    async register(registration) {
      await ensureGuest();
      return signIn("/api/accounts/register", registration);
    },
    confirmRegistration: (confirmation) => signIn("/api/accounts/register/confirm", confirmation),
    signIn(credentials) {
      const known = device.get();
      return signIn("/api/accounts/sign-in", known === null ? credentials : { ...credentials, device: known });
    },
    changePassword: (change) => signIn("/api/accounts/password", change),
    requestPasswordReset: (email) => post("/api/accounts/password/reset", { email }),
    resetPassword: (reset) => post("/api/accounts/password/reset/confirm", reset),
    async signOut() {
      const leave = http.call<object>({ method: "POST", path: "/api/accounts/sign-out" });
      await leave.catch(ifCode("UNAUTHENTICATED", () => ({})));
      token.forget();
    },
    async sessions() {
      const path = "/api/accounts/sessions";
      return (await http.call<{ sessions: SessionInfo[] }>({ method: "GET", path })).sessions;
    },
    async endSession(sessionId) {
      const path = `/api/accounts/sessions?sessionId=${encodeURIComponent(sessionId)}`;
      await http.call<{ ended: number }>({ method: "DELETE", path });
    },
    async endOtherSessions() {
      return (await http.call<{ ended: number }>({ method: "DELETE", path: "/api/accounts/sessions" })).ended;
    },
    exportData: () => exportData(http),
    async deleteAccount(proof = {}) {
      await http.call<object>({ method: "DELETE", path: "/api/accounts/me", body: proof });
      token.forget();
    },
  };
}

interface ExportPage {
  readonly tables: AccountData;
  readonly next: string | null;
}

async function exportData(http: Http): Promise<AccountData> {
  const tables: Record<string, AccountData[string]> = {};
  let from = "";
  for (;;) {
    const page = await http.call<ExportPage>({ method: "GET", path: `/api/accounts/me/export${from}` });
    // A table that did not fit on one page goes on on the next.
    for (const [table, rows] of Object.entries(page.tables)) tables[table] = [...(tables[table] ?? []), ...rows];
    if (page.next === null) return tables;
    from = `?from=${encodeURIComponent(page.next)}`;
  }
}

/** For `catch`: another way when the failure has this code; any other failure goes on. */
function ifCode<T>(code: ClientError["code"], otherwise: () => T): (thrown: unknown) => T {
  return (thrown) => {
    if (thrown instanceof ClientError && thrown.code === code) return otherwise();
    throw thrown;
  };
}
