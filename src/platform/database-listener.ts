import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "./clock.ts";
import { connect } from "./database.ts";
import type { Log } from "./log.ts";

export interface ListenOptions {
  /** As for `openDatabase`. A pooler between us and Postgres must leave the session alone: LISTEN belongs to it. */
  readonly url: string;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly log: Log;
  /** A lower-case identifier. */
  readonly channel: string;
  /** Called with what each NOTIFY on the channel says, in the order of their commits. */
  readonly onNotified: (payload: string) => unknown;
  /**
   * Called whenever listening begins, also after a loss: whatever was said before then went unheard. From then on, for as
   * long as `isHearing` says so, everything has been heard that was said up to TRUST_MS ago.
   */
  readonly onListening: (isHearing: () => boolean) => unknown;
}

/** How often the connection is proved, and how long it may take to answer. */
const PROVE_EVERY_MS = 1000;
const ANSWER_MS_MAX = 2000;
const RETRY_MS = 100;
/** A connection that has fallen silent is believed for so long after the last question that it answered. */
export const TRUST_MS = 2000;

/**
 * Listens until it is stopped, on a connection of its own. A connection that is lost, or that no longer answers, is
 * replaced by a new one. The driver's own `listen` gives up for ever when Postgres is still away at its first attempt.
 */
export function listen(options: ListenOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = keepListening(options, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function keepListening(options: ListenOptions, stopping: AbortSignal): Promise<void> {
  const { log, channel } = options;
  while (!stopping.aborted) {
    try {
      await listenOnce(options, stopping);
    } catch (err) {
      if (!stopping.aborted) log.warn({ err, channel }, "database.listener_lost");
    }
    await pause(RETRY_MS, null, { signal: stopping }).catch(() => {});
  }
}

/** One connection's life: ends with an exception when it is lost or when the listener is stopped. */
async function listenOnce(options: ListenOptions, stopping: AbortSignal) {
  const { url, clock, log, channel, onNotified, onListening } = options;
  const contain = (run: () => unknown) =>
    void (async () => run())().catch((err: unknown) => log.error({ err, channel }, "database.listener_failed"));
  const over = new AbortController();
  const settings = {
    max: 1,
    max_lifetime: null,
    fetch_types: false,
    connection: { application_name: "umpire listener" },
    onclose: () => over.abort(new Error("the connection was closed")),
    onnotify: (_channel: string, payload: string) => contain(() => onNotified(payload)),
  };
  const sql = connect(url, settings);
  const signal = AbortSignal.any([over.signal, stopping]);
  let provedMs = Number.NEGATIVE_INFINITY;
  // LISTEN again is no change, and as good a proof as any that the connection is alive.
  const prove = async () => {
    const askedMs = clock.monotonicMs();
    await within(ANSWER_MS_MAX, signal, sql.unsafe(`listen "${channel}"`));
    provedMs = askedMs;
  };
  try {
    await prove();
    contain(() => onListening(() => !signal.aborted && clock.monotonicMs() - provedMs < TRUST_MS));
    for (;;) {
      await pause(PROVE_EVERY_MS, null, { signal });
      await prove();
    }
  } finally {
    await sql.end({ timeout: 0 });
  }
}

async function within(ms: number, signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  const settled = new AbortController();
  const late = pause(ms, null, { signal: AbortSignal.any([signal, settled.signal]) }).then(() => {
    throw new Error(`no answer within ${ms} ms`);
  });
  await Promise.race([work, late]).finally(() => settled.abort());
}
