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

/** Who the player is. Every call may also fail with NETWORK, PROTOCOL, RATE_LIMITED, UNAVAILABLE or INTERNAL. */
export interface AccountsClient {
  /** The account of the session there is, or else a new guest. Calls at the same time share one guest. */
  ensureGuest(): Promise<Account>;
  /** A new guest in a new session, whatever there was before. */
  guest(): Promise<Account>;
  /**
   * Gives the present account, or a new one, an e-mail address and a password; the account keeps its id and progress.
   * The session is replaced, so a match under way ends with SIGNED_OUT.
   * Fails with ACCOUNTS_EMAIL_TAKEN, ACCOUNTS_ALREADY_REGISTERED or REQUEST_INVALID.
   */
  register(registration: Credentials & { readonly displayName?: string }): Promise<Account>;
  /** Fails with ACCOUNTS_CREDENTIALS_WRONG. */
  signIn(credentials: Credentials): Promise<Account>;
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
}

interface AccountsParts {
  readonly http: Http;
  readonly session: SessionCarrier;
  readonly token: SessionToken;
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
  readonly expiresAt: string;
}

export function createAccounts({ http, session, token }: AccountsParts): AccountsClient {
  const signIn = async (path: string, body: object): Promise<Account> => {
    const signedIn = await http.call<SignedIn>({ method: "POST", path, body: { ...body, session } });
    if (signedIn.token !== null) token.set(signedIn.token);
    return signedIn.account;
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
    signIn: (credentials) => signIn("/api/accounts/sign-in", credentials),
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
  };
}

/** For `catch`: another way when the failure has this code; any other failure goes on. */
function ifCode<T>(code: ClientError["code"], otherwise: () => T): (thrown: unknown) => T {
  return (thrown) => {
    if (thrown instanceof ClientError && thrown.code === code) return otherwise();
    throw thrown;
  };
}
