import { afterAll, expect, test } from "vitest";
import type { AccountId } from "../../../schema/ids.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { createIds } from "../../platform/ids.ts";
import { createJobs } from "../../platform/jobs.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createSeededRandom, cryptoRandom } from "../../platform/random.ts";
import type { Redis } from "../../platform/redis.ts";
import { until } from "../../testing/app.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { testRanking } from "../../testing/ranking-contract.ts";
import { createTestRedis, openUpRedis, startKillableRedis } from "../../testing/redis.ts";
import { TIMED } from "../../testing/timed.ts";
import { createPostgresRanking, type Ranking, type Table } from "./ranking.ts";
import { KEPT_MS } from "./ranking-build.ts";
import { ADD, BEGIN, FINISH, REFRESH, rankingKeys, toldArguments } from "./ranking-scripts.ts";
import { readPage } from "./ranking-source.ts";
import { createRedisRanking } from "./redis-ranking.ts";

const database = await createTestDatabase({ connectionsMax: 8 });
const { db, sql } = database;
const clock = createSystemClock();
const ids = createIds({ clock, random: cryptoRandom });
const seed = cryptoRandom.below(2 ** 32);
const random = createSeededRandom(seed);
const postgres = createPostgresRanking({ db });
const shared = await createTestRedis();
const killable = await startKillableRedis();

/** A ranking as a process has it. No job is under way. */
function openRanking(redis: Redis) {
  const built: unknown[] = [];
  const log = createLog({
    level: "info",
    destination: { write: (line) => void (line.includes("leaderboards.built") && built.push(JSON.parse(line))) },
  });
  const metrics = createMetrics();
  const jobs = createJobs({ db, url: database.url, log, clock, metrics });
  const ranking = createRedisRanking({ redis, db, clock, log, metrics, jobs });
  afterAll(async () => {
    await ranking.stop();
    await jobs.stop();
  });
  const told = async (by: string) =>
    (await metrics.leaderboardReads.get()).values.find(({ labels }) => labels.by === by)?.value ?? 0;
  return { ranking, built, told };
}

/** Waits until the table is in Redis: what it tells from then on does not come from Postgres. */
async function untilTold(ranking: Ranking, told: (by: string) => Promise<number>, table: Table, withinMs = 10_000) {
  const deadline = performance.now() + withinMs;
  for (let before = await told("redis"); (await told("redis")) === before; ) {
    if (performance.now() > deadline) throw new Error(`not in Redis within ${withinMs} ms`);
    await ranking.top(table, { from: null, limit: 1 });
  }
}

let tables = 0;
function aTable(): Table {
  return { board: `of-redis-${++tables}`, period: "all" };
}

async function write(table: Table, accountIds: readonly AccountId[]): Promise<void> {
  const rows = accountIds.map((account_id) => ({
    ...table,
    account_id,
    score: random.below(5),
    reached_at: new Date(Date.UTC(2026, 0, 1) + random.below(3)),
    told_at: new Date(0),
  }));
  await sql`
    insert into umpire.leaderboard_scores ${sql(rows)}
    on conflict (board, period, account_id) do update set score = excluded.score, reached_at = excluded.reached_at`;
}

function someAccounts(count: number): AccountId[] {
  return Array.from({ length: count }, () => ids.mint("account"));
}

const all = { from: null, limit: 1000 };
const same = async (ranking: Ranking, table: Table) =>
  expect(await ranking.top(table, all), `seed ${seed}`).toEqual(await postgres.top(table, all));

const first = openRanking(shared);

testRanking("Redis", {
  ranking: {
    ...first.ranking,
    async top(table, page) {
      await untilTold(first.ranking, first.told, table);
      return first.ranking.top(table, page);
    },
    async around(table, whom) {
      await untilTold(first.ranking, first.told, table);
      return first.ranking.around(table, whom);
    },
  },
  database,
  ids,
  random,
  seed,
});

test("[LEADERBOARDS2] the largest score and the smallest are told by Redis as they are", async () => {
  const table = aTable();
  const scores = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, 1, 0];
  const rows = scores.map((score) => ({
    ...table,
    account_id: ids.mint("account"),
    score,
    reached_at: new Date(score === 0 ? -1 : 0),
    told_at: new Date(0),
  }));
  await sql`insert into umpire.leaderboard_scores ${sql(rows)}`;
  await untilTold(first.ranking, first.told, table);
  const told = await first.ranking.top(table, all);
  expect(told.map(({ score }) => score)).toEqual(scores);
  expect(told).toEqual(await postgres.top(table, all));
});

