import { setTimeout as pause } from "node:timers/promises";
import type { Db, Tx } from "./database.ts";
import { isConflict, isConnectionLost } from "./database-failures.ts";
import { cryptoRandom } from "./random.ts";

const TRIES_MAX = 3;
/** Before the second try, and four times as long before the third; each between half of it and all of it. */
const PAUSE_MS = 20;

interface RetryingOptions {
  /** The work finds out by a key of its own whether it was done before, so that it may be sent twice. */
  readonly isKeyed?: boolean;
}

/**
 * Does `work` in a transaction, up to three times: again when the server undid it in favour of another (40001, 40P01), and
 * when its connection was lost before COMMIT was sent. When the connection is lost behind COMMIT, nobody knows whether it
 * happened: then it fails, unless the work is keyed. `work` has to be nothing but SQL, since it may run three times.
 */
export async function retrying<T>(
  db: Db,
  work: (tx: Tx) => Promise<T>,
  { isKeyed = false }: RetryingOptions = {},
): Promise<T> {
  for (let tries = 1; ; tries++) {
    let isCommitSent = false;
    let running: Promise<unknown> = Promise.resolve();
    try {
      return await db.transaction(async (tx) => {
        const result = work(tx);
        running = result;
        const value = await result;
        isCommitSent = true;
        return value;
      });
    } catch (thrown) {
      // A lost connection is told at once, while the work still finds out. Two at a time would be one too many.
      await running.catch(() => {});
      const isUndone = isConflict(thrown) || (isConnectionLost(thrown) && (isKeyed || !isCommitSent));
      if (!isUndone || tries === TRIES_MAX) throw thrown;
      const longestMs = PAUSE_MS * 4 ** (tries - 1);
      await pause(longestMs / 2 + cryptoRandom.below(longestMs / 2 + 1));
    }
  }
}
