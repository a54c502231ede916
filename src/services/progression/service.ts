import { and, desc, eq, sql } from "drizzle-orm";
import type { Content } from "../../../schema/content.ts";
import type { AccountId, MatchId } from "../../../schema/ids.ts";
import { progression, progressionMatches, progressionMatchPlayers } from "../../../schema/tables/progression.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
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
}

/** What a match came to for one player. */
export interface MatchOutcome {
  readonly accountId: AccountId;
  readonly xpGained: number;
  /** All of the account's XP, this match included. */
  readonly xp: number;
  readonly level: number;
  readonly levelsGained: number;
}

export interface Progress extends LevelStanding {
  readonly xp: number;
  readonly matches: number;
  readonly wins: number;
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
   * Applies a match's result once, however often and from wherever it is sent: the match id is the idempotency key. A
   * repeat gives the outcomes of the first time, in the order of `players`. A player whose account is gone has no line
   * and no outcome. Fails with PROGRESSION_MATCH_CONFLICT when the match is already recorded with another result.
   */
  recordMatch(result: MatchResult): Promise<MatchOutcome[]>;
  /** What the account has earned; the beginning for one that has not played. */
  me(accountId: AccountId): Promise<Progress>;
  /** The account's matches, newest first, from behind `before`: the last match of the page before. `limit` is 1 to 50. */
  matches(accountId: AccountId, page: { before?: MatchId | undefined; limit: number }): Promise<PlayedMatch[]>;
}

interface ProgressionParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly content: () => Pick<Content, "levels">;
}

export const MATCHES_PAGE_MAX = 50;

export function createProgression({ db, clock, log, content }: ProgressionParts): Progression {
  const outcome = ({ accountId, xp, xpAfter }: RecordedLine): MatchOutcome => {
    const { levels } = content();
    const level = levelOf(levels, xpAfter);
    const levelsGained = level - levelOf(levels, xpAfter - xp);
    return { accountId: accountId as AccountId, xpGained: xp, xp: xpAfter, level, levelsGained };
  };
  return {
    async recordMatch(result) {
      const { matchId, players } = result;
      const accountIds = new Set(players.map(({ accountId }) => accountId));
      invariant(accountIds.size === players.length, "a match's result names each account once");
      const applied = await apply(db, result, clock.date());
      const lines = applied.length > 0 ? applied : await readRecorded(db, result);
      if (applied.length > 0) log.debug({ matchId, players: players.length }, "progression.match_recorded");
      const outcomes = new Map(lines.map((line) => [line.accountId, outcome(line)]));
      return players.flatMap(({ accountId }) => outcomes.get(accountId) ?? []);
    },

    async me(accountId) {
      const [row] = await db.select().from(progression).where(eq(progression.accountId, accountId));
      const { xp, matches, wins } = row ?? { xp: 0, matches: 0, wins: 0 };
      return { xp, ...standingOf(content().levels, xp), matches, wins };
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

interface RecordedLine {
  readonly accountId: string;
  readonly xp: number;
  readonly xpAfter: number;
}

/**
 * The match, its lines and what they earn, in one statement: one round trip, all or nothing. It returns nothing if the
 * match is there already. Whoever brings the same match at the same moment waits at its first insert for the other to
 * finish; matches that share players take them in the order of their ids, so that neither waits for the other in a circle.
 */
async function apply(db: Db, { players, ...match }: MatchResult, now: Date): Promise<RecordedLine[]> {
  const accountIds = sql.param(players.map(({ accountId }) => accountId));
  const rows = await db.execute<{ account_id: string; xp: bigint; xp_after: bigint }>(sql`
    with recorded as (
      insert into ${progressionMatches} (match_id, room, mode, started_at, ended_at, recorded_at)
      values (${match.matchId}, ${match.room}, ${match.mode}, ${match.startedAt}, ${match.endedAt}, ${now})
      on conflict (match_id) do nothing
      returning match_id, ended_at
    ), line as (
      select recorded.match_id, recorded.ended_at, given.*
      from recorded, jsonb_to_recordset(${JSON.stringify(players)}::jsonb)
        as given ("accountId" text, placement integer, kills integer, deaths integer, xp bigint)
      where "accountId" in (select umpire.account_hold(${accountIds}::text[]))
    ), earned as (
      insert into ${progression} as held (account_id, xp, matches, wins)
      select "accountId", xp, 1, (placement = 1)::integer from line order by "accountId"
      on conflict (account_id) do update
        set xp = held.xp + excluded.xp, matches = held.matches + 1, wins = held.wins + excluded.wins
      returning account_id, xp
    )
    insert into ${progressionMatchPlayers}
      (match_id, account_id, ended_at, placement, kills, deaths, xp, xp_after)
    select match_id, account_id, ended_at, placement, kills, deaths, line.xp, earned.xp
    from line join earned on account_id = "accountId"
    returning account_id, xp, xp_after`);
  return rows.map((row) => ({ accountId: row.account_id, xp: Number(row.xp), xpAfter: Number(row.xp_after) }));
}

/** The lines of a match that is there already. Fails unless it was recorded with this very result. */
async function readRecorded(db: Db, result: MatchResult): Promise<RecordedLine[]> {
  const { matchId } = result;
  const [match] = await db.select().from(progressionMatches).where(eq(progressionMatches.matchId, matchId));
  const lines = await db.select().from(progressionMatchPlayers).where(eq(progressionMatchPlayers.matchId, matchId));
  invariant(match !== undefined, "a match that could not be inserted is there");
  const held = await holdAccounts(db, [...lines, ...result.players]);
  const ofHeld = ({ accountId }: { accountId: string }) => held.has(accountId);
  const before = { ...match, players: lines.filter(ofHeld) };
  if (fingerprint(before) !== fingerprint({ ...result, players: result.players.filter(ofHeld) })) {
    throw new AppError("PROGRESSION_MATCH_CONFLICT", { matchId });
  }
  return lines;
}

/** Those of these accounts that exist: whoever was deleted in the meantime can be told apart from nobody. */
async function holdAccounts(db: Db, lines: readonly { accountId: string }[]): Promise<Set<string>> {
  const accountIds = sql.param(lines.map(({ accountId }) => accountId));
  const rows = await db.execute<{ id: string }>(sql`select umpire.account_hold(${accountIds}::text[]) as id`);
  return new Set(rows.map(({ id }) => id));
}

type Told = Omit<MatchResult, "matchId" | "players"> & {
  players: readonly (Omit<MatchPlayer, "accountId"> & { accountId: string })[];
};

/** All that a room says of a match, in one text, whatever order its players come in. */
function fingerprint({ room, mode, startedAt, endedAt, players }: Told): string {
  const lines = players.map(({ accountId, placement, kills, deaths, xp }) =>
    [accountId, placement, kills, deaths, xp].join(),
  );
  return JSON.stringify([room, mode, startedAt.getTime(), endedAt.getTime(), lines.sort()]);
}

/** Keyset paging: behind that match in the order of the list. A match that the account did not play gives an empty page. */
function isBefore(accountId: AccountId, before: MatchId) {
  const { endedAt, matchId } = progressionMatchPlayers;
  return sql`(${endedAt}, ${matchId}) < (
    select last.ended_at, last.match_id from ${progressionMatchPlayers} as last
    where last.match_id = ${before} and last.account_id = ${accountId})`;
}
