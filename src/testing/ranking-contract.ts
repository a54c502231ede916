import { expect, test } from "vitest";
import type { AccountId } from "../../schema/ids.ts";
import type { Database } from "../platform/database.ts";
import type { Ids } from "../platform/ids.ts";
import type { Random } from "../platform/random.ts";
import type { Place, Ranking, Standing, Table } from "../services/leaderboards/ranking.ts";

interface ContractParts {
  readonly ranking: Ranking;
  readonly database: Pick<Database, "sql">;
  readonly ids: Ids;
  /** Seeded: whoever fails says its seed. */
  readonly random: Random;
  readonly seed: number;
}

interface Score {
  readonly accountId: AccountId;
  readonly score: number;
  readonly reachedAt: Date;
}

const BEGIN_MS = Date.UTC(2026, 0, 1);

/** What every ranking keeps to, whatever holds the order: scores are written to Postgres, and the ranking is told of them. */
export function testRanking(name: string, { ranking, database, ids, random, seed }: ContractParts): void {
  const { sql } = database;
  const { aTable, aScore, write } = createScores({ ranking, database, ids, random });
  test(`[LEADERBOARDS2] ${name}: the higher score first, of equals who was there first, and no rank twice`, async () => {
    const table = aTable();
    const scores = Array.from({ length: 60 }, () => aScore());
    await write(table, scores);
    expect(await ranking.top(table, { from: null, limit: 100 }), `seed ${seed}`).toEqual(expected(scores));
    expect(await ranking.top(table, { from: null, limit: 7 })).toEqual(expected(scores).slice(0, 7));
    expect(await ranking.top(aTable(), { from: null, limit: 7 })).toEqual([]);
  });

  test(`[LEADERBOARDS4] ${name}: pages neither repeat nor skip, and go on counting`, async () => {
    const table = aTable();
    const scores = Array.from({ length: 60 }, () => aScore());
    await write(table, scores);
    const all = expected(scores);
    const paged: Standing[] = [];
    for (let from: Place | null = null; paged.length < all.length; ) {
      const page: Standing[] = await ranking.top(table, { from, limit: 7 });
      paged.push(...page);
      const last = paged.at(-1);
      if (page.length === 0 || last === undefined) break;
      const isBeside = ({ score, reachedAt }: Standing) => score === last.score && +reachedAt === +last.reachedAt;
      from = { score: last.score, reachedAt: last.reachedAt, skip: paged.filter(isBeside).length };
    }
    expect(paged, `seed ${seed}`).toEqual(all);
  });

  test(`[LEADERBOARDS5] ${name}: an account is shown among its neighbours, with their ranks`, async () => {
    const table = aTable();
    const scores = Array.from({ length: 40 }, () => aScore());
    await write(table, scores);
    const all = expected(scores);
    for (const [index, { accountId }] of all.entries()) {
      const near = all.slice(Math.max(0, index - 3), index + 4);
      expect(await ranking.around(table, { accountId, reach: 3 }), `seed ${seed}, rank ${index + 1}`).toEqual(near);
    }
    expect(await ranking.around(table, { accountId: ids.mint("account"), reach: 3 })).toEqual([]);
  });

  test(`[LEADERBOARDS6] ${name}: ranks hold while scores come, move and go, many at once`, async () => {
    const table = aTable();
    const held = new Map<AccountId, Score>();
    for (let round = 0; round < 6; round++) {
      const moved = [...held.keys()].filter(() => random.below(3) === 0).map((accountId) => aScore(accountId));
      const batches = [...moved, ...Array.from({ length: 20 }, () => aScore())].map((score) => [score]);
      await Promise.all(batches.map((batch) => write(table, batch)));
      for (const [score] of batches) if (score !== undefined) held.set(score.accountId, score);
      const gone = [...held.keys()].filter(() => random.below(5) === 0);
      await sql`delete from umpire.leaderboard_scores where account_id in ${sql(gone.length > 0 ? gone : [""])}`;
      await ranking.refresh([table], gone);
      for (const accountId of gone) held.delete(accountId);
      const all = expected([...held.values()]);
      expect(await ranking.top(table, { from: null, limit: 200 }), `seed ${seed}`).toEqual(all);
      for (const standing of all.filter(() => random.below(4) === 0)) {
        expect(await ranking.around(table, { accountId: standing.accountId, reach: 0 })).toEqual([standing]);
      }
    }
  });
}

function inOrder(one: Score, other: Score): number {
  return other.score - one.score || +one.reachedAt - +other.reachedAt || (one.accountId < other.accountId ? -1 : 1);
}

function expected(scores: readonly Score[]): Standing[] {
  return [...scores].sort(inOrder).map((score, index) => ({ ...score, rank: index + 1 }));
}

function createScores({ ranking, database, ids, random }: Omit<ContractParts, "seed">) {
  const { sql } = database;
  let tables = 0;
  const aTable = (): Table => ({ board: `board-${++tables}`, period: "all" });
  /** Few scores and few times, so that there are equals of both kinds, and scores beyond 512, which share buckets. */
  const aScore = (accountId: AccountId = ids.mint("account")): Score => ({
    accountId,
    score: random.below(2) === 0 ? random.below(5) : 100_000 + random.below(2000),
    reachedAt: new Date(BEGIN_MS + random.below(3)),
  });
  const write = async (table: Table, scores: readonly Score[]) => {
    const rows = scores.map(({ accountId, score, reachedAt }) => ({
      ...table,
      account_id: accountId,
      score,
      reached_at: reachedAt,
      told_at: reachedAt,
    }));
    await sql`
      insert into umpire.leaderboard_scores ${sql(rows)}
      on conflict (board, period, account_id) do update set score = excluded.score, reached_at = excluded.reached_at`;
    await ranking.refresh(
      [table],
      scores.map(({ accountId }) => accountId),
    );
  };
  return { aTable, aScore, write };
}
