import type { Log } from "../../platform/log.ts";

/** As session ids, tokens and the parts of a ticket look. */
const SECRETS = /[\w-]{22,}/g;

/** What the engine says goes to debug, without the session ids and tokens that it likes to quote. */
export function createEngineLog(log: Pick<Log, "debug">) {
  const write = (...words: unknown[]) =>
    log.debug({ words: words.map((word) => String(word).replace(SECRETS, "…")) }, "engine.said");
  return { debug: write, info: write, warn: write, error: write, trace: write, log: write };
}
