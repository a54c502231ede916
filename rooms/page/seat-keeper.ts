import type { ArenaWorld } from "../../schema/state/arena.ts";
import type { Match } from "../../src/client/match.ts";

const STORED = "sightline.seat";

/** Remembers, for this tab only, the seat to go back to after a reload. The server keeps it for half a minute. */
export function createSeatKeeper() {
  const forget = () => sessionStorage.removeItem(STORED);
  return {
    forget,
    /** The token of the seat, once: a reload that failed with it should not try for ever. */
    take(): string | null {
      const token = sessionStorage.getItem(STORED);
      forget();
      return token;
    },
    keep(match: Match<ArenaWorld>): void {
      const write = () => sessionStorage.setItem(STORED, match.reconnectionToken);
      write();
      match.onBack(write);
      match.onEnded(forget);
    },
  };
}
