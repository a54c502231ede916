import { join } from "node:path";
import { createSeededRandom } from "../loadtest/random.ts";
import type { AccountId } from "../schema/ids.ts";
import { createSystemClock } from "../src/platform/clock.ts";
import { type Database, openDatabase } from "../src/platform/database.ts";
import { createJobs } from "../src/platform/jobs.ts";
import { createLog } from "../src/platform/log.ts";
import { createMetrics } from "../src/platform/metrics.ts";
import { migrate } from "../src/platform/migrations.ts";
import { openRedis } from "../src/platform/redis.ts";
import { startOwnRedis } from "../src/platform/redis-server.ts";
import { createPostgresRanking, type Ranking, type Table } from "../src/services/leaderboards/ranking.ts";
import { createRedisRanking } from "../src/services/leaderboards/redis-ranking.ts";
import { startOwnDatabase } from "./own-database.ts";
import type { Length, Row } from "./report.ts";
import { quantile } from "./statistics.ts";

const PLAYERS = 1_000_000;
/** What must be kept to, and the control at which the machine has nothing to say about it: a row by its key, a PING. */
const postgresLimit = { targetMs: 50, control: "one row by its key", controlMsMax: 10 };
const redisLimit = { targetMs: 5, control: "a PING", controlMsMax: 2 };
/** For Redis to be filled with both boards. */
const FILL_MS_MAX = 300_000;
const SEED = 1_000_003;
const READS: Readonly<Record<Length, number>> = { quick: 200, usual: 2000, full: 10_000 };

/** Scores that spread over millions, and scores of which hundreds of thousands are equal. */
const spread: Table = { board: "spread", period: "all" };
const ties: Table = { board: "ties", period: "all" };
const scores = { [spread.board]: "floor(-ln(1 - random()) * 1000000)", [ties.board]: "floor(-ln(1 - random()) * 5)" };

/** Ranks among a million players, from Postgres alone and with Redis: how long the slowest of a hundred takes. */
export async function leaderboardRows(length: Length): Promise<Row[]> {
  const own = await startOwnDatabase();
  const log = createLog({ level: "silent" });
  const database = openDatabase({ url: own.url, log, statementTimeoutMs: 0, connectionsMax: 1 });
  try {
    await migrate({ url: own.url, folder: join(import.meta.dirname, "../migrations"), log });
    for (const [board, score] of Object.entries(scores)) {
      await database.sql.unsafe(`
        insert into umpire.leaderboard_scores (board, period, account_id, score, reached_at, told_at)
        select '${board}', 'all', 'acc_' || lpad(n::text, 26, '0'), ${score}, at, at
        from generate_series(1, ${PLAYERS}) as n, lateral (select timestamptz '2026-01-01' + n * interval '1 second') as t (at)`);
    }
    // As the server does by itself, some time after so much was written.
    await database.sql.unsafe("analyze umpire.leaderboard_scores, umpire.leaderboard_counts");
    const ranking = createPostgresRanking(database);
    const control = await times(
      length,
      (accountId) => database.sql`
      select score from umpire.leaderboard_scores where board = 'spread' and period = 'all' and account_id = ${accountId}`,
    );
    const near = (table: Table, reach: number) =>
      times(length, (accountId) => read(ranking, table, { accountId, reach }));
    const limit = { ...postgresLimit, controlMs: quantile(control, 0.99) };
    return [
      rowOf("leaderboard/rank", await near(spread, 0), limit),
      rowOf("leaderboard/around", await near(spread, 10), limit),
      // Equals are counted one by one: no gate, but it should be seen.
      { ...rowOf("leaderboard/ties", await near(ties, 10), limit), isGate: false },
      ...(await redisRows(length, { database, url: own.url })),
    ];
  } finally {
    await database.close();
    await own.remove();
  }
}

