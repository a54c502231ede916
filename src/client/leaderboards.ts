import type { Http } from "./http.ts";

/** The day and the week, from Monday on, are those of UTC. */
export type LeaderboardPeriod = "daily" | "weekly" | "all";

export interface LeaderboardEntry {
  /** From 1; no two have the same. Of equal scores, the one that was reached first stands higher. */
  readonly rank: number;
  /** Null for a player who is just leaving for good. */
  readonly displayName: string | null;
  readonly score: number;
  /** ISO 8601, UTC. */
  readonly reachedAt: string;
  readonly isYou: boolean;
}

export interface LeaderboardPage {
  readonly entries: readonly LeaderboardEntry[];
  /** The `from` of the next page, or null when this was the last. */
  readonly next: string | null;
}

/** Who stands where. Both calls fail with UNAUTHENTICATED when nobody is signed in, and with LEADERBOARDS_UNKNOWN. */
export interface LeaderboardsClient {
  /** From the top, or from where the page before said; `limit` at most (1 to 100, by default 20). `period` is `all` by default. */
  top(
    board: string,
    page?: { readonly period?: LeaderboardPeriod; readonly from?: string; readonly limit?: number },
  ): Promise<LeaderboardPage>;
  /** The player with up to ten on either side; empty without a score. */
  around(board: string, options?: { readonly period?: LeaderboardPeriod }): Promise<readonly LeaderboardEntry[]>;
}

export function createLeaderboards({ http }: { http: Http }): LeaderboardsClient {
  return {
    top(board, { period = "all", from, limit } = {}) {
      const query = new URLSearchParams({ period });
      if (from !== undefined) query.set("from", from);
      if (limit !== undefined) query.set("limit", String(limit));
      return http.call<LeaderboardPage>({
        method: "GET",
        path: `/api/leaderboards/${encodeURIComponent(board)}?${query}`,
      });
    },
    async around(board, { period = "all" } = {}) {
      const path = `/api/leaderboards/${encodeURIComponent(board)}/around?period=${period}`;
      return (await http.call<{ entries: LeaderboardEntry[] }>({ method: "GET", path })).entries;
    },
  };
}
