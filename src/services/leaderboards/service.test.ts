import { expect, test } from "vitest";
import type { ContentSource } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createTestProgression } from "../../testing/progression.ts";
import { periodAt } from "./periods.ts";
import type { Place } from "./ranking.ts";
import type { LeaderboardPage } from "./service.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 8 });
const clock = new TestClock(Date.UTC(2026, 10, 22, 12));
const { accounts, parts } = createTestAccounts({ db, clock });
const { ids } = parts;
const periods = ["daily", "weekly", "all"] as const;
const board = (score: "best" | "sum" | "last") => ({ title: score, stat: "points", score, periods: [...periods] });
const content: Partial<ContentSource> = {
  stats: { points: { title: "Points", kind: "counter" } },
  leaderboards: {
    best: board("best"),
    sum: board("sum"),
    last: board("last"),
    ever: { ...board("sum"), periods: ["all"] },
  },
};
const { progression, leaderboards } = createTestProgression({ db, clock, ids, accounts, content });

async function aGuest(): Promise<AccountId> {
  return (await accounts.createGuest({ label: "vitest" })).account.id;
}

/** Matches that end `afterMs` from now, in the order in which their results arrive. */
async function play(accountId: AccountId, ...told: readonly [points: number, afterMs: number][]): Promise<void> {
  for (const [points, afterMs] of told) {
    const endedAt = new Date(clock.now() + afterMs);
    const players = [{ accountId, placement: 1, kills: 0, deaths: 0, xp: 0, stats: { points } }];
    await progression.recordMatch({
      matchId: ids.mint("match"),
      room: "r",
      mode: "m",
      startedAt: endedAt,
      endedAt,
      players,
    });
  }
}

async function scoreOf(accountId: AccountId, name: string, period: (typeof periods)[number] = "all") {
  const [entry] = (await leaderboards.around({ board: name, period, reader: accountId })).filter(({ isYou }) => isYou);
  return entry && [entry.score, entry.reachedAt.getTime() - clock.now()];
}

test("[LEADERBOARDS1] a score is the best, the sum or the last of what matches told, with the time it was reached", async () => {
  const [inOrder, outOfOrder] = [await aGuest(), await aGuest()];
  const told: [number, number][] = [
    [5, 10],
    [9, 20],
    [9, 30],
    [0, 40],
    [7, 50],
  ];
  await play(inOrder, ...told);
  await play(outOfOrder, ...told.toReversed());
  for (const player of [inOrder, outOfOrder]) {
    expect(await scoreOf(player, "best")).toEqual([9, 20]);
    expect(await scoreOf(player, "sum")).toEqual([30, 50]);
    expect(await scoreOf(player, "last")).toEqual([7, 50]);
  }
  await play(inOrder, [7, 60]);
  expect(await scoreOf(inOrder, "last"), "the same score keeps its time").toEqual([7, 50]);
});

test("[LEADERBOARDS1] who has told of nothing stands nowhere, and a sum of nothing is no score", async () => {
  const player = await aGuest();
  expect(await leaderboards.around({ board: "best", period: "all", reader: player })).toEqual([]);
  await play(player, [0, 0]);
  expect(await scoreOf(player, "sum")).toBeUndefined();
  expect(await scoreOf(player, "best")).toEqual([0, 0]);
});

test("[LEADERBOARDS3] a match counts in the day and the week in which it ended, in UTC, the week from Monday", async () => {
  const at = (text: string) => periods.map((period) => periodAt(period, new Date(text)));
  expect(at("2026-11-22T23:59:59.999Z")).toEqual(["d2026-11-22", "w2026-11-16", "all"]);
  expect(at("2026-11-23T00:00:00.000Z")).toEqual(["d2026-11-23", "w2026-11-23", "all"]);
  expect(at("2027-01-01T00:00:00.000Z")).toEqual(["d2027-01-01", "w2026-12-28", "all"]);
  const player = await aGuest();
  const day = 24 * 60 * 60_000;
  await play(player, [3, 0], [5, -13 * 60 * 60_000], [7, -7 * day]);
  expect((await scoreOf(player, "sum", "daily"))?.[0]).toBe(3);
  expect((await scoreOf(player, "sum", "weekly"))?.[0]).toBe(8);
  expect((await scoreOf(player, "sum", "all"))?.[0]).toBe(15);
  clock.advance(12 * 60 * 60_000);
  expect(await scoreOf(player, "sum", "daily"), "another day").toBeUndefined();
  expect(await scoreOf(player, "sum", "weekly"), "Monday").toBeUndefined();
  expect((await scoreOf(player, "sum", "all"))?.[0]).toBe(15);
});