test("[LEADERBOARDS11] what Redis tells is what Postgres tells, however changes, deletions and fillings meet", async () => {
  const table = aTable();
  const accounts = someAccounts(1200);
  await write(table, accounts);
  const others = openRanking(shared);
  const rankings = [first.ranking, others.ranking];
  const { places, newPlaces, builder } = rankingKeys(shared, table);
  let isOver = false;
  // Again and again the table is gone, or is to be filled anew, in one process or the other.
  const filling = (async () => {
    for (let rounds = 0; !isOver; rounds++) {
      const keys = rounds % 3 === 0 ? [places, builder, newPlaces] : [places];
      await shared.call((client) => client.unlink(...keys));
      await Promise.all(rankings.map((ranking) => ranking.top(table, { from: null, limit: 1 })));
      await new Promise((settle) => setTimeout(settle, random.below(20)));
    }
  })();
  const changing = async (ranking: Ranking) => {
    for (let rounds = 0; rounds < 25; rounds++) {
      const some = accounts.filter(() => random.below(100) === 0);
      if (some.length === 0) continue;
      // One row at a time: statements of several rows, which come in any order, would wait for each other in a circle.
      if (random.below(4) > 0) for (const one of some) await write(table, [one]);
      else
        for (const one of some)
          await sql`delete from umpire.leaderboard_scores where account_id = ${one} and board = ${table.board}`;
      await ranking.refresh([table], some);
    }
  };
  await Promise.all([...rankings, ...rankings].map(changing));
  isOver = true;
  await filling;
  for (const { ranking, told } of [first, others]) {
    await untilTold(ranking, told, table);
    await same(ranking, table);
  }
});

test("[LEADERBOARDS11] what was read earlier never replaces what was read later, and neither brings back who is gone", async () => {
  const table = aTable();
  const [one, other] = someAccounts(2) as [AccountId, AccountId];
  await write(table, [one, other]);
  await untilTold(first.ranking, first.told, table);
  await sql`delete from umpire.leaderboard_scores where account_id = ${one} and board = ${table.board}`;
  await first.ranking.refresh([table], [one, other]);
  const { order, places, newOrder, newPlaces } = rankingKeys(shared, table);
  const late = [one, other].map((accountId) => ({ accountId, score: 99, reachedAt: new Date(0) }));
  const keys = [order, places, newOrder, newPlaces];
  await shared.script(REFRESH)(keys, [shared.runId(), "1", ...late.flatMap(toldArguments)]);
  await same(first.ranking, table);
  expect(await first.ranking.around(table, { accountId: one, reach: 3 })).toEqual([]);
});

test("[LEADERBOARDS11] a change that comes while a table is being filled is not lost when it is complete", async () => {
  const table = aTable();
  const accounts = someAccounts(3) as [AccountId, AccountId, AccountId];
  await write(table, accounts);
  const keys = Object.values(rankingKeys(shared, table));
  const [run, token] = [shared.runId(), "of this test"];
  expect(await shared.script(BEGIN)(keys, [run, token, 10_000, 0])).toBe(1);
  const page = await readPage(db, table, { after: "", limit: 10 });
  await write(table, accounts.slice(0, 2));
  await sql`delete from umpire.leaderboard_scores where account_id = ${accounts[2]} and board = ${table.board}`;
  await first.ranking.refresh([table], accounts);
  const rows = page.told.flatMap(toldArguments);
  expect(await shared.script(ADD)(keys, [run, token, 10_000, page.position, ...rows])).toBe(1);
  expect(await shared.script(FINISH)(keys, [run, token, 10_000])).toBe(1);
  const before = await first.told("redis");
  await same(first.ranking, table);
  expect(await first.told("redis"), "it was this one that told").toBe(before + 1);
});

