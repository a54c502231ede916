import { expect, test } from "vitest";
import type { ContentSource } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { createIds } from "../../platform/ids.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createTestProgression } from "../../testing/progression.ts";
import type { GiveItems, MatchPlayer, MatchResult } from "./service.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 8 });
const clock = new TestClock();
const ids = createIds({ clock, random: cryptoRandom });

/** Stands in for the inventory: a table of its own, so that it is in the same transaction. */
await sql`create table gifts (account_id text, items jsonb, match_id text)`;
let isInventoryBroken = false;
const giveItems: GiveItems = async (tx, gifts, matchId) => {
  await tx.execute(`insert into gifts select e->>'accountId', e->'items', '${matchId}'
    from jsonb_array_elements('${JSON.stringify(gifts)}'::jsonb) as e`);
  if (isInventoryBroken) throw new Error("the inventory is broken");
};

const content = {
  currencies: { gold: { title: "Gold" }, dust: { title: "Dust", max: 25 } },
  items: { crate: { title: "Crate", kind: "stack" } },
  stats: {
    kills: { title: "Kills", kind: "counter" },
    streak: { title: "Streak", kind: "best" },
    rating: { title: "Rating", kind: "last" },
    seed: { title: "Seed", kind: "once" },
  },
  leaderboards: { killers: { title: "Killers", stat: "kills", score: "sum", periods: ["all"] } },
  rewards: {
    arena: {
      byPlacement: [{ currencies: { gold: 100, dust: 10 }, items: { crate: 2 } }, { currencies: { gold: 30 } }],
    },
    duel: { byPlacement: [{ currencies: { gold: 7 } }] },
  },
} satisfies Partial<ContentSource>;
const { progression, activate } = createTestProgression({ db, clock, ids, content, giveItems });

async function someAccounts(count: number): Promise<AccountId[]> {
  const rows = Array.from({ length: count }, () => ids.mint("account"));
  await sql`insert into umpire.accounts ${sql(rows.map((id) => ({ id, display_name: "Ada", kind: "guest", created_at: clock.date() })))}`;
  return rows;
}

function aMatch(accountIds: readonly AccountId[], line: Partial<MatchPlayer> = {}): MatchResult {
  const players = accountIds.map((accountId, index) => ({
    accountId,
    placement: index + 1,
    kills: 0,
    deaths: 0,
    xp: 10,
    ...line,
  }));
  const endedAt = clock.date();
  return { matchId: ids.mint("match"), room: "arena", mode: "ffa", startedAt: endedAt, endedAt, players };
}

async function balancesOf(accountId: AccountId): Promise<Record<string, number>> {
  const rows = await sql<{ currency: string; balance: bigint }[]>`
    select currency, balance from umpire.wallet_balances where account_id = ${accountId}`;
  return Object.fromEntries(rows.map(({ currency, balance }) => [currency, Number(balance)]));
}

const giftsOf = (accountId: AccountId) => sql`select items, match_id from gifts where account_id = ${accountId}`;
const statsOf = async (accountId: AccountId) => (await progression.me(accountId)).stats;

test("[PROGRESSION9] counters add up, best keeps the highest, last the latest, once the first", async () => {
  const [player = ids.mint("account")] = await someAccounts(1);
  for (const value of [5, 9, 0, 7]) {
    clock.advance(1000);
    const stats = { kills: value, streak: value, rating: value, seed: value };
    await progression.recordMatch(aMatch([player], { stats }));
  }
  expect(await statsOf(player)).toEqual({ kills: 21, streak: 9, rating: 7, seed: 5 });
  await progression.recordMatch(aMatch([player]));
  expect(await statsOf(player)).toEqual({ kills: 21, streak: 9, rating: 7, seed: 5 });
});

test("[PROGRESSION9] of results that arrive out of order, last is that of the match that ended last", async () => {
  const [player = ids.mint("account")] = await someAccounts(1);
  const early = aMatch([player], { stats: { rating: 1 } });
  clock.advance(1000);
  await progression.recordMatch(aMatch([player], { stats: { rating: 2 } }));
  await progression.recordMatch(early);
  expect(await statsOf(player)).toEqual({ rating: 2 });
});

