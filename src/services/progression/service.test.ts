import { expect, test } from "vitest";
import type { AccountId, MatchId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { databaseError } from "../../platform/database.ts";
import { createIds } from "../../platform/ids.ts";
import { createSeededRandom, cryptoRandom } from "../../platform/random.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createTestProgression } from "../../testing/progression.ts";
import type { MatchResult } from "./service.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 8 });
const clock = new TestClock();
const ids = createIds({ clock, random: cryptoRandom });
const { progression } = createTestProgression({ db, clock, ids });

/** Enough for all that follows. */
const spare = Array.from({ length: 400 }, () => ids.mint("account"));
await sql`insert into umpire.accounts ${sql(spare.map((id) => ({ id, display_name: "Ada", kind: "guest", created_at: clock.date() })))}`;

function anAccount(): AccountId {
  const accountId = spare.pop();
  if (accountId === undefined) throw new Error("more accounts are needed");
  return accountId;
}

function aMatch(accountIds: readonly AccountId[], changes: Partial<MatchResult> = {}): MatchResult {
  const players = accountIds.map((accountId, index) => ({
    accountId,
    placement: index + 1,
    kills: 3,
    deaths: 1,
    xp: 120 - index,
  }));
  const endedAt = clock.date();
  const startedAt = new Date(endedAt.getTime() - 300_000);
  return { matchId: ids.mint("match"), room: "arena", mode: "ffa", startedAt, endedAt, players, ...changes };
}

/** Everything that is stored of these accounts. */
async function stored(accountIds: readonly AccountId[]): Promise<unknown[]> {
  const totals = await sql`
    select * from umpire.progression where account_id in ${sql(accountIds)} order by account_id`;
  const lines = await sql`
    select * from umpire.progression_match_players where account_id in ${sql(accountIds)} order by match_id, account_id`;
  return [...totals, ...lines];
}

test("[PROGRESSION1] a match gives XP, a match and to the first a win", async () => {
  const [winner, other] = [anAccount(), anAccount()];
  const outcomes = await progression.recordMatch(aMatch([winner, other]));
  expect(outcomes).toEqual([
    { accountId: winner, xpGained: 120, xp: 120, level: 2, levelsGained: 1 },
    { accountId: other, xpGained: 119, xp: 119, level: 2, levelsGained: 1 },
  ]);
  const next = { xpForNextLevel: 150, level: 2, matches: 1, stats: {} };
  expect(await progression.me(winner)).toEqual({ ...next, xp: 120, xpIntoLevel: 20, wins: 1 });
  expect(await progression.me(other)).toEqual({ ...next, xp: 119, xpIntoLevel: 19, wins: 0 });
});

test("[PROGRESSION1] matches add up, and one may gain several levels or none", async () => {
  const player = anAccount();
  const play = async (xp: number) => {
    const [outcome] = await progression.recordMatch(
      aMatch([], { players: [{ accountId: player, placement: 2, kills: 0, deaths: 9, xp }] }),
    );
    return outcome;
  };
  expect(await play(0)).toMatchObject({ xpGained: 0, xp: 0, level: 1, levelsGained: 0 });
  expect(await play(699)).toMatchObject({ xpGained: 699, xp: 699, level: 4, levelsGained: 3 });
  expect(await play(1)).toMatchObject({ xpGained: 1, xp: 700, level: 5, levelsGained: 1 });
  expect(await progression.me(player)).toMatchObject({ xp: 700, matches: 3, wins: 0 });
});

test("[PROGRESSION1] equals in first place have both won", async () => {
  const players = [anAccount(), anAccount()].map((accountId) => ({
    accountId,
    placement: 1,
    kills: 0,
    deaths: 0,
    xp: 5,
  }));
  await progression.recordMatch(aMatch([], { players }));
  for (const { accountId } of players) expect((await progression.me(accountId)).wins).toBe(1);
});

test("[PROGRESSION2] a repeat gives the first outcomes and applies nothing, also after other matches", async () => {
  const players = [anAccount(), anAccount(), anAccount()];
  const match = aMatch(players);
  const first = await progression.recordMatch(match);
  await progression.recordMatch(aMatch(players));
  const before = await stored(players);
  clock.advance(60_000);
  expect(await progression.recordMatch(match)).toEqual(first);
  const turned = { ...match, players: [...match.players].reverse() };
  expect(await progression.recordMatch(turned)).toEqual([...first].reverse());
  expect(await stored(players)).toEqual(before);
});

test("[PROGRESSION2] fifty at the same moment apply once and are told the same", async () => {
  const players = Array.from({ length: 16 }, anAccount);
  const match = aMatch(players);
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => progression.recordMatch(match)));
  expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
  expect(outcomes[0]).toHaveLength(16);
  for (const [index, accountId] of players.entries()) {
    expect(await progression.me(accountId)).toMatchObject({ xp: 120 - index, matches: 1 });
  }
});

