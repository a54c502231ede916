import type { Config } from "./config.ts";
import { type OwnPostgres, startOwnPostgres } from "./dev-services.ts";
import type { Log } from "./log.ts";

interface PostgresParts {
  readonly log: Log;
  readonly stops: (() => Promise<void>)[];
}

/** The one that the settings name, which is nobody's to stop, or one of our own in the data folder. */
export async function openConfiguredPostgres(
  { DATABASE_URL: url, DATA_DIR: folder }: Config,
  { log, stops }: PostgresParts,
): Promise<Pick<OwnPostgres, "url" | "stop">> {
  if (url !== null) return { url, stop: async () => {} };
  const own = await startOwnPostgres({ folder, fsync: true, log });
  stops.push(own.stop);
  return own;
}