test("[PROGRESSION9] a stat that left the catalogue is not shown, and is there when it comes back", async () => {
  const [player = ids.mint("account")] = await someAccounts(1);
  await progression.recordMatch(aMatch([player], { stats: { kills: 4, seed: 1 } }));
  activate({ ...content, leaderboards: {}, stats: { seed: content.stats.seed } });
  expect(await statsOf(player)).toEqual({ seed: 1 });
  activate(content);
  expect(await statsOf(player)).toEqual({ kills: 4, seed: 1 });
});

test("[PROGRESSION10] a stat that is unknown counts nowhere, and the match is recorded", async () => {
  const [one = ids.mint("account")] = await someAccounts(1);
  await progression.recordMatch(aMatch([one], { stats: { kills: 3, unknown: 4, constructor: 5 } }));
  expect(await statsOf(one)).toEqual({ kills: 3 });
  expect(await progression.me(one)).toMatchObject({ matches: 1, stats: { kills: 3 } });
});

test("[PROGRESSION10] a stat that is no whole number in its range is refused, and nobody gets anything", async () => {
  const [one = ids.mint("account"), other = ids.mint("account")] = await someAccounts(2);
  for (const stats of [
    { unknown: -1 },
    { kills: -1 },
    { kills: 1.5 },
    { kills: 1_000_000_001 },
    { kills: 1e21 },
    { kills: Number.NaN },
    { kills: "1; drop" as unknown as number },
  ]) {
    const { players, ...match } = aMatch([one, other]);
    const [first, second] = players;
    if (first === undefined || second === undefined) throw new Error("two players");
    const attempt = progression.recordMatch({ ...match, players: [first, { ...second, stats }] });
    await expect(attempt, JSON.stringify(stats)).rejects.toMatchObject({ code: "PROGRESSION_STAT_INVALID" });
  }
  expect(await progression.me(one)).toMatchObject({ xp: 0, matches: 0, stats: {} });
  expect(await balancesOf(one)).toEqual({});
  expect(await giftsOf(one)).toEqual([]);
  await progression.recordMatch(aMatch([one], { stats: { kills: 1_000_000_000 } }));
  expect(await statsOf(one)).toEqual({ kills: 1_000_000_000 });
});

test("[PROGRESSION3] the same match with other stats is refused, also when they are in no catalogue any more", async () => {
  const accountIds = await someAccounts(2);
  const match = aMatch(accountIds, { stats: { kills: 3, rating: 4 } });
  const first = await progression.recordMatch(match);
  const others = [{ kills: 4, rating: 4 }, { kills: 3 }, { kills: 4, rating: 3 }, { unknown: 1 }, undefined];
  for (const stats of others) {
    const players = match.players.map((player) => ({ ...player, stats }));
    const attempt = progression.recordMatch({ ...match, players });
    await expect(attempt, JSON.stringify(stats)).rejects.toMatchObject({ code: "PROGRESSION_MATCH_CONFLICT" });
  }
  const turned = match.players.map((player) => ({ ...player, stats: { rating: 4, kills: 3 } }));
  expect(await progression.recordMatch({ ...match, players: turned })).toEqual(first);
  activate({});
  expect(await progression.recordMatch(match)).toEqual(first.map((line) => expect.objectContaining(line)));
  activate(content);
});

test("[PROGRESSION11] I8: a match gives what the catalogue says for its room and placement, the last for all behind", async () => {
  const [first = ids.mint("account"), second = first, third = first] = await someAccounts(3);
  const match = aMatch([first, second, third]);
  const outcomes = await progression.recordMatch(match);
  expect(outcomes.map(({ rewards }) => rewards)).toEqual([
    { currencies: { gold: 100, dust: 10 }, items: { crate: 2 } },
    { currencies: { gold: 30 }, items: {} },
    { currencies: { gold: 30 }, items: {} },
  ]);
  expect(await balancesOf(first)).toEqual({ gold: 100, dust: 10 });
  expect(await balancesOf(third)).toEqual({ gold: 30 });
  expect(await giftsOf(first)).toEqual([{ items: { crate: 2 }, match_id: match.matchId }]);
  expect(await giftsOf(second)).toEqual([]);
  const movements =
    await sql`select distinct movement_id, reason, reference from umpire.wallet_lines where reference = ${match.matchId}`;
  expect(movements).toMatchObject([{ reason: "match", reference: match.matchId }]);
  const [elsewhere] = await progression.recordMatch({ ...aMatch([first]), room: "nowhere" });
  expect(elsewhere).not.toHaveProperty("rewards");
  for (let turn = 0; turn < 2; turn++) await progression.recordMatch(aMatch([first]));
  expect(await balancesOf(first), "dust has a max").toEqual({ gold: 300, dust: 25 });
});

