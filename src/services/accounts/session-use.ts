import { eq } from "drizzle-orm";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { accountSessions } from "../../../schema/tables/accounts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/database.ts";
import type { Bearer, KnownSessions } from "./known-sessions.ts";
import { isSeenLongAgo, readKnown } from "./session-rows.ts";
import { handleOf, TOKEN, type Tokens } from "./session-tokens.ts";

export interface SessionUse {
  /** Whose session this is, or null. Using a session keeps it from expiring, up to its absolute end. */
  find(token: string): Promise<{ accountId: AccountId; sessionId: SessionId } | null>;
  /** The account behind a session that is alive, or null. Does not count as use. */
  bearerOf(sessionId: SessionId): Promise<Bearer | null>;
}

interface SessionUseParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly idleMs: number;
  readonly known: KnownSessions;
  readonly tokens: Pick<Tokens, "validateSession">;
}

/** Whose a session is: by heart where that is safe, and from Postgres otherwise. */
export function createSessionUse({ db, clock, idleMs, known, tokens }: SessionUseParts): SessionUse {
  const knownAlive = (sessionId: SessionId) => {
    const session = known.get(sessionId);
    return session !== null && session.expiresMs > clock.now() ? session : null;
  };
  return {
    async find(token) {
      if (!TOKEN.test(token)) return null;
      const sessionId = handleOf(token);
      const alive = knownAlive(sessionId);
      if (alive !== null && !isSeenLongAgo(alive.lastSeenMs, clock.now())) {
        return { accountId: alive.accountId, sessionId };
      }
      const keep = known.beforeReading();
      const { session, user } = await tokens.validateSession(token);
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
  };
}
