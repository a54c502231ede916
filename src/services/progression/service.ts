import { and, desc, eq, sql } from "drizzle-orm";
import type { Content } from "../../../schema/content.ts";
import type { AccountId, MatchId } from "../../../schema/ids.ts";
import {
  type MatchRewards,
  progression,
  progressionMatches,
  progressionMatchPlayers,
  progressionStats,
} from "../../../schema/tables/progression.ts";
import type { Clock } from "../../platform/clock.ts";
import { crashPoint } from "../../platform/crash-point.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { invariant } from "../../platform/errors.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { createShortMemory } from "../../platform/short-memory.ts";
import type { Leaderboards } from "../leaderboards/service.ts";
import { apply, isNothing, type RecordedLine, readRecorded } from "./recording.ts";
import { type LevelStanding, levelOf, standingOf } from "./rules.ts";

/** A finished match, as the room that played it tells it. */
export interface MatchResult {
  readonly matchId: MatchId;
  /** The room's name: `arena`. */
  readonly room: string;
  readonly mode: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** People only, each account once. */
  readonly players: readonly MatchPlayer[];
}

export interface MatchPlayer {
  readonly accountId: AccountId;
  /** From 1, the winner's. Equals may share one. */
  readonly placement: number;
  readonly kills: number;
  readonly deaths: number;
  /** What the match earned this player: a whole number, 0 or more. */
  readonly xp: number;
  /** What the match tells of the catalogue's stats: whole numbers from 0 to STAT_MAX. */
  readonly stats?: Readonly<Record<string, number>> | undefined;
}

/** What a match came to for one player. */
export interface MatchOutcome {
  readonly accountId: AccountId;
  readonly xpGained: number;
  /** All of the account's XP, this match included. */
  readonly xp: number;
  readonly level: number;
  readonly levelsGained: number;
  /** What the match gave besides, if anything. */
  readonly rewards?: MatchRewards;
}

export interface Progress extends LevelStanding {
  readonly xp: number;
  readonly matches: number;
  readonly wins: number;
  /** By stat of the catalogue; one that no match has told of is absent. */
  readonly stats: Readonly<Record<string, number>>;
}

export interface PlayedMatch {
  readonly matchId: MatchId;
  readonly room: string;
  readonly mode: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly placement: number;
  readonly kills: number;
  readonly deaths: number;
  readonly xpGained: number;
}

export interface Progression {
  /**
   * Applies a match's result, with all that it earns, once, however often and from wherever it is sent: the match id is the idempotency key. A
   * repeat gives the outcomes of the first time, in the order of `players`. A player whose account is gone has no line
   * and no outcome. Fails with PROGRESSION_MATCH_CONFLICT when the match is already recorded with another result, and
   * with PROGRESSION_STAT_INVALID.
   */
  recordMatch(result: MatchResult): Promise<MatchOutcome[]>;
  /** What the account has earned; the beginning for one that has not played. */
  me(accountId: AccountId): Promise<Progress>;
  /** The account's level, from 1, as it was within the last minute: for whoever asks at every join. */
  level(accountId: AccountId): Promise<number>;
  /** The account's matches, newest first, from behind `before`: the last match of the page before. `limit` is 1 to 50. */
  matches(accountId: AccountId, page: { before?: MatchId | undefined; limit: number }): Promise<PlayedMatch[]>;
}

/** Items that a match gives to one player. */
export interface ItemGift {
  readonly accountId: AccountId;
  /** So many of each item. */
  readonly items: Readonly<Record<string, number>>;
}

/**
 * Gives items within the transaction that records the match. The match id is the reference; each account comes once, in
 * the order of their ids. A failure undoes the whole match, for everybody: what a player cannot carry must not be one.
 */
export type GiveItems = (tx: Tx, gifts: readonly ItemGift[], matchId: MatchId) => Promise<void>;

interface ProgressionParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly content: () => Content;
  readonly leaderboards: Pick<Leaderboards, "rulesAt" | "changing" | "changed">;
  readonly giveItems: GiveItems;
}