test("[PROGRESSION2] a match without people is recorded once, too", async () => {
  const match = aMatch([]);
  expect(await progression.recordMatch(match)).toEqual([]);
  expect(await progression.recordMatch(match)).toEqual([]);
  expect(await sql`select 1 from umpire.progression_matches where match_id = ${match.matchId}`).toHaveLength(1);
});

test("[PROGRESSION3] another result for the same match is refused and changes nothing", async () => {
  const players = [anAccount(), anAccount()];
  const [first, second] = players;
  const match = aMatch(players);
  await progression.recordMatch(match);
  const before = await stored(players);
  const [one, two] = match.players;
  if (one === undefined || two === undefined || first === undefined || second === undefined)
    throw new Error("two players");
  const others: Partial<MatchResult>[] = [
    { room: "duel" },
    { mode: "duel" },
    { startedAt: new Date(match.startedAt.getTime() - 1) },
    { endedAt: new Date(match.endedAt.getTime() + 1) },
    { players: [] },
    { players: [one] },
    { players: [one, two, { ...one, accountId: anAccount() }] },
    {
      players: [
        { ...one, accountId: second },
        { ...two, accountId: first },
      ],
    },
    ...(["placement", "kills", "deaths", "xp"] as const).map((field) => ({
      players: [one, { ...two, [field]: two[field] + 1 }],
    })),
  ];
  for (const other of others) {
    const attempt = progression.recordMatch({ ...match, ...other });
    await expect(attempt, JSON.stringify(other)).rejects.toMatchObject({
      code: "PROGRESSION_MATCH_CONFLICT",
      status: 409,
    });
  }
  expect(await stored(players)).toEqual(before);
});

test("[PROGRESSION3] of two results for one match at the same moment, one counts", async () => {
  const player = anAccount();
  const match = aMatch([player]);
  const line = { accountId: player, placement: 1, kills: 3, deaths: 1 };
  const attempts = Array.from({ length: 20 }, (_, xp) =>
    progression.recordMatch({ ...match, players: [{ ...line, xp: xp + 1 }] }),
  );
  const results = await Promise.allSettled(attempts);
  const kept = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
  expect(kept).toHaveLength(1);
  expect(new Set(refused)).toEqual(new Set(["PROGRESSION_MATCH_CONFLICT"]));
  expect((await progression.me(player)).xp).toBe(kept[0]?.xp);
});

test("[PROGRESSION4] matches that share players, brought at once in any order, all count", async () => {
  const seed = cryptoRandom.below(2 ** 32);
  const random = createSeededRandom(seed);
  const everyone = Array.from({ length: 16 }, anAccount);
  const expected = new Map(everyone.map((accountId) => [accountId, { xp: 0, matches: 0, wins: 0 }]));
  const matches = Array.from({ length: 120 }, () => {
    const shuffled = everyone.map((accountId) => ({ accountId, order: random.below(1000) }));
    shuffled.sort((a, b) => a.order - b.order);
    const match = aMatch(shuffled.slice(0, 2 + random.below(14)).map(({ accountId }) => accountId));
    for (const { accountId, xp, placement } of match.players) {
      const sum = expected.get(accountId);
      if (sum === undefined) continue;
      sum.xp += xp;
      sum.matches += 1;
      sum.wins += placement === 1 ? 1 : 0;
    }
    return match;
  });
  await Promise.all(matches.map((match) => progression.recordMatch(match)));
  for (const [accountId, sum] of expected) expect(await progression.me(accountId), `seed ${seed}`).toMatchObject(sum);
});

