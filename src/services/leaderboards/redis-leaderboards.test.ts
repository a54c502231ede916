import { afterAll, expect, test } from "vitest";
import type { ContentSource } from "../../../schema/content.ts";
import type { AccountId } from "../../../schema/ids.ts";
import { createSystemClock, TestClock } from "../../platform/clock.ts";
import { createJobs } from "../../platform/jobs.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createTestProgression } from "../../testing/progression.ts";
import { createTestRedis } from "../../testing/redis.ts";
import { createPersonalData } from "../personal-data/service.ts";
import { createRedisRanking } from "./redis-ranking.ts";

const { db, url } = await createTestDatabase({ connectionsMax: 8 });
const redis = await createTestRedis();
const log = createLog({ level: "silent" });
const metrics = createMetrics();
const systemClock = createSystemClock();
const jobs = createJobs({ db, url, log, clock: systemClock, metrics, lookSeconds: 0.5 });
const ranking = createRedisRanking({ redis, db, clock: systemClock, log, metrics, jobs });
await jobs.start();
afterAll(async () => {
  await ranking.stop();
  await jobs.stop();
});

const clock = new TestClock(Date.UTC(2026, 10, 22, 12));
const personalData = createPersonalData({ db, beforeErased: (tx, gone) => ranking.changing(tx, gone, null) });
const { accounts, parts } = createTestAccounts({ db, clock, personalData });
const { ids } = parts;
const content: Partial<ContentSource> = {
  stats: { points: { title: "Points", kind: "counter" } },
  leaderboards: { sum: { title: "Sum", stat: "points", score: "sum", periods: ["daily", "all"] } },
};
const server = createTestProgression({ db, clock, ids, accounts, content, ranking });
/** Of a process that dies as soon as a match is recorded. */
const dying = createTestProgression({
  db,
  clock,
  ids,
  accounts,
  content,
  ranking: { ...ranking, refresh: async () => {} },
});

async function play({ progression }: typeof server, scores: readonly (readonly [AccountId, number])[]): Promise<void> {
  const endedAt = clock.date();
  const players = scores.map(([accountId, points]) => ({
    accountId,
    placement: 1,
    kills: 0,
    deaths: 0,
    xp: 0,
    stats: { points },
  }));
  await progression.recordMatch({
    matchId: ids.mint("match"),
    room: "r",
    mode: "m",
    startedAt: endedAt,
    endedAt,
    players,
  });
}

const query = { board: "sum", period: "all", from: null, limit: 10 } as const;
const scores = async (reader: AccountId) =>
  (await server.leaderboards.top({ ...query, reader })).entries.map(({ score }) => score);
const told = async () =>
  (await metrics.leaderboardReads.get()).values.find(({ labels }) => labels.by === "redis")?.value;

/** Reads until Redis tells just this, and fails when that takes longer than promised. */
async function untilScores(reader: AccountId, expected: readonly number[]): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    const before = await told();
    const isTold = JSON.stringify(await scores(reader)) === JSON.stringify(expected);
    if (isTold && (await told()) !== before) return;
    if (performance.now() - startedMs > 10_000) throw new Error("not within ten seconds");
    await new Promise((settle) => setTimeout(settle, 20));
  }
}

test("[LEADERBOARDS15] a match is told at once, and within ten seconds when its process died behind the commit", async () => {
  const [one, other] = [
    await accounts.createGuest({ label: "vitest" }),
    await accounts.createGuest({ label: "vitest" }),
  ];
  const [first, second] = [one.account.id, other.account.id];
  await play(server, [
    [first, 5],
    [second, 3],
  ]);
  await untilScores(first, [5, 3]);
  await play(server, [[second, 4]]);
  expect(await scores(first)).toEqual([7, 5]);
  await play(dying, [
    [first, 20],
    [second, 1],
  ]);
  await untilScores(first, [25, 8]);
});

test("[LEADERBOARDS7] a deleted account goes from Redis within ten seconds, too", async () => {
  const { account } = await accounts.createGuest({ label: "vitest" });
  await play(server, [[account.id, 100]]);
  await untilScores(account.id, [100, 25, 8]);
  await accounts.deleteAccount(account.id);
  await untilScores(account.id, [25, 8]);
});
