import { and, type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import type { SessionId } from "../../../schema/ids.ts";
import { accountSessions } from "../../../schema/tables/accounts.ts";
import type { DbOrTx } from "../../platform/database.ts";

/** What a session's sockets are told. */
export type EndReason = "ended" | "banned";

export interface SessionEnd {
  /** The session that the same caller goes on with, and its sockets; null when there is none. */
  readonly successor?: SessionId | null;
  readonly reason?: EndReason;
}

/** Hears that a session has ended. To hear it twice must change nothing. */
export type SessionListener = (sessionId: SessionId, successor: SessionId | null, reason: EndReason) => void;

/** The channel on which Postgres tells every process of the sessions that ended, as the transaction that did it commits. */
export const SESSIONS_ENDED = "umpire_sessions_ended";

/** At least one: a removal without any would be a removal of everything. */
export type Conditions = [SQL, ...SQL[]];

/** The one way in which sessions end. Every process hears of it as soon as it is committed, and never if it is not. */
export async function removeSessions(
  db: DbOrTx,
  { successor = null, reason = "ended" }: SessionEnd,
  ...conditions: Conditions
): Promise<SessionId[]> {
  const gone = db.$with("gone").as(
    db
      .delete(accountSessions)
      .where(and(...conditions))
      .returning({ id: accountSessions.id }),
  );
  const words = sql`json_build_array(${gone.id}, ${successor}::text, ${reason}::text)::text`;
  const removed = await db
    .with(gone)
    .select({ id: gone.id, told: sql`pg_notify(${SESSIONS_ENDED}, ${words})`.as("told") })
    .from(gone);
  return removed.map(({ id }) => id as SessionId);
}

const sessionId = z.templateLiteral(["ses_", z.string()]);
const notification = z.tuple([sessionId, sessionId.nullable(), z.enum(["ended", "banned"])]);

/** What `removeSessions` told the channel, as a listener takes it. */
export function parseSessionEnd(text: string): Parameters<SessionListener> {
  return notification.parse(JSON.parse(text));
}