test("[LEADERBOARDS4] a page holds at most 100, and says where the next begins", async () => {
  clock.advance(24 * 60 * 60_000);
  const rows = Array.from({ length: 230 }, (_, index) => ({
    board: "best",
    period: periodAt("daily", clock.date()),
    account_id: ids.mint("account"),
    score: index < 210 ? 4 : 9,
    reached_at: clock.date(),
    told_at: clock.date(),
  }));
  await sql`insert into umpire.leaderboard_scores ${sql(rows)}`;
  const query = { board: "best", period: "daily", reader: ids.mint("account") } as const;
  const ranks: number[] = [];
  let from: Place | null = null;
  for (let pages = 0; pages < 3; pages++) {
    const page: LeaderboardPage = await leaderboards.top({ ...query, from, limit: 1000 });
    expect(page.next === null).toBe(pages === 2);
    expect(page.entries).toHaveLength(pages === 2 ? 30 : 100);
    ranks.push(...page.entries.map(({ rank }) => rank));
    from = page.next;
  }
  expect(ranks).toEqual(rows.map((_, index) => index + 1));
  const exact = await leaderboards.top({
    ...query,
    from: { score: 4, reachedAt: clock.date(), skip: 110 },
    limit: 100,
  });
  expect(exact.next, "nothing behind a last page that is full").toBeNull();
});

test("[LEADERBOARDS7] a deleted account stands on no board, and those behind it move up", async () => {
  clock.advance(24 * 60 * 60_000);
  const [first, second] = [await aGuest(), await aGuest()];
  await play(first, [50, 0]);
  await play(second, [40, 0]);
  const ranks = async () => {
    const { entries } = await leaderboards.top({
      board: "sum",
      period: "daily",
      reader: second,
      from: null,
      limit: 10,
    });
    return entries.map(({ rank, score, displayName, isYou }) => [rank, score, displayName !== null, isYou]);
  };
  expect(await ranks()).toEqual([
    [1, 50, true, false],
    [2, 40, true, true],
  ]);
  await accounts.deleteAccount(first);
  expect(await ranks()).toEqual([[1, 40, true, true]]);
  await play(first, [60, 1]);
  expect(await ranks()).toEqual([[1, 40, true, true]]);
  expect(await sql`select * from umpire.leaderboard_discrepancies`).toEqual([]);
});

test("[LEADERBOARDS8] a board or a period that the catalogue does not have is refused", async () => {
  const reader = await aGuest();
  for (const [name, period] of [
    ["nowhere", "all"],
    ["constructor", "all"],
    ["ever", "daily"],
    ["", "all"],
  ] as const) {
    const query = { board: name, period, reader };
    await expect(leaderboards.around(query), name).rejects.toMatchObject({ code: "LEADERBOARDS_UNKNOWN", status: 404 });
    const page = leaderboards.top({ ...query, from: null, limit: 5 });
    await expect(page, name).rejects.toMatchObject({ code: "LEADERBOARDS_UNKNOWN" });
  }
  expect(await leaderboards.around({ board: "ever", period: "all", reader })).toEqual([]);
});

test("[LEADERBOARDS9] days and weeks that are over for five weeks are removed, a bounded number at a time", async () => {
  await sql`delete from umpire.leaderboard_scores`;
  const player = await aGuest();
  await play(player, [1, 0]);
  clock.advance(35 * 24 * 60 * 60_000);
  await play(player, [1, 0]);
  const count = async () =>
    Number((await sql<{ n: bigint }[]>`select count(*) as n from umpire.leaderboard_scores`)[0]?.n);
  const before = await count();
  expect(await leaderboards.removeOldScores(100)).toBe(0);
  clock.advance(7 * 24 * 60 * 60_000);
  const sizes = [];
  for (let size = 4; size > 0; sizes.push(size)) size = await leaderboards.removeOldScores(4);
  expect(sizes).toEqual([4, 2, 0]);
  expect(await count()).toBe(before - 6);
  expect(await scoreOf(player, "ever")).toBeDefined();
  expect(await sql`select * from umpire.leaderboard_discrepancies`).toEqual([]);
  expect(await sql`select 1 from umpire.leaderboard_counts group by board, period having sum(scores) = 0`).toEqual([]);
});
