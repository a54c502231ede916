import { sql } from "drizzle-orm";
import { bigint, check, foreignKey, index, integer, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { umpire } from "./umpire.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 }).notNull();
/** XP stays a whole number that JavaScript can hold exactly. */
const XP_MAX = sql.raw(String(Number.MAX_SAFE_INTEGER));

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
    check("progression_xp", sql`${table.xp} between 0 and ${XP_MAX}`),
    check("progression_wins", sql`${table.wins} between 0 and ${table.matches}`),
  ],
);

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
