import type { MatchId } from "../../schema/ids.ts";
import type { Http } from "./http.ts";

export interface Progress {
  readonly xp: number;
  /** From 1. */
  readonly level: number;
  readonly xpIntoLevel: number;
  /** From the beginning of this level to the next; null at the highest. */
  readonly xpForNextLevel: number | null;
  readonly matches: number;
  readonly wins: number;
  /** By stat of the game; one that no match has told of is absent. */
  readonly stats: Readonly<Record<string, number>>;
}

export interface PlayedMatch {
  readonly matchId: MatchId;
  readonly room: string;
  readonly mode: string;
  /** ISO 8601, UTC, like `endedAt`. */
  readonly startedAt: string;
  readonly endedAt: string;
  /** 1 is best. */
  readonly placement: number;
  readonly kills: number;
  readonly deaths: number;
  readonly xpGained: number;
}

/** What the player has earned. Both calls fail with UNAUTHENTICATED when nobody is signed in. */
export interface ProgressionClient {
  me(): Promise<Progress>;
  /** Newest first, `limit` at most (1 to 50, by default 20), from the one after `before` on. */
  matches(page?: { readonly before?: MatchId; readonly limit?: number }): Promise<readonly PlayedMatch[]>;
}

export function createProgression({ http }: { http: Http }): ProgressionClient {
  return {
    me: () => http.call<Progress>({ method: "GET", path: "/api/progression/me" }),
    async matches({ before, limit } = {}) {
      const query = new URLSearchParams();
      if (before !== undefined) query.set("before", before);
      if (limit !== undefined) query.set("limit", String(limit));
      const path = `/api/progression/matches?${query}`;
      return (await http.call<{ matches: PlayedMatch[] }>({ method: "GET", path })).matches;
    },
  };
}
