import { expect, test } from "vitest";
import { startTestApp } from "../../testing/app.ts";
import { createTestDatabase } from "../../testing/postgres.ts";

const { sql, url } = await createTestDatabase();
const app = await startTestApp({
  rooms: {},
  settings: { DATABASE_URL: url },
  catalogue: {
    levels: { base: 100, growth: 50, max: 100 },
    stats: { points: { title: "Points", kind: "counter" } },
    leaderboards: { scorers: { title: "Scorers", stat: "points", score: "sum", periods: ["all"] } },
  },
});
const players = await Promise.all(Array.from({ length: 5 }, () => app.guest()));
const [reader = { accountId: "", token: "" }] = players;
for (const [index, { accountId }] of players.entries()) {
  await sql`insert into umpire.leaderboard_scores (board, period, account_id, score, reached_at, told_at)
    values ('scorers', 'all', ${accountId}, ${10 * index}, '2026-01-01', '2026-01-01')`;
}

const read = (path: string, token: string | null = reader.token) =>
  app.call("GET", `/api/leaderboards/${path}`, token === null ? {} : { token });

test("[LEADERBOARDS8] players see ranks, names and scores, and no account id", async () => {
  const { status, body } = await read("scorers");
  expect(status).toBe(200);
  const { entries, next } = body as { entries: Record<string, unknown>[]; next: string | null };
  expect(next).toBeNull();
  expect(entries.map(({ rank, score, isYou }) => [rank, score, isYou])).toEqual([
    [1, 40, false],
    [2, 30, false],
    [3, 20, false],
    [4, 10, false],
    [5, 0, true],
  ]);
  expect(entries[0]).toEqual({
    rank: 1,
    score: 40,
    isYou: false,
    displayName: expect.stringMatching(/\w/),
    reachedAt: "2026-01-01T00:00:00.000Z",
  });
  const around = await read("scorers/around?period=all");
  expect(around.body).toEqual({ entries });
  const paged = await read("scorers?limit=2");
  for (const { text } of [body, around.body, paged.body].map((shown) => ({ text: JSON.stringify(shown) }))) {
    for (const { accountId } of players) expect(text).not.toContain(accountId);
  }
});

test("[LEADERBOARDS4] the next page begins where the one before says", async () => {
  const ranks: number[] = [];
  for (let from: string | null = "", pages = 0; from !== null && pages < 9; pages++) {
    const { body } = await read(`scorers?limit=2${from === "" ? "" : `&from=${from}`}`);
    const page = body as { entries: { rank: number }[]; next: string | null };
    ranks.push(...page.entries.map(({ rank }) => rank));
    from = page.next;
  }
  expect(ranks).toEqual([1, 2, 3, 4, 5]);
});

test("[LEADERBOARDS8] what is no board, no period and no place is refused", async () => {
  expect((await read("nowhere")).status).toBe(404);
  expect((await read("scorers?period=daily")).status).toBe(404);
  expect((await read("scorers/around?period=daily")).status).toBe(404);
  for (const query of [
    "period=yearly",
    "limit=0",
    "limit=101",
    "limit=x",
    "from=1",
    "from=1.1.99999",
    "from=-1.1.1",
    "from=1.999999999999999.1",
    "who=me",
  ]) {
    expect((await read(`scorers?${query}`)).status, query).toBe(400);
  }
  expect((await read("scorers?from=999999999999999.99999999999999.9999")).status).toBe(200);
  expect((await read("scorers", null)).status).toBe(401);
  expect((await read("scorers/around", null)).status).toBe(401);
});
