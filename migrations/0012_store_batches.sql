-- What they say is what they said before, by expressions that take a twentieth of the time: a class that is repeated so many times is a
-- state for each time, which Postgres builds anew for every value. What is stored has passed the old ones.
ALTER DOMAIN "umpire"."sha256" DROP CONSTRAINT "sha256_check";
--> statement-breakpoint
ALTER DOMAIN "umpire"."sha256" ADD CONSTRAINT "sha256_check"
  CHECK (octet_length(VALUE) = 64 AND VALUE !~ '[^0-9a-f]') NOT VALID;
--> statement-breakpoint
ALTER DOMAIN "umpire"."reason" DROP CONSTRAINT "reason_check";
--> statement-breakpoint
ALTER DOMAIN "umpire"."reason" ADD CONSTRAINT "reason_check"
  CHECK (octet_length(VALUE) BETWEEN 1 AND 32 AND VALUE !~ '^-|[^a-z-]') NOT VALID;
--> statement-breakpoint
-- Many purchases in one statement. The owners' functions below do for many what their namesakes do for one. Each takes columns:
-- what belongs together has the same place in all of them. A place whose account is null is passed over. An account has at most one
-- place, and places are in the order of accounts (COLLATE "C"): rows are locked as they come, so that two lists that share
-- accounts meet at the first of these, and never wait for each other in a circle.

-- Whether this key is locked for us now, as `replay` locks it. Nobody is waited for.
CREATE FUNCTION "umpire"."replay_try"(of_scope text, of_key text) RETURNS boolean LANGUAGE sql AS $$
  SELECT pg_try_advisory_xact_lock(hashtextextended(of_scope || chr(31) || of_key, 1))
$$;
--> statement-breakpoint
-- What a key was kept for, if it was. To be asked behind its lock, in a statement of its own: one statement sees one state.
CREATE FUNCTION "umpire"."replay_kept"(of_scope text, of_key text) RETURNS TABLE (verb text) LANGUAGE sql STABLE AS $$
  SELECT verb FROM umpire.idempotency WHERE scope = of_scope AND key = of_key
