import { eq, sql } from "drizzle-orm";
import { type Content, entryOf } from "../../../schema/content.ts";
import type { AccountId, TransactionId } from "../../../schema/ids.ts";
import { type MatchRewards, progressionMatches, progressionMatchPlayers } from "../../../schema/tables/progression.ts";
import type { Clock } from "../../platform/clock.ts";
import { crashPoint } from "../../platform/crash-point.ts";
import { type Db, type DbOrTx, refusing } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { BoardRules, Leaderboards } from "../leaderboards/service.ts";
import type { GiveItems, MatchPlayer, MatchResult } from "./service.ts";

/** The most that one match may tell of a stat. */
const STAT_MAX = 1_000_000_000;
const NOTHING: MatchRewards = { items: {}, currencies: {} };

export interface RecordedLine {
  readonly accountId: AccountId;
  readonly xp: number;
  readonly xpAfter: number;
  readonly rewards: MatchRewards;
}

interface ApplyParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly content: () => Content;
  readonly leaderboards: Pick<Leaderboards, "changing">;
  readonly giveItems: GiveItems;
}

/**
 * The match, its lines and what they earn: all or nothing, in one round trip unless it gives items or somebody has to hear
 * of the scores. Nothing is returned if the match is there already.
 */
export async function apply(parts: ApplyParts, result: MatchResult, boards: BoardRules): Promise<RecordedLine[]> {
  const { db, log, giveItems } = parts;
  const changing = isEmpty(boards) ? null : parts.leaderboards.changing;
  const { stats, currencies, rewards } = parts.content();
  const players = result.players.map((player) => ({
    ...player,
    stats: player.stats ?? {},
    rewards: rewardsOf(rewards, result.room, player.placement),
  }));
  // Of a catalogue of thousands of entries a match needs few.
  const rules = {
    stats: those(
      stats,
      players.map((player) => player.stats),
    ),
    currencies: those(
      currencies,
      players.map((player) => player.rewards.currencies),
    ),
    statMax: STAT_MAX,
    boards,
  };
  const unknown = new Set(
    players.flatMap((player) => Object.keys(player.stats).filter((stat) => !Object.hasOwn(rules.stats, stat))),
  );
  // An older content may count again at any time, and must not cost anybody a match.
  if (unknown.size > 0) log.warn({ room: result.room, stats: [...unknown] }, "progression.stats_unknown");
  const call = {
    told: { ...result, players },
    rules,
    transactionId: parts.ids.mint("transaction"),
    now: parts.clock.date(),
  };
  if (changing === null && players.every(({ rewards: { items } }) => isEmpty(items))) return record(db, call);
  return db.transaction(async (tx) => {
    const lines = await record(tx, call);
    const gifts = lines
      .filter((line) => !isEmpty(line.rewards.items))
      .map(({ accountId, rewards: { items } }) => ({ accountId, items }))
      .sort((one, other) => (one.accountId < other.accountId ? -1 : 1));
    if (gifts.length > 0) await giveItems(tx, gifts, result.matchId);
    if (lines.length > 0) {
      await changing?.(
        tx,
        boards,
        lines.map(({ accountId }) => accountId),
      );
    }
    crashPoint("match.written");
    return lines;
  });
}

export function isNothing({ items, currencies }: MatchRewards): boolean {
  return isEmpty(items) && isEmpty(currencies);
}

/** The last entry holds for all placements behind it. */
function rewardsOf(rewards: Content["rewards"], room: string, placement: number): MatchRewards {
  const { byPlacement = [] } = entryOf(rewards, room) ?? {};
  return byPlacement[Math.min(placement, byPlacement.length) - 1] ?? NOTHING;
}

/** Those entries whose keys are named in one of `named`. */
function those<Entry>(entries: Readonly<Record<string, Entry>>, named: readonly object[]): Record<string, Entry> {
  const keys = new Set(named.flatMap(Object.keys));
  return Object.fromEntries(Object.entries(entries).filter(([key]) => keys.has(key)));
}

function isEmpty(amounts: object): boolean {
  return Object.keys(amounts).length === 0;
}

interface RecordCall {
  readonly told: object;
  readonly rules: object;
  readonly transactionId: TransactionId;
  readonly now: Date;
}

async function record(db: DbOrTx, { told, rules, transactionId, now }: RecordCall): Promise<RecordedLine[]> {
  const rows = await refusing(
    db.execute<{ account_id: string; xp: bigint; xp_after: bigint; rewards: MatchRewards }>(sql`
      select * from umpire.progression_record(
        ${JSON.stringify(told)}::jsonb, ${JSON.stringify(rules)}::jsonb, ${transactionId}, ${now})`),
  );
  return rows.map(({ account_id, xp, xp_after, rewards }) => ({
    accountId: account_id as AccountId,
    xp: Number(xp),
    xpAfter: Number(xp_after),
    rewards,
  }));
}

/** The lines of a match that is there already. Fails unless it was recorded with this very result. */
export async function readRecorded(db: Db, result: MatchResult): Promise<RecordedLine[]> {
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
  return lines.map((line) => ({ ...line, accountId: line.accountId as AccountId }));
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
  const lines = players.map(({ accountId, placement, kills, deaths, xp, stats = {} }) => {
    const told = Object.entries(stats).map(([stat, value]) => `${stat} ${value}`);
    return [accountId, placement, kills, deaths, xp, ...told.sort()].join();
  });
  return JSON.stringify([room, mode, startedAt.getTime(), endedAt.getTime(), lines.sort()]);
}