/** The same players on the same boards, once Redis has them. */
async function redisRows(length: Length, { database, url }: { database: Database; url: string }): Promise<Row[]> {
  const server = await startOwnRedis({ cacheFolder: join(import.meta.dirname, "../.cache/redis") });
  const [clock, log, metrics] = [createSystemClock(), createLog({ level: "silent" }), createMetrics()];
  const redis = openRedis({ url: server.url, prefix: "bench", clock, log, metrics });
  // No job is sent or done here.
  const jobs = createJobs({ db: database.db, url, clock, log, metrics });
  const ranking = createRedisRanking({ redis, db: database.db, clock, log, metrics, jobs });
  const toldByPostgres = async () =>
    (await metrics.leaderboardReads.get()).values.find(({ labels }) => labels.by === "postgres")?.value ?? 0;
  try {
    const startedMs = performance.now();
    for (const table of [spread, ties]) await untilFilled(ranking, table, toldByPostgres);
    const fillSeconds = (performance.now() - startedMs) / 1000;
    const memory = await redis.call((client) => client.info("memory"));
    const filled = {
      "fill s": fillSeconds,
      "bytes a score": Number(/^used_memory:(\d+)/m.exec(memory)?.[1]) / PLAYERS / 2,
    };
    const before = await toldByPostgres();
    const control = await times(length, () => redis.call((client) => client.ping()));
    const limit = { ...redisLimit, controlMs: quantile(control, 0.99) };
    const near = async (id: string, table: Table, reach: number) => {
      const row = rowOf(id, await times(length, (accountId) => read(ranking, table, { accountId, reach })), limit);
      return { ...row, measured: { ...row.measured, ...filled } };
    };
    const rows = [
      await near("leaderboard/rank-redis", spread, 0),
      await near("leaderboard/around-redis", spread, 10),
      await near("leaderboard/ties-redis", ties, 10),
    ];
    if ((await toldByPostgres()) !== before) throw new Error("It was not Redis that told.");
    return rows;
  } finally {
    await ranking.stop();
    redis.close();
    await jobs.stop();
    await server.stop();
  }
}

async function untilFilled(ranking: Ranking, table: Table, toldByPostgres: () => Promise<number>): Promise<void> {
  const deadline = performance.now() + FILL_MS_MAX;
  for (let before = -1; before !== (await toldByPostgres()); ) {
    if (performance.now() > deadline) throw new Error("Redis was not filled in time.");
    if (before !== -1) await new Promise((settle) => setTimeout(settle, 200));
    before = await toldByPostgres();
    await ranking.top(table, { from: null, limit: 1 });
  }
}

async function read(ranking: Ranking, table: Table, whom: { accountId: AccountId; reach: number }): Promise<void> {
  const standings = await ranking.around(table, whom);
  if (!standings.some(({ accountId }) => accountId === whom.accountId)) throw new Error("A player was not found.");
}

/** In ms, one after the other, of players anywhere on the board. */
async function times(length: Length, query: (accountId: AccountId) => Promise<unknown>): Promise<number[]> {
  const random = createSeededRandom(SEED);
  const taken: number[] = [];
  for (let count = 0; count < READS[length]; count++) {
    const accountId = `acc_${String(1 + random.below(PLAYERS)).padStart(26, "0")}` as AccountId;
    const startedMs = performance.now();
    await query(accountId);
    taken.push(performance.now() - startedMs);
  }
  return taken;
}

interface Limit {
  readonly targetMs: number;
  readonly control: string;
  readonly controlMs: number;
  readonly controlMsMax: number;
}

function rowOf(id: string, taken: readonly number[], { targetMs, control, controlMs, controlMsMax }: Limit): Row {
  const p99 = quantile(taken, 0.99);
  return {
    id,
    against: "absolute",
    ratio: p99,
    target: targetMs,
    ok: p99 <= targetMs,
    isGate: true,
    ...(controlMs > controlMsMax && { void: `${control} took ${controlMs.toFixed(1)} ms at p99` }),
    measured: { "p50 ms": quantile(taken, 0.5), "p99 ms": p99, "control p99 ms": controlMs },
  };
}
