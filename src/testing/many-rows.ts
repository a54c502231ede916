import type { AccountId } from "../../schema/ids.ts";
import type { DatabaseSql } from "../platform/database.ts";

/** The nth account of those that `insertManyRows` makes. */
export function manyAccount(n: number): AccountId {
  return `acc_${String(n).padStart(26, "0")}` as AccountId;
}

/** So many rows in every table that grows with the players, made by Postgres itself. */
export async function insertManyRows(sql: DatabaseSql, rows: number): Promise<void> {
  for (const select of tables) {
    const [target = "", ...query] = select.split(" select ");
    const many = `with many as (select generate_series(1, ${rows}) as n)`;
    await sql.unsafe(
      `set statement_timeout = 0; ${many} insert into umpire.${target} select ${query.join(" select ")}`,
    );
  }
  await sql.unsafe("analyze");
}

const account = "'acc_' || lpad(n::text, 26, '0')";
const at = "timestamptz '2026-11-01' + n * interval '1 second'";

/** Everybody has played one match of about 25 players, has moved money once, and stands on a board. */
const tables = [
  `accounts (id, display_name, kind, created_at) select ${account}, 'Ada', 'guest', ${at} from many`,
  `progression (account_id, xp, matches, wins) select ${account}, n, 1, 0 from many`,
  `progression_stats (account_id, stat, value, told_at) select ${account}, 'points', n, ${at} from many`,
  `progression_matches (match_id, room, mode, started_at, ended_at, recorded_at)
    select 'mat_' || n, 'arena', 'ffa', ${at}, ${at}, ${at} from many where n % 25 = 0`,
  `progression_match_players (match_id, account_id, ended_at, placement, kills, deaths, xp, xp_after)
    select 'mat_' || 25 + (n - 1) / 25 * 25, ${account}, ${at}, 1, 0, 0, 0, 0 from many`,
  `leaderboard_scores (board, period, account_id, score, reached_at, told_at)
    select 'scorers', 'all', ${account}, 7 * n, ${at}, ${at} from many`,
  `account_sessions (id, user_id, expires_at, absolute_expires_at, created_at, last_seen_at, label)
    select 'ses_' || lpad(n::text, 43, '0'), ${account}, ${at} + interval '1 year', ${at} + interval '1 year', ${at}, ${at}, ''
    from many`,
  `idempotency (scope, key, verb, request_hash, answer, created_at)
    select ${account}, 'key', 'verb', repeat('0', 64), '{}', ${at} from many`,
  `wallet_lines (movement_id, currency, amount, from_book, to_book, to_account_id, to_balance, reason, reference, created_at)
    select 'txn_' || n, 'gold', 1, 'mint', 'wallet', ${account}, 1, 'match', 'mat_' || n, ${at} from many`,
  `wallet_balances (account_id, currency, balance, held, owed) select ${account}, 'gold', 1, 0, 0 from many`,
];
