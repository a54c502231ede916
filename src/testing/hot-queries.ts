import { sql as statement } from "drizzle-orm";
import { expect, test } from "vitest";
import type { ContentSource } from "../../schema/content.ts";
import { TestClock } from "../platform/clock.ts";
import type { Ids } from "../platform/ids.ts";
import { parseContent } from "../services/catalogue/service.ts";
import type { MatchResult } from "../services/progression/service.ts";
import { createWallet } from "../services/wallet/service.ts";
import { createTestAccounts } from "./accounts.ts";
import { insertManyRows, manyAccount } from "./many-rows.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";
import { createTestProgression } from "./progression.ts";
import { costOf } from "./query-cost.ts";

/** No hot query reads more rows than this of any table: a page, a match, the buckets of a board, a part of one bucket. */
const ROWS_READ_MAX = 2000;

const levels = { base: 100, growth: 50, max: 100 };
const content: Partial<ContentSource> = {
  currencies: { gold: { title: "Gold" } },
  stats: { points: { title: "Points", kind: "counter" } },
  leaderboards: {
    scorers: { title: "Scorers", stat: "points", score: "sum", periods: ["daily", "all"] },
  },
  rewards: { arena: { byPlacement: [{ currencies: { gold: 5 } }] } },
};

const whole = parseContent({ levels, ...content });

/** Reads whatever a player or a room asks for again and again, among so many rows, and looks at what that cost. */
export async function testHotQueries({ rows }: { rows: number }): Promise<void> {
  const database = await createTestDatabase({ connectionsMax: 1 });
  const { sql } = database;
  await insertManyRows(sql, rows);
  const hot = await hotQueries(database, rows);

  test.each(Object.entries(hot))("[LEADERBOARDS10] %s is read by index, whatever the table holds", async (_, query) => {
    // Of a statement that is asked often Postgres makes a plan for good.
    for (let turn = 0; turn < 7; turn++) await query();
    const { scanned, read, searches } = await costOf(sql, query);
    const overread = Object.entries(read).filter(([, count]) => count > ROWS_READ_MAX);
    expect({ scanned, overread }).toEqual({ scanned: [], overread: [] });
    expect(searches).toBeGreaterThan(0);
  });

  test("[LEADERBOARDS10] a whole scan is noticed, and so is one of an index", async () => {
    const scan = await costOf(sql, () => sql`select max(amount) from umpire.wallet_lines`);
    expect(scan.scanned).toEqual(["wallet_lines"]);
    const wide = await costOf(
      sql,
      () => sql`
        select max(score) from umpire.leaderboard_scores
        where board = 'scorers' and period = 'all' and inverse between ${-7 * rows} and ${-6 * rows}`,
    );
    expect(wide.read["leaderboard_scores"]).toBeGreaterThan(rows / 10);
  });
}

async function hotQueries({ db, sql }: TestDatabase, rows: number): Promise<Record<string, () => Promise<unknown>>> {
  const clock = new TestClock(Date.UTC(2026, 10, 22));
  const { accounts, parts } = createTestAccounts({ db, clock });
  const { ids } = parts;
  const { progression, leaderboards } = createTestProgression({ db, clock, ids, accounts, content });
  const wallet = createWallet({ ...parts, db, clock, content: () => whole });
  const { token } = await accounts.createGuest({ label: "vitest" });
  const player = manyAccount(rows / 2);
  const reader = { board: "scorers", period: "all", reader: player } as const;
  const deep = { score: 7 * Math.round(rows * 0.6), reachedAt: clock.date(), skip: 0 };
  const repeated = aMatch(ids, rows);
  await progression.recordMatch(repeated);
  return {
    "a session": () => accounts.principalOf({ authorization: `Bearer ${token}` }),
    "a session of nobody": () => accounts.principalOf({ authorization: `Bearer ${"x".repeat(40)}` }),
    "display names": () => accounts.displayNames([player, ids.mint("account")]),
    progress: () => progression.me(player),
    "match history": () => progression.matches(player, { limit: 50 }),
    "match history, further on": () => progression.matches(player, { before: "mat_100", limit: 50 }),
    "a match's result": () => progression.recordMatch(aMatch(ids, rows)),
    "a match's result, repeated": () => progression.recordMatch(repeated),
    "the top of a board": () => leaderboards.top({ ...reader, from: null, limit: 100 }),
    "the middle of a board": () => leaderboards.top({ ...reader, from: deep, limit: 100 }),
    "around a player": () => leaderboards.around(reader),
    "the export of a board's scores": () => sql`select * from umpire.leaderboard_scores where account_id = ${player}`,
    "an answer that was kept": () =>
      db.execute(statement`select umpire.replay(${player}, 'key', 'verb', ${"0".repeat(64)})`),
    "a statement": () => wallet.statement(player, { currency: "gold", before: BigInt(rows), limit: 50 }),
    "a balance": () => wallet.balances(player),
  };
}

function aMatch(ids: Ids, rows: number): MatchResult {
  const players = [1, 2, 3].map((n) => ({
    accountId: manyAccount(n * (rows / 5)),
    placement: n,
    kills: 0,
    deaths: 0,
    xp: 1,
    stats: { points: 5 },
  }));
  const endedAt = new Date(Date.UTC(2026, 10, 22));
  return { matchId: ids.mint("match"), room: "arena", mode: "ffa", startedAt: endedAt, endedAt, players };
}