test("[PROGRESSION5] one impossible line, and nobody gets anything", async () => {
  const [good, bad] = [anAccount(), anAccount()];
  const line = { accountId: bad, placement: 2, kills: 0, deaths: 0, xp: 0 };
  for (const [changes, code] of [
    [{ xp: -1 }, "23514"],
    [{ xp: Number.MAX_SAFE_INTEGER + 1 }, "23514"],
    [{ xp: 1.5 }, "22P02"],
    [{ xp: Number.NaN }, "23502"],
    [{ placement: 0 }, "23514"],
    [{ kills: -1 }, "23514"],
    [{ deaths: 2 ** 31 }, "22003"],
  ] as const) {
    const { players, ...match } = aMatch([good]);
    const attempt = progression.recordMatch({ ...match, players: [...players, { ...line, ...changes }] });
    expect(databaseError(await attempt.catch((thrown: unknown) => thrown))?.code, JSON.stringify(changes)).toBe(code);
    expect(await sql`select 1 from umpire.progression_matches where match_id = ${match.matchId}`).toHaveLength(0);
  }
  await expect(progression.recordMatch(aMatch([good, good]))).rejects.toThrow("invariant broken");
  expect(await stored([good, bad])).toEqual([]);
});

test("[PROGRESSION7] matches come newest first, in pages that neither repeat nor skip", async () => {
  const player = anAccount();
  const played: MatchId[] = [];
  for (let index = 0; index < 23; index++) {
    if (index % 3 === 0) clock.advance(1000);
    const match = aMatch([anAccount(), player], { mode: index % 2 === 0 ? "ffa" : "duel" });
    played.push(match.matchId);
    await progression.recordMatch(match);
  }
  const all = await progression.matches(player, { limit: 50 });
  expect(all.map(({ matchId }) => matchId).sort()).toEqual([...played].sort());
  const times = all.map(({ endedAt }) => endedAt.getTime());
  expect(times).toEqual([...times].sort((a, b) => b - a));
  expect(all[0]).toEqual({
    matchId: expect.stringMatching(/^mat_/),
    room: "arena",
    mode: expect.stringMatching(/^ffa$|^duel$/),
    startedAt: new Date(clock.now() - 300_000),
    endedAt: clock.date(),
    placement: 2,
    kills: 3,
    deaths: 1,
    xpGained: 119,
  });
  const paged: MatchId[] = [];
  for (let before: MatchId | undefined, rows = 5; rows === 5; before = paged.at(-1)) {
    const page = await progression.matches(player, { before, limit: 5 });
    rows = page.length;
    paged.push(...page.map(({ matchId }) => matchId));
  }
  expect(paged).toEqual(all.map(({ matchId }) => matchId));
});

test("[PROGRESSION7] a page holds at most 50, and another's matches are none of one's own", async () => {
  const [player, other] = [anAccount(), anAccount()];
  const matches = Array.from({ length: 60 }, () => aMatch([player]));
  await Promise.all(matches.map((match) => progression.recordMatch(match)));
  expect(await progression.matches(player, { limit: 1000 })).toHaveLength(50);
  const [foreign] = matches;
  expect(await progression.matches(other, { limit: 50 })).toEqual([]);
  await progression.recordMatch(aMatch([other]));
  expect(await progression.matches(other, { before: foreign?.matchId, limit: 50 })).toEqual([]);
  expect(await progression.matches(other, { before: "mat_unknown", limit: 50 })).toEqual([]);
  expect(await progression.matches(other, { before: "mat_' or true --", limit: 50 })).toEqual([]);
});

test("[PROGRESSION8] who has not played is at the beginning", async () => {
  const player = anAccount();
  const beginning = { xp: 0, level: 1, xpIntoLevel: 0, xpForNextLevel: 100, matches: 0, wins: 0, stats: {} };
  expect(await progression.me(player)).toEqual(beginning);
  expect(await progression.matches(player, { limit: 50 })).toEqual([]);
});

test("[PROGRESSION13] the level that joins ask for is the account's, at once after a match here and within a minute elsewhere", async () => {
  const player = anAccount();
  const elsewhere = createTestProgression({ db, clock, ids }).progression;
  const levels = () => Promise.all([progression.level(player), elsewhere.level(player)]);
  expect(await levels()).toEqual([1, 1]);
  const players = [{ accountId: player, placement: 1, kills: 0, deaths: 0, xp: 100 }];
  await progression.recordMatch(aMatch([], { players }));
  expect(await levels()).toEqual([2, 1]);
  clock.advance(60_000);
  expect(await levels()).toEqual([2, 2]);
});
