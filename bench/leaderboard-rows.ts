import { join } from "node:path";
import { createSeededRandom } from "../loadtest/random.ts";
import type { AccountId } from "../schema/ids.ts";
import { openDatabase } from "../src/platform/database.ts";
import { createLog } from "../src/platform/log.ts";
import { migrate } from "../src/platform/migrations.ts";
import { createPostgresRanking, type Ranking, type Table } from "../src/services/leaderboards/ranking.ts";
import { startOwnDatabase } from "./own-database.ts";
import type { Length, Row } from "./report.ts";
import { quantile } from "./statistics.ts";

const PLAYERS = 1_000_000;
const LIMIT_MS = 50;
/** A machine on which a single row by its key takes this long at p99 has nothing to say about limits. */
const CONTROL_MS_MAX = 10;
const SEED = 1_000_003;
const READS: Readonly<Record<Length, number>> = { quick: 200, usual: 2000, full: 10_000 };

/** Scores that spread over millions, and scores of which hundreds of thousands are equal. */
const spread: Table = { board: "spread", period: "all" };
const ties: Table = { board: "ties", period: "all" };
const scores = { [spread.board]: "floor(-ln(1 - random()) * 1000000)", [ties.board]: "floor(-ln(1 - random()) * 5)" };

/** Ranks among a million players, read from Postgres alone: how long the slowest of a hundred takes. */
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
    const controlMs = quantile(control, 0.99);
    return [
      rowOf("leaderboard/rank", await near(spread, 0), controlMs),
      rowOf("leaderboard/around", await near(spread, 10), controlMs),
      // Equals are counted one by one: no gate, but it should be seen.
      { ...rowOf("leaderboard/ties", await near(ties, 10), controlMs), isGate: false },
    ];
  } finally {
    await database.close();
    await own.remove();
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

function rowOf(id: string, taken: readonly number[], controlMs: number): Row {
  const p99 = quantile(taken, 0.99);
  return {
    id,
    against: "absolute",
    ratio: p99,
    target: LIMIT_MS,
    ok: p99 <= LIMIT_MS,
    isGate: true,
    ...(controlMs > CONTROL_MS_MAX && { void: `one row by its key took ${controlMs.toFixed(1)} ms at p99` }),
    measured: { "p50 ms": quantile(taken, 0.5), "p99 ms": p99, "control p99 ms": controlMs },
  };
}
