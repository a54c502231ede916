import { sql } from "drizzle-orm";
import { type Content, entryOf } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { leaderboardCounts, leaderboardScores } from "../../../schema/tables/leaderboards.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import type { Accounts } from "../accounts/service.ts";
import { oldestKept, type Period, periodAt } from "./periods.ts";
import type { Place, Ranking, Standing, Table } from "./ranking.ts";

/** A line of a leaderboard, as players see it. */
export interface LeaderboardEntry {
  /** From 1; no two have the same. */
  readonly rank: number;
  /** Null for an account that is being deleted. */
  readonly displayName: string | null;
  readonly score: number;
  readonly reachedAt: Date;
  readonly isYou: boolean;
}

export interface LeaderboardPage {
  readonly entries: readonly LeaderboardEntry[];
  /** Where the next page begins, or null when this was the last. */
  readonly next: Place | null;
}

export interface LeaderboardQuery {
  readonly board: string;
  readonly period: Period;
  readonly reader: AccountId;
}

/** What a board ranks, and in which periods a match that ended at some moment counts: what umpire.leaderboard_write takes. */
export type BoardRules = Readonly<Record<string, { stat: string; score: string; periods: readonly string[] }>>;

export interface Leaderboards {
  /** The present period of a board from its top, or from `from` on. `limit` is 1 to 100. Fails with LEADERBOARDS_UNKNOWN. */
  top(query: LeaderboardQuery & { from: Place | null; limit: number }): Promise<LeaderboardPage>;
  /** The reader with ten on either side; empty for one without a score. Fails with LEADERBOARDS_UNKNOWN. */
  around(query: LeaderboardQuery): Promise<LeaderboardEntry[]>;
  /** The boards on which a match counts that ended then. For whoever writes scores. */
  rulesAt(endedAt: Date): BoardRules;
  /** To be called within the transaction that writes scores by these rules. Null where nobody has to hear of it there. */
  readonly changing: ((tx: Tx, rules: BoardRules, accountIds: readonly AccountId[]) => Promise<void>) | null;
  /** To be called once scores by these rules are committed. */
  changed(rules: BoardRules, accountIds: readonly AccountId[]): Promise<void>;
  /** Removes scores of days and weeks that are over for long, so many at most, and tells how many. For a slow interval. */
  removeOldScores(countMax: number): Promise<number>;
  /** Ends what goes on in the background. */
  stop(): Promise<void>;
}

interface LeaderboardsParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ranking: Ranking;
  readonly accounts: Pick<Accounts, "displayNames">;
  readonly content: () => Content;
}

export const LEADERBOARD_PAGE_MAX = 100;
const REACH = 10;

export function createLeaderboards({ db, clock, ranking, accounts, content }: LeaderboardsParts): Leaderboards {
  const tableOf = ({ board, period }: LeaderboardQuery): Table => {
    const known = entryOf(content().leaderboards, board);
    if (!known?.periods.includes(period)) throw new AppError("LEADERBOARDS_UNKNOWN", { board, period });
    return { board, period: periodAt(period, clock.date()) };
  };
  const named = async (standings: readonly Standing[], reader: AccountId): Promise<LeaderboardEntry[]> => {
    const names = await accounts.displayNames(standings.map(({ accountId }) => accountId));
    return standings.map(({ accountId, ...standing }) => ({
      ...standing,
      displayName: names.get(accountId) ?? null,
      isYou: accountId === reader,
    }));
  };
  const { changing } = ranking;
  return {
    async top({ from, limit, ...query }) {
      const asked = Math.min(limit, LEADERBOARD_PAGE_MAX);
      const standings = await ranking.top(tableOf(query), { from, limit: asked + 1 });
      const page = standings.slice(0, asked);
      const next = standings.length > asked ? placeBehind(page, from) : null;
      return { entries: await named(page, query.reader), next };
    },

    async around(query) {
      return named(await ranking.around(tableOf(query), { accountId: query.reader, reach: REACH }), query.reader);
    },

    rulesAt(endedAt) {
      const rules = Object.entries(content().leaderboards).map(([board, { stat, score, periods }]) => {
        const names = [...new Set(periods)].map((period) => periodAt(period, endedAt));
        return [board, { stat, score, periods: names }] as const;
      });
      return Object.fromEntries(rules);
    },

    changing: changing && ((tx, rules, accountIds) => changing(tx, accountIds, tablesOf(rules))),

    changed(rules, accountIds) {
      return ranking.refresh(tablesOf(rules), accountIds);
    },

    stop: ranking.stop,

    async removeOldScores(countMax) {
      const [day, week] = oldestKept(clock.date());
      // The counts are few, and name every table that there is.
      const old = sql`
        select board, period from ${leaderboardCounts}
        where period like 'd%' and period < ${day} or period like 'w%' and period < ${week}`;
      const removed = await db.execute(sql`
        delete from ${leaderboardScores} where (board, period, account_id) in (
          select board, period, account_id from ${leaderboardScores} where (board, period) in (${old}) limit ${countMax}
        ) returning 1`);
      // What the triggers have counted down to nothing.
      if (removed.length < countMax)
        await db.execute(sql`delete from ${leaderboardCounts} where (board, period) in (${old})`);
      return removed.length;
    },
  };
}

function tablesOf(rules: BoardRules): Table[] {
  return Object.entries(rules).flatMap(([board, { periods }]) => periods.map((period) => ({ board, period })));
}

/** Behind the last of a page. Whoever reached the same score at the same time is told apart by number, not by account. */
function placeBehind(page: readonly Standing[], from: Place | null): Place | null {
  const last = page.at(-1);
  if (last === undefined) return null;
  const isBeside = ({ score, reachedAt }: Pick<Standing, "score" | "reachedAt">) =>
    score === last.score && reachedAt.getTime() === last.reachedAt.getTime();
  const before = from !== null && page.every(isBeside) && isBeside(from) ? from.skip : 0;
  return { score: last.score, reachedAt: last.reachedAt, skip: before + page.filter(isBeside).length };
}