export const MATCHES_PAGE_MAX = 50;
const LEVEL_MS = 30_000;
const LEVELS_MAX = 20_000;

export function createProgression(parts: ProgressionParts): Progression {
  const { db, log, content, leaderboards } = parts;
  // It forgets within twice the time it keeps.
  const lately = createShortMemory<number>({ clock: parts.clock, keepMs: LEVEL_MS, max: LEVELS_MAX });
  const outcome = ({ accountId, xp, xpAfter, rewards }: RecordedLine): MatchOutcome => {
    const { levels } = content();
    const level = levelOf(levels, xpAfter);
    lately.delete(accountId);
    const levelsGained = level - levelOf(levels, xpAfter - xp);
    const gained = { accountId, xpGained: xp, xp: xpAfter, level, levelsGained };
    return isNothing(rewards) ? gained : { ...gained, rewards };
  };
  return {
    async recordMatch(result) {
      const { matchId, players } = result;
      const accountIds = new Set(players.map(({ accountId }) => accountId));
      invariant(accountIds.size === players.length, "a match's result names each account once");
      crashPoint("match.received");
      const boards = leaderboards.rulesAt(result.endedAt);
      const applied = await apply(parts, result, boards);
      const lines = applied.length > 0 ? applied : await readRecorded(db, result);
      crashPoint("match.recorded");
      if (applied.length > 0) {
        log.debug({ matchId, players: players.length }, "progression.match_recorded");
        await leaderboards.changed(boards, [...accountIds]);
      }
      const outcomes = new Map(lines.map((line) => [line.accountId, outcome(line)]));
      return players.flatMap(({ accountId }) => outcomes.get(accountId) ?? []);
    },

    async me(accountId) {
      const [[row], told] = await Promise.all([
        db.select().from(progression).where(eq(progression.accountId, accountId)),
        db.select().from(progressionStats).where(eq(progressionStats.accountId, accountId)),
      ]);
      const { xp, matches, wins } = row ?? { xp: 0, matches: 0, wins: 0 };
      const known = told.filter(({ stat }) => Object.hasOwn(content().stats, stat));
      const stats = Object.fromEntries(known.map(({ stat, value }) => [stat, value]));
      return { xp, ...standingOf(content().levels, xp), matches, wins, stats };
    },

    async level(accountId) {
      const known = lately.get(accountId);
      if (known !== undefined) return known;
      const { xp } = progression;
      const [row] = await db.select({ xp }).from(progression).where(eq(progression.accountId, accountId));
      const level = levelOf(content().levels, row?.xp ?? 0);
      lately.set(accountId, level);
      return level;
    },

    async matches(accountId, { before, limit }) {
      const { endedAt, placement, kills, deaths, xp } = progressionMatchPlayers;
      const { matchId, room, mode, startedAt } = progressionMatches;
      const rows = await db
        .select({ matchId, room, mode, startedAt, endedAt, placement, kills, deaths, xpGained: xp })
        .from(progressionMatchPlayers)
        .innerJoin(progressionMatches, eq(matchId, progressionMatchPlayers.matchId))
        .where(and(eq(progressionMatchPlayers.accountId, accountId), before && isBefore(accountId, before)))
        .orderBy(desc(endedAt), desc(progressionMatchPlayers.matchId))
        .limit(Math.min(limit, MATCHES_PAGE_MAX));
      return rows.map((row) => ({ ...row, matchId: row.matchId as MatchId }));
    },
  };
}

/** Keyset paging: behind that match in the order of the list. A match that the account did not play gives an empty page. */
function isBefore(accountId: AccountId, before: MatchId) {
  const { endedAt, matchId } = progressionMatchPlayers;
  return sql`(${endedAt}, ${matchId}) < (
    select last.ended_at, last.match_id from ${progressionMatchPlayers} as last
    where last.match_id = ${before} and last.account_id = ${accountId})`;
}
