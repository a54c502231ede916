import { sql } from "drizzle-orm";
import { bigint, check, foreignKey, index, integer, jsonb, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 }).notNull();
/** XP and stats stay whole numbers that JavaScript can hold exactly. */
const WHOLE_MAX = sql.raw(String(Number.MAX_SAFE_INTEGER));

/**
 * What an account has earned. Its level is not stored: it follows from the XP and the game's curve. There is no foreign
 * key to the accounts: they are another feature's, and a player whose account is gone must not cost the others of the
 * match their result.
 */
export const progression = umpire.table(
  "progression",
  {
    accountId: text("account_id").primaryKey(),
    xp: bigint({ mode: "number" }).notNull(),
    matches: integer().notNull(),
    wins: integer().notNull(),
  },
  (table) => [
    check("progression_xp", sql`${table.xp} between 0 and ${WHOLE_MAX}`),
    check("progression_wins", sql`${table.wins} between 0 and ${table.matches}`),
  ],
);

/** What the catalogue's stats have come to for an account. One that no match has told of has no row. */
export const progressionStats = umpire.table(
  "progression_stats",
  {
    accountId: text("account_id").notNull(),
    stat: text().notNull(),
    value: bigint({ mode: "number" }).notNull(),
    /** When the latest match that told of it ended: of two results that arrive out of order, `last` is the later match. */
    toldAt: instant("told_at"),
  },
  (table) => [
    primaryKey({ name: "progression_stats_key", columns: [table.accountId, table.stat] }),
    check("progression_stats_value", sql`${table.value} between 0 and ${WHOLE_MAX}`),
  ],
);

/** So many of each item, so much of each currency. */
export interface MatchRewards {
  readonly items: Readonly<Record<string, number>>;
  readonly currencies: Readonly<Record<string, number>>;
}

/** Every match whose result was applied, once: the primary key is what makes recording idempotent. */
export const progressionMatches = umpire.table(
  "progression_matches",
  {
    matchId: text("match_id").primaryKey(),
    room: text().notNull(),
    mode: text().notNull(),
    startedAt: instant("started_at"),
    endedAt: instant("ended_at"),
    recordedAt: instant("recorded_at"),
  },
  (table) => [check("progression_matches_times", sql`${table.startedAt} <= ${table.endedAt}`)],
);

/** One line of a match's result, with what it came to. `endedAt` is repeated here for the index behind a player's history. */
export const progressionMatchPlayers = umpire.table(
  "progression_match_players",
  {
    matchId: text("match_id").notNull(),
    accountId: text("account_id").notNull(),
    endedAt: instant("ended_at"),
    placement: integer().notNull(),
    kills: integer().notNull(),
    deaths: integer().notNull(),
    xp: bigint({ mode: "number" }).notNull(),
    /** The account's XP once this match had been counted. */
    xpAfter: bigint("xp_after", { mode: "number" }).notNull(),
    /** What the room told of the player's stats, by stat. */
    stats: jsonb().$type<Readonly<Record<string, number>>>().notNull().default({}),
    /** What the match gave: a bundle, as the catalogue had it then. */
    rewards: jsonb().$type<MatchRewards>().notNull().default({ items: {}, currencies: {} }),
  },
  (table) => [
    primaryKey({ name: "progression_match_players_key", columns: [table.matchId, table.accountId] }),
    foreignKey({
      name: "progression_match_players_match",
      columns: [table.matchId],
      foreignColumns: [progressionMatches.matchId],
    }).onDelete("cascade"),
    // Read backwards for the newest first.
    index("progression_match_players_history").on(table.accountId, table.endedAt, table.matchId),
    check("progression_match_players_placement", sql`${table.placement} >= 1`),
    check("progression_match_players_tally", sql`${table.kills} >= 0 and ${table.deaths} >= 0`),
    check("progression_match_players_xp", sql`${table.xp} >= 0 and ${table.xpAfter} >= ${table.xp}`),
  ],
);
