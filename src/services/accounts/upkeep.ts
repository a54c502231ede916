import type { SessionId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import { listen } from "../../platform/database-listener.ts";
import type { Log } from "../../platform/log.ts";
import type { Accounts } from "./service.ts";
import { SESSIONS_ENDED } from "./session-ends.ts";

type KeptUp = "hearSessionEnded" | "hearSessionsWhile" | "keepSessions" | "endExpiredSessions" | "purgeUnused";

interface UpkeepParts {
  readonly accounts: Pick<Accounts, KeptUp>;
  /** The sessions that hold sockets in this process. */
  readonly heldSessions: () => SessionId[];
  readonly databaseUrl: string;
  readonly clock: Clock;
  readonly log: Log;
}

const SWEEP_MS = 60_000;

/**
 * What goes on beside the requests: hears within moments of the sessions that other processes end, asks after those that
 * hold sockets here when something may have gone unheard, and sweeps out what has expired. Returns a function that ends it.
 */
export function startUpkeep({ accounts, heldSessions, databaseUrl, clock, log }: UpkeepParts): () => Promise<void> {
  const keepSessions = () => accounts.keepSessions(heldSessions());
  const listener = listen({
    url: databaseUrl,
    clock,
    log,
    channel: SESSIONS_ENDED,
    onNotified: accounts.hearSessionEnded,
    onListening(isHearing) {
      accounts.hearSessionsWhile(isHearing);
      return keepSessions();
    },
  });
  let sweeping: Promise<void> | null = null;
  const sweep = async () => {
    try {
      // First, so that nobody who is in a room looks unused.
      await keepSessions();
      await accounts.endExpiredSessions();
      await accounts.purgeUnused();
    } catch (err) {
      log.error({ err }, "accounts.sweep_failed");
    }
    sweeping = null;
  };
  const stopSweeping = clock.every(SWEEP_MS, () => {
    sweeping ??= sweep();
  });
  return async () => {
    stopSweeping();
    await Promise.all([listener.stop(), sweeping]);
  };
}