test("[LEADERBOARDS12] T6: emptied, killed, started again empty or on an old copy, it is never believed, and is filled again", async () => {
  const redis = await openUpRedis({ url: killable.url });
  const { ranking, told } = openRanking(redis);
  const table = aTable();
  const accounts = someAccounts(50);
  await write(table, accounts);
  const losses = [
    () => redis.call((client) => client.flushall()),
    async () => {
      await killable.kill();
      await same(ranking, table);
      await killable.start({ isEmpty: true });
    },
    async () => {
      // What it acknowledged may still have been lost: this is how a copy looks that has missed the last change.
      const { order } = rankingKeys(redis, table);
      const [, last = ""] = await redis.call((client) => client.zrange(order, -2, -1));
      await redis.call((client) => client.zadd(order, -999, last));
      await killable.kill();
      await killable.start();
    },
    () => redis.call((client) => client.unlink(rankingKeys(redis, table).order)),
  ];
  for (const lose of losses) {
    await untilTold(ranking, told, table);
    await same(ranking, table);
    await lose();
    await same(ranking, table);
    await write(table, accounts.slice(0, 5));
    await ranking.refresh([table], accounts.slice(0, 5));
    await same(ranking, table);
  }
  await untilTold(ranking, told, table);
  await same(ranking, table);
  await ranking.stop();
  redis.close();
});

test(
  "[LEADERBOARDS12] T5: while it hangs Postgres answers, within a second, and a match that is told then is told later",
  TIMED,
  async () => {
    const [redis, other] = [
      await openUpRedis({ url: killable.url, prefix: "hangs" }),
      await openUpRedis({ url: killable.url, prefix: "hangs" }),
    ];
    const { ranking, told } = openRanking(redis);
    const elsewhere = openRanking(other);
    const [table, wide] = [aTable(), aTable()];
    const accounts = someAccounts(50);
    for (const each of [table, wide]) {
      await write(each, accounts);
      await untilTold(ranking, told, each);
    }
    killable.pause();
    const inTime = async (work: Promise<unknown>) => {
      const startedMs = performance.now();
      await work;
      expect(performance.now() - startedMs).toBeLessThan(1000);
    };
    await inTime(ranking.top(table, all));
    await same(ranking, table);
    const changed = accounts.slice(0, 5);
    for (const each of [table, wide]) await write(each, changed);
    await inTime(ranking.refresh([table], changed));
    // So many that it is simpler to fill the table anew than to remember them.
    await inTime(ranking.refresh([wide], [...changed, ...someAccounts(6000)]));
    await same(ranking, table);
    killable.resume();
    await until(() => redis.isUp() && other.isUp(), 5000);
    const resumedMs = performance.now();
    for (const each of [table, wide]) {
      const exactly = JSON.stringify(await postgres.top(each, all));
      for (let isSame = false; !isSame; ) {
        await untilTold(elsewhere.ranking, elsewhere.told, each);
        isSame = JSON.stringify(await elsewhere.ranking.top(each, all)) === exactly;
        expect(performance.now() - resumedMs).toBeLessThan(10_000);
      }
    }
    await ranking.stop();
    await elsewhere.ranking.stop();
    redis.close();
    other.close();
  },
);

test("[LEADERBOARDS13] of several processes one fills a table, and one that died at it is followed by another", async () => {
  const table = aTable();
  await write(table, someAccounts(1200));
  const keys = Object.values(rankingKeys(shared, table));
  const begin = (token: string) => shared.script(BEGIN)(keys, [shared.runId(), token, 400, 0]);
  expect([await begin("of one that is killed"), await begin("of another")]).toEqual([1, 0]);
  const crowd = [openRanking(shared), openRanking(shared), openRanking(shared)];
  await Promise.all(crowd.map(({ ranking }) => ranking.top(table, all)));
  await Promise.all(crowd.map(({ ranking, told }) => untilTold(ranking, told, table)));
  expect(crowd.flatMap(({ built }) => built)).toHaveLength(1);
});

test("[LEADERBOARDS14] nothing of a table stays in Redis that nobody reads", async () => {
  const [table, empty] = [aTable(), aTable()];
  await write(table, someAccounts(3));
  for (const each of [table, empty]) await untilTold(first.ranking, first.told, each);
  const late = someAccounts(1);
  await write(empty, late);
  await first.ranking.refresh([empty], late);
  await same(first.ranking, empty);
  const lives = await shared.call(async (client) => {
    const keys = await client.keys(shared.key("*"));
    return Promise.all(keys.map((key) => client.pttl(key)));
  });
  expect(Math.min(...lives)).toBeGreaterThan(0);
  expect(Math.max(...lives)).toBeLessThanOrEqual(KEPT_MS);
});
