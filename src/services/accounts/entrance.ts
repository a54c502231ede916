import type { SessionId } from "../../../schema/ids.ts";
import type { Db, Tx } from "../../platform/database.ts";
import type { Account, SignedIn } from "./service.ts";
import type { OpenedSession, Sessions } from "./sessions.ts";

interface Entry {
  readonly account: Account;
  readonly opened: OpenedSession;
  /** Sessions whose sockets go on under the new one. */
  readonly renewed?: readonly SessionId[];
}

/** One transaction that ends in a new session. Whoever listens hears what ended once it is committed. */
export type Enter = (work: (tx: Tx) => Promise<Entry>) => Promise<SignedIn>;

export function createEntrance({ db, sessions }: { db: Db; sessions: Sessions }): Enter {
  return async (work) => {
    const { account, opened, renewed = [] } = await db.transaction(work);
    sessions.announceEnded(opened.ended.filter((sessionId) => !renewed.includes(sessionId)));
    for (const sessionId of renewed) sessions.announceReplaced(sessionId, opened.sessionId);
    opened.remember(account);
    const { token, expiresAt, absoluteExpiresAt } = opened;
    return { token, account, expiresAt, absoluteExpiresAt };
  };
}
