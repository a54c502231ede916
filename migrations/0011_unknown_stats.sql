-- Applies a match's result, all of it or nothing, and returns what it came to for each player; no rows when the match is
-- recorded already. `result`: { matchId, room, mode, startedAt, endedAt, players: [{ accountId, placement, kills, deaths, xp,
-- stats, rewards }] }. `rules`: { stats: { stat: { kind } }, statMax, boards, currencies: { currency: { max? } } }. Items are
-- the caller's to give, in the same transaction. Accounts are held first, then rows are locked by feature in this order:
-- progression, wallet, leaderboards; whoever meets at a player meets at that player's first row.
-- A stat that `rules` do not know is kept with the match and counts nowhere. Refuses with PROGRESSION_STAT_INVALID.
CREATE OR REPLACE FUNCTION "umpire"."progression_record"(result jsonb, rules jsonb, of_transaction text, at timestamptz)
RETURNS TABLE (account_id text, xp bigint, xp_after bigint, rewards jsonb) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  of_match text := result ->> 'matchId';
  told jsonb;
  wrong text;
  lines jsonb;
BEGIN
  -- Whoever brings the same match at the same moment waits here for the other to commit or to fail.
  INSERT INTO umpire.progression_matches (match_id, room, mode, started_at, ended_at, recorded_at)
    VALUES (of_match, result ->> 'room', result ->> 'mode', (result ->> 'startedAt')::timestamptz,
      (result ->> 'endedAt')::timestamptz, at)
    ON CONFLICT (match_id) DO NOTHING;
  IF NOT FOUND THEN
    RETURN;
  END IF;

  WITH line AS (
    SELECT * FROM jsonb_to_recordset(result -> 'players') AS given ("accountId" text, placement integer, kills integer,
      deaths integer, xp bigint, stats jsonb, rewards jsonb)
    WHERE "accountId" IN (SELECT umpire.account_hold(
      ARRAY(SELECT player ->> 'accountId' FROM jsonb_array_elements(result -> 'players') AS player)))
  ), earned AS (
    INSERT INTO umpire.progression AS held (account_id, xp, matches, wins)
    SELECT "accountId", xp, 1, (placement = 1)::integer FROM line ORDER BY "accountId"
    ON CONFLICT (account_id) DO UPDATE
      SET xp = held.xp + excluded.xp, matches = held.matches + 1, wins = held.wins + excluded.wins
    RETURNING account_id, xp
  )
  INSERT INTO umpire.progression_match_players
    (match_id, account_id, ended_at, placement, kills, deaths, xp, xp_after, stats, rewards)
  SELECT of_match, account_id, (result ->> 'endedAt')::timestamptz, placement, kills, deaths, line.xp, earned.xp, stats, rewards
  FROM line JOIN earned ON account_id = "accountId";

  SELECT jsonb_agg(jsonb_build_object('accountId', player.account_id, 'stat', line.key, 'value', line.value,
      'at', player.ended_at)) FILTER (WHERE rules -> 'stats' ? line.key),
      min(line.key) FILTER (WHERE CASE WHEN coalesce(line.value, '') ~ '^[0-9]{1,16}$'
        THEN line.value::numeric > (rules ->> 'statMax')::numeric ELSE true END)
    INTO told, wrong
    FROM umpire.progression_match_players AS player, jsonb_each_text(player.stats) AS line
    WHERE match_id = of_match;
  IF wrong IS NOT NULL THEN
    PERFORM umpire.refuse('PROGRESSION_STAT_INVALID', jsonb_build_object('stat', wrong));
  END IF;
  IF told IS NOT NULL THEN
    INSERT INTO umpire.progression_stats AS held (account_id, stat, value, told_at)
      SELECT line."accountId", line.stat, line.value, line.at
      FROM jsonb_to_recordset(told) AS line ("accountId" text, stat text, value bigint, at timestamptz) ORDER BY 1, 2
      ON CONFLICT (account_id, stat) DO UPDATE SET
        value = CASE rules -> 'stats' -> excluded.stat ->> 'kind'
          WHEN 'counter' THEN held.value + excluded.value
          WHEN 'best' THEN greatest(held.value, excluded.value)
          WHEN 'last' THEN CASE WHEN excluded.told_at >= held.told_at THEN excluded.value ELSE held.value END
          ELSE held.value
        END,
        told_at = greatest(held.told_at, excluded.told_at);
  END IF;

  WITH given AS (
    SELECT player.account_id, given.key AS currency, given.value::bigint AS amount
    FROM umpire.progression_match_players AS player, jsonb_each_text(player.rewards -> 'currencies') AS given
    WHERE match_id = of_match
  )
  SELECT jsonb_agg(jsonb_build_object('from', 'mint', 'to', 'wallet', 'toAccount', account_id, 'currency', currency,
      'amount', amount, 'max', rules -> 'currencies' -> currency -> 'max')) INTO lines FROM given;
  IF lines IS NOT NULL THEN
    PERFORM umpire.wallet_post(of_transaction, 'match', of_match, NULL, at, lines);
  END IF;

  IF told IS NOT NULL THEN
    PERFORM umpire.leaderboard_write(rules -> 'boards', told);
  END IF;

  RETURN QUERY SELECT account_id, xp, xp_after, rewards FROM umpire.progression_match_players WHERE match_id = of_match;
END $$;
