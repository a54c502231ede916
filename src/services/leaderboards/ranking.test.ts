import { expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { createIds } from "../../platform/ids.ts";
import { createSeededRandom, cryptoRandom } from "../../platform/random.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { testRanking } from "../../testing/ranking-contract.ts";
import { createPostgresRanking } from "./ranking.ts";

const database = await createTestDatabase({ connectionsMax: 8 });
const { db, sql } = database;
const ids = createIds({ clock: new TestClock(), random: cryptoRandom });
const seed = cryptoRandom.below(2 ** 32);

testRanking("Postgres", {
  ranking: createPostgresRanking({ db }),
  database,
  ids,
  random: createSeededRandom(seed),
  seed,
});

test("[LEADERBOARDS6] a bucket holds neighbouring scores and ends where the next one begins", async () => {
  const near = [0, 1, 2, 3, 511, 512, 513, 514, 1023, 1024, 99_999, 2 ** 31, 2 ** 53 - 1];
  const scores = [...new Set(near.flatMap((score) => [score - 1, score, score + 1]))];
  const usable = scores.filter((score) => score >= 0 && Number.isSafeInteger(score)).sort((a, b) => a - b);
  const rows = await sql<{ score: bigint; bucket: number; end: bigint }[]>`
    select score, bucket, umpire.leaderboard_bucket_end(bucket) as end
    from (select score, umpire.leaderboard_bucket(score) as bucket from unnest(${usable}::bigint[]) as score) as placed
    order by score`;
  for (const [index, { score, bucket, end }] of rows.entries()) {
    expect(end > score, String(score)).toBe(true);
    const next = rows[index + 1];
    if (next === undefined) continue;
    expect(next.bucket >= bucket, String(score)).toBe(true);
    expect(next.bucket > bucket, String(score)).toBe(next.score >= end);
    if (score < 511n) expect(end).toBe(score + 1n);
  }
});

test("[LEADERBOARDS6] the counts are those of the scores, whatever was written at once", async () => {
  expect(await sql`select * from umpire.leaderboard_discrepancies`).toEqual([]);
  await sql`update umpire.leaderboard_counts set scores = scores + 1 where bucket = (select min(bucket) from umpire.leaderboard_counts)`;
  expect((await sql`select * from umpire.leaderboard_discrepancies`).length).toBeGreaterThan(0);
});
