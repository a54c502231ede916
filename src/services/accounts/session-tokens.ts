import { hash } from "node:crypto";
import { DrizzlePostgreSQLAdapter } from "@lucia-auth/adapter-drizzle";
import { eq, lte } from "drizzle-orm";
import { type Adapter, Lucia, TimeSpan } from "lucia";
import type { SessionId } from "../../../schema/ids.ts";
import { accountSessions, accounts } from "../../../schema/tables/accounts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DbOrTx } from "../../platform/database.ts";
import type { Bearer } from "./known-sessions.ts";
import { removeSessions } from "./session-ends.ts";

interface TokensParts {
  readonly clock: Clock;
  readonly idleMs: number;
  /** Told of a session that was found to have expired. */
  readonly onExpired: (sessionId: SessionId) => void;
}

/** Lucia's tokens: 25 random bytes in base 32. Whatever looks different is not worth a query. */
export const TOKEN = /^[a-z2-7]{40}$/;

/**
 * Lucia mints and judges the tokens, Postgres keeps their hashes, and this file is the only one that knows Lucia. It wants
 * two things translated. It would store tokens as they are; here only their handles reach the database. And it reads the
 * wall clock; here every time it sees is moved by as much as that clock is ahead of ours.
 */
export function createTokens(where: DbOrTx, { clock, idleMs, onExpired }: TokensParts) {
  return new Lucia(createAdapter(where, clock, onExpired), {
    sessionExpiresIn: new TimeSpan(idleMs, "ms"),
    getSessionAttributes: (attributes: SessionAttributes) => attributes,
    getUserAttributes: (attributes: UserAttributes) => attributes,
  });
}

export type Tokens = ReturnType<typeof createTokens>;

/** The name under which a session is stored, listed and logged. It does not lead back to the token. */
export function handleOf(token: string): SessionId {
  return `ses_${hash("sha256", token, "base64url")}` as const;
}

interface SessionAttributes {
  /** When it ends if nobody uses it, by our clock. Lucia's own `expiresAt` goes by the wall clock, and slides. */
  readonly expiry: Date;
  readonly absoluteExpiresAt: Date;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly label: string;
}

type UserAttributes = Pick<Bearer, "displayName" | "kind">;

declare module "lucia" {
  interface Register {
    Lucia: Lucia<SessionAttributes, UserAttributes>;
    DatabaseSessionAttributes: SessionAttributes;
    DatabaseUserAttributes: UserAttributes;
  }
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
