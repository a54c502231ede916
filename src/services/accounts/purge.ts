import { and, eq, gt, lte, notExists, or } from "drizzle-orm";
import type { AccountId } from "../../../schema/ids.ts";
import { accountSessions, accounts } from "../../../schema/tables/accounts.ts";
import { inBatches } from "../../platform/batches.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import type { Log } from "../../platform/log.ts";
import type { EraseAccounts } from "./data-rights.ts";
import type { Sessions } from "./sessions.ts";

interface PurgeParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly guestPurgeDays: number;
  readonly erase: EraseAccounts;
  readonly sessions: Pick<Sessions, "announceEnded">;
}

const DAY_MS = 24 * 60 * 60_000;
/** A load tester's accounts are of use to nobody once the test is over. */
const LOADTEST_PURGE_MS = DAY_MS;
/** Few enough that nobody waits for the locks of a batch; what is left over is for the next call. */
const BATCH = 50;
const BATCHES_MAX = 40;

/**
 * Removes guests that nobody has used for `guestPurgeDays`, and a load tester's accounts a day after their last use, and
 * tells how many. Any number of processes may do so at once: each takes what no other has taken.
 */
export function createPurge(parts: PurgeParts): () => Promise<number> {
  return async () => {
    const purged = await inBatches({ rowsMax: BATCH, batchesMax: BATCHES_MAX }, () => purgeBatch(parts));
    if (purged > 0) parts.log.info({ accounts: purged }, "accounts.purged");
    return purged;
  };
}

async function purgeBatch({ db, clock, guestPurgeDays, erase, sessions }: PurgeParts): Promise<number> {
  const nowMs = clock.now();
  const unusedSince = {
    guest: new Date(nowMs - guestPurgeDays * DAY_MS),
    loadtest: new Date(nowMs - LOADTEST_PURGE_MS),
  };
  const { found, ended } = await db.transaction(async (tx) => {
    const found = await takeUnused(tx, unusedSince);
    return { found, ended: await erase(tx, found) };
  });
  sessions.announceEnded(ended);
  return found.length;
}

/** The oldest first. A session is used by every request that it proves, and by every socket that it holds. */
async function takeUnused(tx: Tx, unusedSince: { guest: Date; loadtest: Date }): Promise<AccountId[]> {
  const { id, kind, origin, createdAt } = accounts;
  const unused = (since: Date) => {
    const { userId, lastSeenAt } = accountSessions;
    const used = tx
      .select()
      .from(accountSessions)
      .where(and(eq(userId, id), gt(lastSeenAt, since)));
    return and(lte(createdAt, since), notExists(used));
  };
  const rows = await tx
    .select({ id })
    .from(accounts)
    .where(
      or(and(eq(kind, "guest"), unused(unusedSince.guest)), and(eq(origin, "loadtest"), unused(unusedSince.loadtest))),
    )
    .orderBy(createdAt)
    .limit(BATCH)
    .for("update", { skipLocked: true });
  return rows.map((row) => row.id as AccountId);
}
