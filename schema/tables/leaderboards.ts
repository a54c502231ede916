import { sql } from "drizzle-orm";
import { bigint, check, index, integer, primaryKey, smallint, text, timestamp } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 }).notNull();
/** A score stays a whole number that JavaScript can hold exactly. */
const SCORE_MAX = sql.raw(String(Number.MAX_SAFE_INTEGER));

/** An account's score on a board in a period: the truth about every leaderboard. */
export const leaderboardScores = umpire.table(
  "leaderboard_scores",
  {
    board: text().notNull(),
    /** `all`, `d2026-11-22` for a day, `w2026-11-16` for the week that begins on that Monday. In UTC. */
    period: text().notNull(),
    accountId: text("account_id").notNull(),
    score: bigint({ mode: "number" }).notNull(),
    /** The score turned round, so that one ascending index, compared by rows, holds the order of the board. */
    inverse: bigint({ mode: "number" }).generatedAlwaysAs(sql`-score`).notNull(),
    /** When the match ended that brought this score. Of equals, whoever was there first stands higher. */
    reachedAt: instant("reached_at"),
    /** When the latest match that counted here ended: of two results that arrive out of order, `last` is the later match. */
    toldAt: instant("told_at"),
  },
  (table) => [
    primaryKey({ name: "leaderboard_scores_key", columns: [table.board, table.period, table.accountId] }),
    index("leaderboard_scores_order").on(table.board, table.period, table.inverse, table.reachedAt, table.accountId),
    index("leaderboard_scores_account").on(table.accountId),
    check("leaderboard_scores_score", sql`${table.score} between 0 and ${SCORE_MAX}`),
    check("leaderboard_scores_period", sql`${table.period} ~ '^(all|[dw][0-9]{4}-[0-9]{2}-[0-9]{2})$'`),
  ],
);

/**
 * How many scores lie in each bucket of a board, kept by triggers on the scores: a rank is a sum of buckets and a short
 * count, where counting everybody above would take as long as the board is. The count of a bucket is the sum over its
 * shards, of which one may be negative: matches that end at the same moment write to different ones and do not queue.
 */
export const leaderboardCounts = umpire.table(
  "leaderboard_counts",
  {
    board: text().notNull(),
    period: text().notNull(),
    /** See umpire.leaderboard_bucket. */
    bucket: integer().notNull(),
    shard: smallint().notNull(),
    scores: bigint({ mode: "number" }).notNull(),
  },
  (table) => [
    primaryKey({ name: "leaderboard_counts_key", columns: [table.board, table.period, table.bucket, table.shard] }),
  ],
);