$$;
--> statement-breakpoint
-- Keeps the answer of each, as `keep` does.
CREATE FUNCTION "umpire"."keep_many"(
  accounts text[], keys text[], of_verb text, hashes text[], answers jsonb[], at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO umpire.idempotency (scope, key, verb, request_hash, answer, created_at)
    SELECT account, key, of_verb, hash, answer, at
    FROM unnest(accounts, keys, hashes, answers) AS one (account, key, hash, answer) WHERE account IS NOT NULL;
END $$;
--> statement-breakpoint
-- Whether this account is kept from being deleted until the transaction ends, as by account_hold. Nobody is waited for.
CREATE FUNCTION "umpire"."account_try_hold"(of_account text) RETURNS boolean LANGUAGE sql AS $$
  SELECT pg_try_advisory_xact_lock_shared(hashtextextended(of_account, 0))
$$;
--> statement-breakpoint
-- Payments by accounts that the caller holds, as wallet_pay does one. Returns what each has left, or null for who has not paid.
CREATE FUNCTION "umpire"."wallet_pay_many"(
  movements text[], of_reason text, for_references text[], at timestamptz,
  accounts text[], into_book text, currencies text[], amounts bigint[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  balances bigint[];
BEGIN
  WITH paid AS (
    UPDATE umpire.wallet_balances AS b SET balance = balance - amount
    FROM unnest(movements, for_references, accounts, currencies, amounts) WITH ORDINALITY
      AS one (movement, reference, account, currency, amount, place)
    WHERE account_id = account AND b.currency = one.currency AND balance - held >= amount
    RETURNING place, movement, reference, account, one.currency, amount, balance
  ), lines AS (
    INSERT INTO umpire.wallet_lines (movement_id, currency, amount, from_book, from_account_id, from_balance, to_book,
        reason, reference, created_at)
      SELECT movement, currency, amount, 'wallet', account, balance, into_book, of_reason, reference, at FROM paid
  )
  SELECT array_agg(paid.balance::bigint ORDER BY place) INTO balances
    FROM generate_subscripts(accounts, 1) AS place LEFT JOIN paid USING (place);
  RETURN balances;
END $$;
--> statement-breakpoint
-- How many of an item a player has; no row for none.
CREATE FUNCTION "umpire"."inventory_stack"(of_account text, of_item text) RETURNS TABLE (quantity bigint) LANGUAGE sql STABLE AS $$
  SELECT quantity FROM umpire.inventory_stacks WHERE account_id = of_account AND item = of_item
$$;
--> statement-breakpoint
-- Gives to stacks, as inventory_give does to one, for accounts that the caller holds. All of them get it, or it fails as a whole, when
-- one would then have more than its max, which may be null.
CREATE FUNCTION "umpire"."inventory_give_many"(
  accounts text[], items text[], quantities bigint[], maxes bigint[], of_reason text, for_references text[],
  versions integer[], at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  overfull bigint;
BEGIN
  WITH given AS (
    SELECT * FROM unnest(accounts, items, quantities, maxes, for_references, versions)
      AS one (account, item, quantity, max, reference, version)
    WHERE account IS NOT NULL
  ), stacks AS (
    INSERT INTO umpire.inventory_stacks AS stack (account_id, item, quantity) SELECT account, item, quantity FROM given
      ON CONFLICT (account_id, item) DO UPDATE SET quantity = stack.quantity + excluded.quantity
      RETURNING account_id, quantity
  ), moves AS (
    INSERT INTO umpire.inventory_moves (account_id, item, kind, quantity, reason, reference, content_version, created_at)
      SELECT account, item, 'granted', quantity, of_reason, reference, version, at FROM given
  )
  SELECT count(*) INTO overfull FROM stacks JOIN given ON account = account_id WHERE stacks.quantity > max;
  IF overfull > 0 THEN
    RAISE EXCEPTION 'a stack was filled in the meantime' USING ERRCODE = '40001';
  END IF;
END $$;
--> statement-breakpoint
-- Buys for many what store_buy would buy for each: one payment for one stack, without a limit. `asked`: [{ key, hash, account,
-- id, movement, offer, version, currency, amount, item, quantity, max? }], in the order of accounts. Returns an answer for each, or null:
-- whoever has none is untouched, and store_buy knows what to tell them. When it fails, all are untouched.
--
-- Locks are taken as everybody takes them: keys, accounts, balances, stacks. Keys and accounts that somebody else holds are left
-- out. A row that somebody else holds is waited for, but not for long: who holds it may be a transfer, which changes stacks in another
-- order, and in turn wait for ours. Long before Postgres looks for such circles we give way, so that nobody else has to.
CREATE FUNCTION "umpire"."store_buy_many"(asked jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql
SET lock_timeout = '50ms'
-- Every row is found by its key, by a plan that is made once, whatever Postgres thinks of tables that were small when it looked.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  accounts text[];
  keys text[];
  hashes text[];
  ids text[];
  movements text[];
  offers text[];
  versions integer[];
  currencies text[];
  amounts bigint[];
  items text[];
  quantities bigint[];
  maxes bigint[];
  balances bigint[];
  answers jsonb[];
BEGIN
  SELECT array_agg(CASE WHEN umpire.replay_try(account, key) AND umpire.account_try_hold(account) THEN account END),
      array_agg(key), array_agg(hash), array_agg(id), array_agg(movement), array_agg(offer), array_agg(version),
      array_agg(currency), array_agg(amount), array_agg(item), array_agg(quantity), array_agg(max)
    INTO accounts, keys, hashes, ids, movements, offers, versions, currencies, amounts, items, quantities, maxes
    FROM jsonb_to_recordset(asked) AS one (account text, key text, hash text, id text, movement text, offer text,
      version integer, currency text, amount bigint, item text, quantity bigint, max bigint);
  -- Keys that are new, for stacks with room. Whether the room is still there is seen when it is taken.
  accounts := ARRAY(
    SELECT CASE WHEN kept.verb IS NULL AND quantity <= least(max, 9007199254740991) - coalesce(held, 0) THEN account END
    FROM unnest(accounts, keys, items, quantities, maxes) WITH ORDINALITY AS one (account, key, item, quantity, max, place)
    LEFT JOIN LATERAL umpire.replay_kept(account, key) AS kept ON true
    LEFT JOIN LATERAL umpire.inventory_stack(account, item) AS stack (held) ON true
    ORDER BY place);
  balances := umpire.wallet_pay_many(movements, 'purchase', ids, at, accounts, 'store', currencies, amounts);
  IF array_position(balances, NULL) IS NOT NULL THEN
    accounts := ARRAY(
      SELECT CASE WHEN balance IS NOT NULL THEN account END
      FROM unnest(accounts, balances) WITH ORDINALITY AS one (account, balance, place) ORDER BY place);
  END IF;
  PERFORM umpire.inventory_give_many(accounts, items, quantities, maxes, 'purchase', ids, versions, at);
  WITH one AS (
    SELECT * FROM unnest(accounts, ids, offers, versions, currencies, amounts, items, quantities, balances) WITH ORDINALITY
      AS one (account, id, offer, version, currency, amount, item, quantity, balance, place)
  ), recorded AS (
    INSERT INTO umpire.store_purchases (id, account_id, offer, content_version, currency, amount, created_at)
      SELECT id, account, offer, version, currency, amount, at FROM one WHERE account IS NOT NULL
  )
  SELECT array_agg(CASE WHEN account IS NOT NULL THEN jsonb_build_object('purchaseId', id, 'offer', offer,
      'items', jsonb_build_array(jsonb_build_object('item', item, 'quantity', quantity, 'ids', '[]'::jsonb)),
      'balances', jsonb_build_array(jsonb_build_object('accountId', account, 'currency', currency, 'balance', balance::text)))
    END ORDER BY place) INTO answers FROM one;
  PERFORM umpire.keep_many(accounts, keys, 'store.buy', hashes, answers, at);
  RETURN to_jsonb(answers);
END $$;