test("[PROGRESSION11] I8: fifty at the same moment give once, and all are told what was given", async () => {
  const accountIds = await someAccounts(8);
  const match = aMatch(accountIds, { stats: { kills: 3 } });
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => progression.recordMatch(match)));
  expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
  for (const [index, accountId] of accountIds.entries()) {
    expect(await balancesOf(accountId)).toMatchObject({ gold: index === 0 ? 100 : 30 });
    expect(await giftsOf(accountId)).toHaveLength(index === 0 ? 1 : 0);
    expect(await progression.me(accountId)).toMatchObject({ xp: 10, matches: 1, stats: { kills: 3 } });
  }
});

test("[PROGRESSION11] T24: a repeat under another catalogue gives nothing more, and tells what was given then", async () => {
  const [player = ids.mint("account")] = await someAccounts(1);
  const match = aMatch([player]);
  const first = await progression.recordMatch(match);
  activate({ ...content, rewards: { arena: { byPlacement: [{ currencies: { gold: 5000 } }] } } });
  expect(await progression.recordMatch(match)).toEqual(first);
  activate(content);
  expect(await balancesOf(player)).toEqual({ gold: 100, dust: 10 });
});

test("[PROGRESSION11] matches that share players and give at once all count, and the books balance", async () => {
  const accountIds = await someAccounts(6);
  const turned = (by: number) => [...accountIds.slice(by), ...accountIds.slice(0, by)];
  const matches = Array.from({ length: 60 }, (_, index) => ({
    ...aMatch(turned(index % 6), { stats: { kills: index, streak: index } }),
    room: index % 2 === 0 ? "duel" : "arena",
  }));
  await Promise.all(matches.map((match) => progression.recordMatch(match)));
  const gold = await Promise.all(accountIds.map(async (accountId) => (await balancesOf(accountId))["gold"]));
  // 30 duels give 7 to each; 30 arenas give 100 to their first, and all others 30.
  expect(gold.reduce((sum: number, balance = 0) => sum + balance, 0)).toBe(30 * 6 * 7 + 30 * (100 + 5 * 30));
  for (const accountId of accountIds) expect(await statsOf(accountId)).toEqual({ kills: (60 * 59) / 2, streak: 59 });
});

test("[PROGRESSION12] T24: when items cannot be given nothing is recorded, and another try gives everything", async () => {
  const accountIds = await someAccounts(3);
  const [winner = ids.mint("account")] = accountIds;
  const match = aMatch(accountIds, { stats: { kills: 2 } });
  isInventoryBroken = true;
  await expect(progression.recordMatch(match)).rejects.toThrow("the inventory is broken");
  isInventoryBroken = false;
  for (const accountId of accountIds) {
    expect(await progression.me(accountId)).toMatchObject({ xp: 0, matches: 0, stats: {} });
    expect(await balancesOf(accountId)).toEqual({});
  }
  expect(await giftsOf(winner)).toEqual([]);
  expect(await sql`select 1 from umpire.leaderboard_scores where account_id in ${sql(accountIds)}`).toEqual([]);
  await progression.recordMatch(match);
  await progression.recordMatch(match);
  expect(await balancesOf(winner)).toEqual({ gold: 100, dust: 10 });
  expect(await giftsOf(winner)).toHaveLength(1);
});

test("[PROGRESSION12] a player whose account is gone earns nothing, and the others everything", async () => {
  const [staying = ids.mint("account")] = await someAccounts(1);
  const gone = ids.mint("account");
  const outcomes = await progression.recordMatch(aMatch([gone, staying], { stats: { kills: 2 } }));
  expect(outcomes).toMatchObject([{ accountId: staying, rewards: { currencies: { gold: 30 } } }]);
  expect(await balancesOf(gone)).toEqual({});
  expect(await giftsOf(gone)).toEqual([]);
});

test("[PROGRESSION11] I1: after all of that every book agrees with its balance, and every board with its counts", async () => {
  expect(await sql`select * from umpire.wallet_discrepancies`).toEqual([]);
  expect(await sql`select * from umpire.leaderboard_discrepancies`).toEqual([]);
});
