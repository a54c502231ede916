-- Replaces a row lock on the account, which every payment would have written to: a shared lock in memory keeps the account from
-- being deleted before the caller's transaction ends. `account_lock` is its other side.
CREATE OR REPLACE FUNCTION "umpire"."account_hold"(wanted text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  account text;
BEGIN
  IF cardinality(wanted) > 1 THEN
    wanted := ARRAY(SELECT DISTINCT a COLLATE "C" AS a FROM unnest(wanted) AS a ORDER BY a);
  END IF;
  FOREACH account IN ARRAY wanted LOOP
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(account, 0));
  END LOOP;
  RETURN QUERY SELECT id FROM umpire.accounts WHERE id = ANY(wanted) ORDER BY id;
END $$;
--> statement-breakpoint
-- Before accounts are deleted: waits for everybody who holds one of them, and lets nobody in until the transaction ends.
CREATE FUNCTION "umpire"."account_lock"(wanted text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  account text;
BEGIN
  FOR account IN SELECT DISTINCT a COLLATE "C" AS a FROM unnest(wanted) AS a ORDER BY a LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(account, 0));
  END LOOP;
END $$;
--> statement-breakpoint
-- A refusal by a function: `code` is one of schema/errors, `details` are safe to show. platform/database.ts reads it.
CREATE FUNCTION "umpire"."refuse"(code text, details jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'UM000', MESSAGE = code, DETAIL = details::text;
END $$;
--> statement-breakpoint
-- What a request was answered before, or null for one that is new. Whoever brings the same key at the same moment waits here
-- until the other's transaction has ended. Refuses with IDEMPOTENCY_CONFLICT.
CREATE FUNCTION "umpire"."replay"(of_scope text, of_key text, of_verb text, of_hash text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  kept umpire.idempotency;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(of_scope || chr(31) || of_key, 1));
  SELECT * INTO kept FROM umpire.idempotency WHERE scope = of_scope AND key = of_key;
  IF FOUND AND (kept.verb <> of_verb OR kept.request_hash <> of_hash) THEN
    PERFORM umpire.refuse('IDEMPOTENCY_CONFLICT');
  END IF;
  RETURN kept.answer;
END $$;
--> statement-breakpoint
-- Keeps the answer of a request that `replay` found to be new, and returns it.
CREATE FUNCTION "umpire"."keep"(
  of_scope text, of_key text, of_verb text, of_hash text, given jsonb, at timestamptz
) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO umpire.idempotency (scope, key, verb, request_hash, answer, created_at)
    VALUES (of_scope, of_key, of_verb, of_hash, given, at);
  RETURN given;
END $$;
--> statement-breakpoint
-- Holds accounts whose money is about to move. Refuses with WALLET_ACCOUNT_UNKNOWN.
CREATE FUNCTION "umpire"."wallet_enter"(accounts text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  there integer;
BEGIN
  SELECT count(*) INTO there FROM umpire.account_hold(accounts);
  IF there < cardinality(accounts) AND there < (SELECT count(DISTINCT a) FROM unnest(accounts) AS a) THEN
    PERFORM umpire.refuse('WALLET_ACCOUNT_UNKNOWN');
  END IF;
END $$;
--> statement-breakpoint
-- One line of the ledger, between two books whose accounts the caller holds. Returns [{ accountId, currency, balance }] of the
-- wallets that it touched. See wallet_post.
CREATE FUNCTION "umpire"."wallet_line"(
  of_id text, of_reason text, of_reference text, of_metadata jsonb, at timestamptz,
  out_of text, out_account text, into_book text, into_account text, of_currency text, of_amount bigint, of_max bigint,
  may_owe boolean
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  went bigint := of_amount;
  left_over bigint;
  came bigint;
  paid bigint;
  excess bigint;
  owner umpire.wallet_balances;
  balances jsonb := '[]';
BEGIN
  IF of_amount IS NULL OR of_amount <= 0 THEN
    RAISE EXCEPTION 'a line moves 1 or more';
  END IF;
  IF out_of = 'wallet' THEN
    UPDATE umpire.wallet_balances SET balance = balance - of_amount
      WHERE account_id = out_account AND currency = of_currency AND balance - held >= of_amount
      RETURNING balance INTO left_over;
    IF NOT FOUND AND may_owe IS NOT TRUE THEN
      PERFORM umpire.refuse('WALLET_INSUFFICIENT', jsonb_build_object('currency', of_currency));
    END IF;
    IF left_over IS NULL THEN
      INSERT INTO umpire.wallet_balances (account_id, currency, balance, held, owed)
        VALUES (out_account, of_currency, 0, 0, 0) ON CONFLICT DO NOTHING;
      SELECT * INTO STRICT owner FROM umpire.wallet_balances
        WHERE account_id = out_account AND currency = of_currency FOR UPDATE;
      went := owner.balance - owner.held;
      UPDATE umpire.wallet_balances SET balance = held, owed = owed + of_amount - went
        WHERE account_id = out_account AND currency = of_currency RETURNING * INTO owner;
      left_over := owner.balance;
      INSERT INTO umpire.wallet_lines (movement_id, currency, amount, from_book, from_account_id, from_balance, to_book,
          reason, reference, metadata, created_at)
        VALUES (of_id, of_currency, of_amount - went, 'debt', out_account, -owner.owed, into_book,
          of_reason, of_reference, of_metadata, at);
    END IF;
    balances := balances || jsonb_build_object('accountId', out_account, 'currency', of_currency, 'balance', left_over::text);
    IF went = 0 THEN
      RETURN balances;
    END IF;
  END IF;
  IF into_book = 'wallet' THEN
    UPDATE umpire.wallet_balances SET balance = balance + went
      WHERE account_id = into_account AND currency = of_currency AND owed = 0
        AND (of_max IS NULL OR balance + went <= of_max)
      RETURNING balance INTO came;
    IF NOT FOUND THEN
      INSERT INTO umpire.wallet_balances (account_id, currency, balance, held, owed)
        VALUES (into_account, of_currency, 0, 0, 0) ON CONFLICT DO NOTHING;
      SELECT * INTO STRICT owner FROM umpire.wallet_balances
        WHERE account_id = into_account AND currency = of_currency FOR UPDATE;
      paid := least(owner.owed, went);
      excess := least(went - paid, greatest(0, owner.balance + went - paid - coalesce(of_max, 9223372036854775807)));
      went := went - paid - excess;
      UPDATE umpire.wallet_balances SET balance = balance + went, owed = owed - paid
        WHERE account_id = into_account AND currency = of_currency RETURNING * INTO owner;
      came := owner.balance;
      INSERT INTO umpire.wallet_lines (movement_id, currency, amount, from_book, from_account_id, from_balance, to_book,
          to_account_id, to_balance, reason, reference, metadata, created_at)
        SELECT of_id, of_currency, part.amount, out_of, out_account, left_over, part.book,
          part.account, part.balance, of_reason, of_reference, of_metadata, at
        FROM (VALUES ('debt', paid, into_account, -owner.owed), ('overflow', excess, NULL, NULL))
          AS part (book, amount, account, balance)
        WHERE part.amount > 0;
    END IF;
    balances := balances || jsonb_build_object('accountId', into_account, 'currency', of_currency, 'balance', came::text);
    IF went = 0 THEN
      RETURN balances;
    END IF;
  END IF;
  INSERT INTO umpire.wallet_lines (movement_id, currency, amount, from_book, from_account_id, from_balance,
      to_book, to_account_id, to_balance, reason, reference, metadata, created_at)
    VALUES (of_id, of_currency, went, out_of, out_account, left_over, into_book, into_account, came,
      of_reason, of_reference, of_metadata, at);
  RETURN balances;
END $$;
--> statement-breakpoint
-- One movement of money. `lines`: [{ from, fromAccount?, to, toAccount?, currency, amount, max?, mayOwe? }]; the books are `wallet`,
-- which needs its account, and the house's. What comes in pays a player's debt first; what goes beyond `max` goes to the book
-- `overflow`. What goes out must be there and not held, or with `mayOwe` becomes debt. Refuses with WALLET_INSUFFICIENT or
-- WALLET_ACCOUNT_UNKNOWN. Returns [{ accountId, currency, balance }] as each wallet was after its line.
CREATE FUNCTION "umpire"."wallet_post"(
  of_id text, of_reason text, of_reference text, of_metadata jsonb, at timestamptz, lines jsonb
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  line jsonb;
  accounts text[] := '{}';
  balances jsonb := '[]';
BEGIN
  FOR index IN 0 .. jsonb_array_length(lines) - 1 LOOP
    line := lines -> index;
    accounts := array_remove(accounts || (line ->> 'fromAccount') || (line ->> 'toAccount'), NULL);
  END LOOP;
  PERFORM umpire.wallet_enter(accounts);
  IF jsonb_array_length(lines) > 1 OR cardinality(accounts) > 1 THEN
    -- Made and locked in one order, so that no two movements wait for each other in a circle.
    INSERT INTO umpire.wallet_balances (account_id, currency, balance, held, owed)
      SELECT DISTINCT a COLLATE "C" AS a, l.currency COLLATE "C" AS c, 0, 0, 0
      FROM jsonb_to_recordset(lines) AS l ("fromAccount" text, "toAccount" text, currency text),
        LATERAL (VALUES (l."fromAccount"), (l."toAccount")) AS side (a)
      WHERE a IS NOT NULL ORDER BY a, c ON CONFLICT DO NOTHING;
    PERFORM FROM umpire.wallet_balances b
      WHERE account_id = ANY(accounts)
        AND currency IN (SELECT l.currency FROM jsonb_to_recordset(lines) AS l (currency text))
      ORDER BY account_id COLLATE "C", currency COLLATE "C" FOR UPDATE;
  END IF;
  FOR index IN 0 .. jsonb_array_length(lines) - 1 LOOP
    line := lines -> index;
    balances := balances || umpire.wallet_line(of_id, of_reason, of_reference, of_metadata, at, line ->> 'from',
      line ->> 'fromAccount', line ->> 'to', line ->> 'toAccount', line ->> 'currency', (line ->> 'amount')::bigint,
      (line ->> 'max')::bigint, (line ->> 'mayOwe')::boolean);
  END LOOP;
  RETURN balances;
END $$;
--> statement-breakpoint
-- Sets money aside. Refuses with WALLET_INSUFFICIENT, also for an account that is not there.
CREATE FUNCTION "umpire"."wallet_hold"(
  of_id text, of_account text, of_currency text, of_amount bigint, of_reason text, of_reference text,
  until timestamptz, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM umpire.account_hold(ARRAY[of_account]);
  UPDATE umpire.wallet_balances SET held = held + of_amount
    WHERE account_id = of_account AND currency = of_currency AND balance - held >= of_amount;
  IF NOT FOUND THEN
    PERFORM umpire.refuse('WALLET_INSUFFICIENT', jsonb_build_object('currency', of_currency));
  END IF;
  INSERT INTO umpire.wallet_holds (id, account_id, currency, amount, state, reason, reference, expires_at, created_at)
    VALUES (of_id, of_account, of_currency, of_amount, 'open', of_reason, of_reference, until, at);
END $$;
--> statement-breakpoint
-- Ends an open hold as `captured` or `released`, and gives it back; null when it is not open any more.
CREATE FUNCTION "umpire"."wallet_unhold"(of_id text, becomes text) RETURNS umpire.wallet_holds LANGUAGE plpgsql AS $$
DECLARE
  hold umpire.wallet_holds;
BEGIN
  UPDATE umpire.wallet_holds SET state = becomes WHERE id = of_id AND state = 'open' RETURNING * INTO hold;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE umpire.wallet_balances SET held = held - hold.amount
    WHERE account_id = hold.account_id AND currency = hold.currency;
  RETURN hold;
END $$;
--> statement-breakpoint
-- Invariant I1: every balance, debt and hold that the ledger does not agree with. Empty, or somebody has to act.
CREATE VIEW "umpire"."wallet_discrepancies" AS
  WITH sides AS (
    SELECT to_account_id AS account_id, currency, to_book AS book, amount AS delta
      FROM umpire.wallet_lines WHERE to_account_id IS NOT NULL
    UNION ALL
    SELECT from_account_id, currency, from_book, -amount FROM umpire.wallet_lines WHERE from_account_id IS NOT NULL
  ), books AS (
    SELECT account_id, currency, coalesce(sum(delta) FILTER (WHERE book = 'wallet'), 0) AS balance,
      -coalesce(sum(delta) FILTER (WHERE book = 'debt'), 0) AS owed
    FROM sides GROUP BY account_id, currency
  ), holds AS (
    SELECT account_id, currency, sum(amount) AS held FROM umpire.wallet_holds WHERE state = 'open' GROUP BY account_id, currency
  ), both_sides AS (
    SELECT account_id || ' ' || currency AS subject,
      coalesce(b.balance, 0) - coalesce(l.balance, 0) AS balance,
      coalesce(b.owed, 0) - coalesce(l.owed, 0) AS owed,
      coalesce(b.held, 0) - coalesce(h.held, 0) AS held
    FROM umpire.wallet_balances b FULL JOIN books l USING (account_id, currency) FULL JOIN holds h USING (account_id, currency)
  )
  SELECT kind, subject, off_by FROM both_sides,
    LATERAL (VALUES ('balance', balance), ('owed', owed), ('held', held)) AS each (kind, off_by) WHERE off_by <> 0;
--> statement-breakpoint
-- Keeps everybody else from the inventories of these accounts until the transaction ends, and gives back those that exist.
-- One lock per inventory instead of one per row: what is chosen in it cannot go while it is being taken, and two transactions
-- that name their accounts to one call, or call in the order of accounts, never wait for each other in a circle. Whoever also
-- moves money does that first.
CREATE FUNCTION "umpire"."inventory_lock"(accounts text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  account text;
BEGIN
  FOR account IN SELECT DISTINCT a COLLATE "C" AS a FROM unnest(accounts) AS a ORDER BY a LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(account, 2));
  END LOOP;
  RETURN QUERY SELECT umpire.account_hold(accounts);
END $$;
--> statement-breakpoint
-- The same for accounts that have to be there. Refuses with INVENTORY_ACCOUNT_UNKNOWN.
CREATE FUNCTION "umpire"."inventory_enter"(accounts text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  there text[] := ARRAY(SELECT umpire.inventory_lock(accounts));
BEGIN
  IF NOT accounts <@ there THEN
    PERFORM umpire.refuse('INVENTORY_ACCOUNT_UNKNOWN');
  END IF;
END $$;
--> statement-breakpoint
-- What each function asks of an entry before it believes it. A failure here is a mistake of the caller's, not a refusal.
CREATE FUNCTION "umpire"."inventory_check"(of_item text, of_kind text, of_quantity bigint, of_ids jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF of_item IS NULL OR of_kind IS NULL OR of_kind NOT IN ('stack', 'unique') OR of_quantity IS NULL OR of_quantity < 1 THEN
    RAISE EXCEPTION 'an entry needs an item, a kind and a quantity of 1 or more';
  END IF;
  IF of_kind = 'unique' AND of_ids IS NOT NULL AND jsonb_array_length(of_ids) <> of_quantity THEN
    RAISE EXCEPTION 'an entry has as many ids as its quantity says';
  END IF;
END $$;
--> statement-breakpoint
-- Writes down that something changed hands: a line per id, or one for a stack.
CREATE FUNCTION "umpire"."inventory_record"(
  of_account text, of_item text, of_ids text[], of_kind text, of_quantity bigint,
  of_reason text, of_reference text, of_version integer, at timestamptz
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO umpire.inventory_moves
    (account_id, item, item_id, kind, quantity, reason, reference, content_version, created_at)
  SELECT of_account, of_item, id, of_kind, 1, of_reason, of_reference, of_version, at FROM unnest(of_ids) AS id
  UNION ALL
  SELECT of_account, of_item, NULL, of_kind, of_quantity, of_reason, of_reference, of_version, at WHERE of_ids IS NULL
$$;
--> statement-breakpoint
-- Adds to a stack. Refuses with INVENTORY_FULL beyond `of_max`, or beyond what a number in JSON can say exactly.
CREATE FUNCTION "umpire"."inventory_stack_add"(of_account text, of_item text, of_quantity bigint, of_max bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  held bigint := coalesce((SELECT quantity FROM umpire.inventory_stacks WHERE account_id = of_account AND item = of_item), 0);
BEGIN
  IF of_quantity > least(of_max, 9007199254740991) - held THEN
    PERFORM umpire.refuse('INVENTORY_FULL', jsonb_build_object('item', of_item));
  END IF;
  INSERT INTO umpire.inventory_stacks AS stack (account_id, item, quantity) VALUES (of_account, of_item, of_quantity)
    ON CONFLICT (account_id, item) DO UPDATE SET quantity = stack.quantity + excluded.quantity;
END $$;
--> statement-breakpoint
-- Takes from a stack and returns how much. Refuses with INVENTORY_INSUFFICIENT, unless less will do.
CREATE FUNCTION "umpire"."inventory_stack_take"(of_account text, of_item text, of_quantity bigint, may_lack boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  held bigint := coalesce((SELECT quantity FROM umpire.inventory_stacks WHERE account_id = of_account AND item = of_item), 0);
BEGIN
  IF held < of_quantity AND NOT may_lack THEN
    PERFORM umpire.refuse('INVENTORY_INSUFFICIENT', jsonb_build_object('item', of_item));
  END IF;
  IF held <= of_quantity THEN
    DELETE FROM umpire.inventory_stacks WHERE account_id = of_account AND item = of_item;
  ELSE
    UPDATE umpire.inventory_stacks SET quantity = quantity - of_quantity WHERE account_id = of_account AND item = of_item;
  END IF;
  RETURN least(held, of_quantity);
END $$;
--> statement-breakpoint
-- Which unique items go: the chosen ones, or the oldest, that are neither worn nor expired (nor bound, with `unbound`). With
-- `may_lack` whatever is there, worn ones last. Refuses with INVENTORY_INSUFFICIENT, or with what keeps the ones that are there.
CREATE FUNCTION "umpire"."inventory_choose"(
  of_account text, of_item text, of_quantity bigint, of_ids jsonb, at timestamptz, may_lack boolean, unbound boolean
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  chosen text[];
  there bigint;
  fresh bigint;
  free bigint;
BEGIN
  IF may_lack THEN
    RETURN ARRAY(SELECT id FROM umpire.inventory_items
      WHERE account_id = of_account AND item = of_item AND (of_ids IS NULL OR of_ids ? id)
      ORDER BY slot IS NOT NULL, id LIMIT of_quantity);
  END IF;
  chosen := ARRAY(SELECT id FROM umpire.inventory_items
    WHERE account_id = of_account AND item = of_item AND (of_ids IS NULL OR of_ids ? id)
      AND slot IS NULL AND (expires_at IS NULL OR expires_at > at) AND NOT (bound AND unbound)
    ORDER BY id LIMIT of_quantity);
  IF cardinality(chosen) = of_quantity THEN
    RETURN chosen;
  END IF;
  SELECT count(*), count(*) FILTER (WHERE expires_at IS NULL OR expires_at > at),
      count(*) FILTER (WHERE (expires_at IS NULL OR expires_at > at) AND NOT (bound AND unbound))
    INTO there, fresh, free FROM umpire.inventory_items
    WHERE account_id = of_account AND item = of_item AND (of_ids IS NULL OR of_ids ? id);
  PERFORM umpire.refuse(CASE
      WHEN there < of_quantity THEN 'INVENTORY_INSUFFICIENT'
      WHEN fresh < of_quantity THEN 'INVENTORY_EXPIRED'
      WHEN free < of_quantity THEN 'INVENTORY_BOUND'
      ELSE 'INVENTORY_EQUIPPED'
    END, jsonb_build_object('item', of_item));
END $$;
--> statement-breakpoint
-- Gives. `given`: [{ item, kind: stack | unique, quantity, max?, ids?, expiresAt?, bound? }], with an id for each unique item.
-- Returns [{ item, quantity, ids }]. Refuses with INVENTORY_FULL beyond `max` or INVENTORY_ACCOUNT_UNKNOWN.
CREATE FUNCTION "umpire"."inventory_give"(
  of_account text, given jsonb, of_reason text, of_reference text, of_version integer, at timestamptz
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  entry record;
  of_ids text[];
  answer jsonb := '[]';
BEGIN
  PERFORM umpire.inventory_enter(ARRAY[of_account]);
  FOR entry IN
    SELECT * FROM jsonb_to_recordset(given)
      AS e (item text, kind text, quantity bigint, max bigint, ids jsonb, "expiresAt" timestamptz, bound boolean)
  LOOP
    PERFORM umpire.inventory_check(entry.item, entry.kind, entry.quantity, entry.ids);
    IF entry.kind = 'stack' THEN
      of_ids := NULL;
      PERFORM umpire.inventory_stack_add(of_account, entry.item, entry.quantity, entry.max);
    ELSE
      of_ids := ARRAY(SELECT jsonb_array_elements_text(entry.ids));
      IF cardinality(of_ids) <> entry.quantity THEN
        RAISE EXCEPTION 'each unique item is given with its id';
      END IF;
      INSERT INTO umpire.inventory_items (id, item, account_id, bound, expires_at, created_at, content_version)
        SELECT id, entry.item, of_account, coalesce(entry.bound, false), entry."expiresAt", at, of_version
        FROM unnest(of_ids) AS id;
    END IF;
    PERFORM umpire.inventory_record(of_account, entry.item, of_ids, 'granted', entry.quantity,
      of_reason, of_reference, of_version, at);
    answer := answer || jsonb_build_object('item', entry.item, 'quantity', entry.quantity,
      'ids', coalesce(to_jsonb(of_ids), '[]'));
  END LOOP;
  RETURN answer;
END $$;
--> statement-breakpoint
-- Takes, for good. `taken`: [{ item, kind: stack | unique, quantity, ids? }]; without ids the oldest that are neither worn nor
-- expired. With `may_lack`, for what has to be taken back, worn and expired ones too, and no more than is there.
-- Returns what was taken, [{ item, quantity, ids }]. Refuses with INVENTORY_INSUFFICIENT, INVENTORY_EQUIPPED, INVENTORY_EXPIRED
-- or INVENTORY_ACCOUNT_UNKNOWN.
CREATE FUNCTION "umpire"."inventory_take"(
  of_account text, taken jsonb, of_reason text, of_reference text, at timestamptz, may_lack boolean DEFAULT false
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  entry record;
  of_ids text[];
  went bigint;
  answer jsonb := '[]';
BEGIN
  IF may_lack AND NOT EXISTS (SELECT umpire.inventory_lock(ARRAY[of_account])) THEN
    RETURN answer;
  END IF;
  PERFORM umpire.inventory_enter(ARRAY[of_account]);
  FOR entry IN SELECT * FROM jsonb_to_recordset(taken) AS e (item text, kind text, quantity bigint, ids jsonb) LOOP
    PERFORM umpire.inventory_check(entry.item, entry.kind, entry.quantity, entry.ids);
    IF entry.kind = 'stack' THEN
      of_ids := NULL;
      went := umpire.inventory_stack_take(of_account, entry.item, entry.quantity, may_lack);
    ELSE
      of_ids := umpire.inventory_choose(of_account, entry.item, entry.quantity, entry.ids, at, may_lack, false);
      went := cardinality(of_ids);
      UPDATE umpire.inventory_items SET account_id = NULL, slot = NULL WHERE id = ANY(of_ids);
    END IF;
    CONTINUE WHEN went = 0;
    PERFORM umpire.inventory_record(of_account, entry.item, of_ids, 'consumed', went, of_reason, of_reference, NULL, at);
    answer := answer || jsonb_build_object('item', entry.item, 'quantity', went, 'ids', coalesce(to_jsonb(of_ids), '[]'));
  END LOOP;
  RETURN answer;
END $$;
--> statement-breakpoint
-- A whole keyed change of one player's property: money by `lines` as for wallet_post, then what is taken, then what is given. Returns
-- { taken, given }. It names no account, so that the kept answer does not either.
CREATE FUNCTION "umpire"."inventory_exchange"(
  of_scope text, of_key text, of_verb text, of_hash text, of_transaction text, of_account text,
  lines jsonb, taken jsonb, given jsonb, of_reason text, of_reference text, of_version integer, at timestamptz
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := umpire.replay(of_scope, of_key, of_verb, of_hash);
  went jsonb;
BEGIN
  IF before IS NOT NULL THEN
    RETURN before;
  END IF;
  IF lines <> '[]' THEN
    PERFORM umpire.wallet_post(of_transaction, of_reason, of_reference, NULL, at, lines);
  END IF;
  went := umpire.inventory_take(of_account, taken, of_reason, of_reference, at);
  RETURN umpire.keep(of_scope, of_key, of_verb, of_hash, jsonb_build_object('taken', went,
    'given', umpire.inventory_give(of_account, given, of_reason, of_reference, of_version, at)), at);
END $$;
--> statement-breakpoint
-- From one player to another. `goods`: [{ item, kind, quantity, ids?, max? }]. A unique item keeps its id, and so its history.
-- Returns [{ item, quantity, ids }]. Refuses as inventory_take does, and with INVENTORY_BOUND or INVENTORY_FULL.
CREATE FUNCTION "umpire"."inventory_transfer"(
  of_key text, of_hash text, of_id text, of_giver text, of_taker text, goods jsonb, at timestamptz
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := umpire.replay(of_giver, of_key, 'inventory.transfer', of_hash);
  entry record;
  of_ids text[];
  answer jsonb := '[]';
BEGIN
  IF before IS NOT NULL THEN
    RETURN before;
  END IF;
  IF of_giver = of_taker THEN
    PERFORM umpire.refuse('INVENTORY_TO_SELF');
  END IF;
  PERFORM umpire.inventory_enter(ARRAY[of_giver, of_taker]);
  FOR entry IN
    SELECT * FROM jsonb_to_recordset(goods) AS e (item text, kind text, quantity bigint, ids jsonb, max bigint)
  LOOP
    PERFORM umpire.inventory_check(entry.item, entry.kind, entry.quantity, entry.ids);
    IF entry.kind = 'stack' THEN
      of_ids := NULL;
      PERFORM umpire.inventory_stack_take(of_giver, entry.item, entry.quantity, false);
      PERFORM umpire.inventory_stack_add(of_taker, entry.item, entry.quantity, entry.max);
    ELSE
      of_ids := umpire.inventory_choose(of_giver, entry.item, entry.quantity, entry.ids, at, false, true);
      UPDATE umpire.inventory_items SET account_id = of_taker WHERE id = ANY(of_ids);
    END IF;
    PERFORM umpire.inventory_record(of_giver, entry.item, of_ids, 'traded-out', entry.quantity, 'transfer', of_id, NULL, at);
    PERFORM umpire.inventory_record(of_taker, entry.item, of_ids, 'traded-in', entry.quantity, 'transfer', of_id, NULL, at);
    answer := answer || jsonb_build_object('item', entry.item, 'quantity', entry.quantity,
      'ids', coalesce(to_jsonb(of_ids), '[]'));
  END LOOP;
  RETURN umpire.keep(of_giver, of_key, 'inventory.transfer', of_hash, answer, at);
END $$;
--> statement-breakpoint
-- Ends up to `of_limit` items whose time is over. Returns { due, expired }: as many as were found, and as many as ended.
CREATE FUNCTION "umpire"."inventory_expire"(of_limit integer, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  due_ids text[];
  owners text[];
  expired integer;
BEGIN
  SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(account_id), '{}') INTO due_ids, owners FROM (
    SELECT id, account_id FROM umpire.inventory_items
    WHERE account_id IS NOT NULL AND expires_at IS NOT NULL AND expires_at <= at ORDER BY expires_at, id LIMIT of_limit
  ) AS due;
  PERFORM umpire.inventory_lock(owners);
  -- Whoever has got one of them in the meantime is not locked: it waits for the next page.
  WITH ended AS (
    UPDATE umpire.inventory_items AS item SET account_id = NULL, slot = NULL
    FROM unnest(due_ids, owners) AS due (id, owner) WHERE item.id = due.id AND item.account_id = due.owner
    RETURNING item.id, item.item, due.owner
  )
  INSERT INTO umpire.inventory_moves (account_id, item, item_id, kind, quantity, reason, reference, created_at)
    SELECT owner, item, id, 'consumed', 1, 'expired', id, at FROM ended;
  GET DIAGNOSTICS expired = ROW_COUNT;
  RETURN jsonb_build_object('due', cardinality(due_ids), 'expired', expired);
END $$;
--> statement-breakpoint
-- Invariant I2: whoever has more or less of an item than its moves amount to, and every unique item whose moves do not lead
-- to its owner, or to nobody once it is gone.
CREATE VIEW "umpire"."inventory_discrepancies" AS
  WITH moved AS (
    SELECT account_id, item, item_id,
      CASE WHEN kind IN ('granted', 'traded-in') THEN quantity ELSE -quantity END AS delta, kind, sequence
    FROM umpire.inventory_moves
  ), held AS (
    SELECT account_id, item, quantity FROM umpire.inventory_stacks
    UNION ALL
    SELECT account_id, item, count(*) FROM umpire.inventory_items WHERE account_id IS NOT NULL GROUP BY account_id, item
  ), per_player AS (
    SELECT coalesce(h.account_id, m.account_id) || ' ' || coalesce(h.item, m.item) AS subject,
      coalesce(h.quantity, 0) - coalesce(m.quantity, 0) AS off_by
    FROM (SELECT account_id, item, sum(quantity) AS quantity FROM held GROUP BY account_id, item) h
    FULL JOIN (SELECT account_id, item, sum(delta) AS quantity FROM moved GROUP BY account_id, item) m
      USING (account_id, item)
  ), last_move AS (
    SELECT DISTINCT ON (item_id) item_id, item, delta, account_id FROM moved
    WHERE item_id IS NOT NULL ORDER BY item_id, sequence DESC
  )
  SELECT 'held' AS kind, subject, off_by FROM per_player WHERE off_by <> 0
  UNION ALL
  SELECT 'owner', coalesce(i.id, l.item_id), NULL
  FROM umpire.inventory_items i FULL JOIN last_move l ON l.item_id = i.id
  WHERE i.id IS NULL OR l.item_id IS NULL OR i.item <> l.item
    OR i.account_id IS DISTINCT FROM CASE WHEN l.delta > 0 THEN l.account_id END
  UNION ALL
  SELECT 'provenance', item_id, sum(delta) FROM moved WHERE item_id IS NOT NULL
  GROUP BY item_id, account_id HAVING sum(delta) NOT IN (0, 1)
  UNION ALL
  SELECT 'origin', item_id, count(*) FILTER (WHERE kind = 'granted') - 1 FROM moved WHERE item_id IS NOT NULL
  GROUP BY item_id HAVING count(*) FILTER (WHERE kind = 'granted') <> 1 OR count(*) FILTER (WHERE kind = 'consumed') > 1;
--> statement-breakpoint
-- Buys an offer for the game's own currency: the key, the limit, the payment, the goods and the record, or nothing. `lines` and
-- `given` are as for wallet_post and inventory_give. Returns what was bought; a repeat returns the same.
-- Refuses with IDEMPOTENCY_CONFLICT, STORE_LIMIT_REACHED, and whatever wallet_post and inventory_give refuse with.
CREATE FUNCTION "umpire"."store_buy"(
  of_key text, of_hash text, of_account text, of_id text, of_offer text, of_version integer, of_currency text,
  of_amount bigint, of_limit integer, of_movement text, lines jsonb, given jsonb, at timestamptz
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := umpire.replay(of_account, of_key, 'store.buy', of_hash);
  balances jsonb;
  items jsonb := '[]';
BEGIN
  IF before IS NOT NULL THEN
    RETURN before;
  END IF;
  balances := umpire.wallet_post(of_movement, 'purchase', of_id, NULL, at, lines);
  IF of_limit IS NOT NULL THEN
    INSERT INTO umpire.store_limits AS bought_so_far (account_id, offer, bought) VALUES (of_account, of_offer, 1)
      ON CONFLICT (account_id, offer) DO UPDATE SET bought = bought_so_far.bought + 1 WHERE bought_so_far.bought < of_limit;
    IF NOT FOUND THEN
      PERFORM umpire.refuse('STORE_LIMIT_REACHED', jsonb_build_object('max', of_limit));
    END IF;
  END IF;
  IF given <> '[]' THEN
    items := umpire.inventory_give(of_account, given, 'purchase', of_id, of_version, at);
  END IF;
  INSERT INTO umpire.store_purchases (id, account_id, offer, content_version, currency, amount, created_at)
    VALUES (of_id, of_account, of_offer, of_version, of_currency, of_amount, at);
  RETURN umpire.keep(of_account, of_key, 'store.buy', of_hash, jsonb_build_object(
    'purchaseId', of_id, 'offer', of_offer, 'items', items, 'balances', balances), at);
END $$;
--> statement-breakpoint
-- The bucket that a score is counted in: the first 20 bits of the score as a double, which are its sign, its exponent and 8
-- bits of its fraction. So it grows with the score, holds one score each below 512, and above that 1/256 of the score.
CREATE FUNCTION "umpire"."leaderboard_bucket"(score bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (get_byte(bits, 0) << 12) | (get_byte(bits, 1) << 4) | (get_byte(bits, 2) >> 4)
  FROM (SELECT float8send(score::float8) AS bits) AS double
$$;
--> statement-breakpoint
-- The lowest score of the next bucket.
CREATE FUNCTION "umpire"."leaderboard_bucket_end"(bucket integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ceil(power(2::float8, (bucket >> 8) - 1023) * (257 + (bucket & 255)) / 256)::bigint
$$;
--> statement-breakpoint
-- Keeps the counts of buckets equal to the scores, whoever writes them. A connection writes to one shard, alone: with the
-- shard's lock nobody meets another in the middle of its buckets, in whatever order either comes to them.
CREATE FUNCTION "umpire"."leaderboard_count"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  own_shard smallint := pg_backend_pid() % 8;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT FROM added) THEN
      RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('umpire.leaderboard_count'), own_shard);
    INSERT INTO umpire.leaderboard_counts AS held (board, period, bucket, shard, scores)
      SELECT board, period, umpire.leaderboard_bucket(score), own_shard, count(*) FROM added GROUP BY 1, 2, 3
      ON CONFLICT ON CONSTRAINT leaderboard_counts_key DO UPDATE SET scores = held.scores + excluded.scores;
  ELSIF TG_OP = 'DELETE' THEN
    IF NOT EXISTS (SELECT FROM removed) THEN
      RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('umpire.leaderboard_count'), own_shard);
    INSERT INTO umpire.leaderboard_counts AS held (board, period, bucket, shard, scores)
      SELECT board, period, umpire.leaderboard_bucket(score), own_shard, -count(*) FROM removed GROUP BY 1, 2, 3
      ON CONFLICT ON CONSTRAINT leaderboard_counts_key DO UPDATE SET scores = held.scores + excluded.scores;
  ELSE
    IF NOT EXISTS (SELECT FROM added) THEN
      RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('umpire.leaderboard_count'), own_shard);
    INSERT INTO umpire.leaderboard_counts AS held (board, period, bucket, shard, scores)
      SELECT board, period, umpire.leaderboard_bucket(score), own_shard, sum(change)
      FROM (
        SELECT board, period, score, 1 AS change FROM added
        UNION ALL SELECT board, period, score, -1 FROM removed
      ) AS changes
      GROUP BY 1, 2, 3 HAVING sum(change) <> 0
      ON CONFLICT ON CONSTRAINT leaderboard_counts_key DO UPDATE SET scores = held.scores + excluded.scores;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "leaderboard_scores_added" AFTER INSERT ON "umpire"."leaderboard_scores"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "umpire"."leaderboard_count"();
--> statement-breakpoint
CREATE TRIGGER "leaderboard_scores_changed" AFTER UPDATE ON "umpire"."leaderboard_scores"
  REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "umpire"."leaderboard_count"();
--> statement-breakpoint
CREATE TRIGGER "leaderboard_scores_removed" AFTER DELETE ON "umpire"."leaderboard_scores"
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION "umpire"."leaderboard_count"();
--> statement-breakpoint
-- The same few rows are written over and over: with room on its page a row is replaced where it lies.
ALTER TABLE "umpire"."leaderboard_counts" SET (fillfactor = 50);
--> statement-breakpoint
-- Every bucket whose count is not the number of its scores. Empty, or something has written past the triggers.
CREATE VIEW "umpire"."leaderboard_discrepancies" AS
  SELECT board, period, bucket, sum(scores) AS off_by
  FROM (
    SELECT board, period, bucket, scores FROM umpire.leaderboard_counts
    UNION ALL
    SELECT board, period, umpire.leaderboard_bucket(score), -count(*) FROM umpire.leaderboard_scores GROUP BY 1, 2, 3
  ) AS counted
  GROUP BY 1, 2, 3 HAVING sum(scores) <> 0;
--> statement-breakpoint
-- Writes what matches told of stats to the boards that rank them. `boards`: { board: { stat, score, periods: [] } }; `told`:
-- [{ accountId, stat, value, at }], each account and stat once. The caller holds the accounts. Whatever order matches
-- arrive in, the scores end up the same. A sum of nothing is on no board.
CREATE FUNCTION "umpire"."leaderboard_write"(boards jsonb, told jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO umpire.leaderboard_scores AS held (board, period, account_id, score, reached_at, told_at)
    SELECT board.key, period, line."accountId", line.value, line.at, line.at
    FROM jsonb_each(boards) AS board (key, rule)
    CROSS JOIN LATERAL jsonb_array_elements_text(board.rule -> 'periods') AS period
    JOIN jsonb_to_recordset(told) AS line ("accountId" text, stat text, value bigint, at timestamptz)
      ON line.stat = board.rule ->> 'stat' AND (line.value > 0 OR board.rule ->> 'score' <> 'sum')
    ORDER BY 1, 2, 3
    ON CONFLICT ON CONSTRAINT leaderboard_scores_key DO UPDATE SET
      score = CASE boards -> excluded.board ->> 'score'
        WHEN 'best' THEN greatest(held.score, excluded.score)
        WHEN 'sum' THEN held.score + excluded.score
        ELSE excluded.score
      END,
      reached_at = CASE boards -> excluded.board ->> 'score'
        WHEN 'best' THEN excluded.reached_at
        WHEN 'sum' THEN greatest(held.reached_at, excluded.reached_at)
        ELSE CASE WHEN excluded.score = held.score THEN held.reached_at ELSE excluded.reached_at END
      END,
      told_at = greatest(held.told_at, excluded.told_at)
    -- A score that stays as it is keeps the time at which it was reached.
    WHERE CASE boards -> excluded.board ->> 'score'
      WHEN 'best' THEN (excluded.score, held.reached_at) > (held.score, excluded.reached_at)
      WHEN 'sum' THEN excluded.score > 0
      ELSE excluded.told_at >= held.told_at
    END;
END $$;
--> statement-breakpoint
-- Applies a match's result, all of it or nothing, and returns what it came to for each player; no rows when the match is
-- recorded already. `result`: { matchId, room, mode, startedAt, endedAt, players: [{ accountId, placement, kills, deaths, xp,
-- stats, rewards }] }. `rules`: { stats: { stat: { kind } }, statMax, boards, currencies: { currency: { max? } } }. Items are
-- the caller's to give, in the same transaction. Accounts are held first, then rows are locked by feature in this order:
-- progression, wallet, leaderboards; whoever meets at a player meets at that player's first row.
-- Refuses with PROGRESSION_STAT_INVALID.
CREATE FUNCTION "umpire"."progression_record"(result jsonb, rules jsonb, of_transaction text, at timestamptz)
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
      'at', player.ended_at)) INTO told
    FROM umpire.progression_match_players AS player, jsonb_each(player.stats) AS line
    WHERE match_id = of_match;
  IF told IS NOT NULL THEN
    SELECT line.stat INTO wrong FROM jsonb_to_recordset(told) AS line (stat text, value text)
      WHERE rules -> 'stats' -> line.stat IS NULL OR coalesce(line.value, '') !~ '^[0-9]{1,16}$'
        OR line.value::numeric > (rules ->> 'statMax')::numeric
      LIMIT 1;
    IF FOUND THEN
      PERFORM umpire.refuse('PROGRESSION_STAT_INVALID', jsonb_build_object('stat', wrong));
    END IF;
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
--> statement-breakpoint
-- The chain begins before its first row.
INSERT INTO "umpire"."audit_head" ("seq", "hash") VALUES (0, repeat('0', 64));
--> statement-breakpoint
-- SHA-256 over a row, in hex. As a JSON array no field can run into the next.
CREATE FUNCTION "umpire"."audit_hash"(entry "umpire"."audit_log") RETURNS text LANGUAGE sql STABLE AS $$
  SELECT encode(sha256(convert_to(jsonb_build_array(
    entry.seq, (extract(epoch FROM entry.at) * 1000)::bigint, entry.actor, entry.action, entry.subject, entry.reason,
    entry.details, entry.prev_hash
  )::text, 'UTF8')), 'hex')
$$;
--> statement-breakpoint
-- Whether this is the id of an operator who may act.
CREATE FUNCTION "umpire"."operator_acts"(of_id text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM umpire.operators WHERE id = of_id AND disabled_at IS NULL)
$$;
--> statement-breakpoint
-- Whatever a row says of its number and its hashes, it gets those that come next. The head's lock makes writers take
-- turns until they commit, so that no number is left out by one that fails.
CREATE FUNCTION "umpire"."audit_chain"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  head umpire.audit_head;
BEGIN
  IF NEW.actor <> 'shell' AND NOT umpire.operator_acts(NEW.actor) THEN
    RAISE EXCEPTION 'nobody acts under this name' USING ERRCODE = '42501';
  END IF;
  SELECT * INTO STRICT head FROM umpire.audit_head FOR UPDATE;
  NEW.seq := head.seq + 1;
  NEW.prev_hash := head.hash;
  NEW.hash := umpire.audit_hash(NEW);
  UPDATE umpire.audit_head SET seq = NEW.seq, hash = NEW.hash;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "audit_chain" BEFORE INSERT ON "umpire"."audit_log" FOR EACH ROW EXECUTE FUNCTION "umpire"."audit_chain"();
--> statement-breakpoint
CREATE FUNCTION "umpire"."audit_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = '42501';
END $$;
--> statement-breakpoint
CREATE TRIGGER "audit_refuse" BEFORE UPDATE OR DELETE OR TRUNCATE ON "umpire"."audit_log"
  FOR EACH STATEMENT EXECUTE FUNCTION "umpire"."audit_refuse"();
--> statement-breakpoint
CREATE TRIGGER "audit_head_refuse" BEFORE INSERT OR DELETE OR TRUNCATE ON "umpire"."audit_head"
  FOR EACH STATEMENT EXECUTE FUNCTION "umpire"."audit_refuse"();
--> statement-breakpoint
-- Only the chain itself moves its head.
CREATE TRIGGER "audit_head_refuse_move" BEFORE UPDATE ON "umpire"."audit_head"
  FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION "umpire"."audit_refuse"();
--> statement-breakpoint
-- Looks through up to `rows_max` rows behind `after_seq`, and gives the last that holds with its hash, and the first that
-- does not: `missing`, `altered` (its own hash is wrong), `unchained` (not made from the row before) or, for the last row,
-- `head` (the chain ended otherwise). One statement sees one state, so rows may be added meanwhile.
CREATE FUNCTION "umpire"."audit_verify"(after_seq bigint, rows_max integer)
RETURNS TABLE (upto bigint, upto_hash text, broken bigint, problem text) LANGUAGE plpgsql STABLE AS $$
DECLARE
  entry umpire.audit_log;
  head umpire.audit_head;
BEGIN
  upto := after_seq;
  upto_hash := coalesce((SELECT hash FROM umpire.audit_log WHERE seq = after_seq), repeat('0', 64));
  FOR entry IN SELECT * FROM umpire.audit_log WHERE seq > after_seq ORDER BY seq LIMIT rows_max LOOP
    problem := CASE
      WHEN entry.seq <> upto + 1 THEN 'missing'
      WHEN entry.hash <> umpire.audit_hash(entry) THEN 'altered'
      WHEN entry.prev_hash <> upto_hash THEN 'unchained'
    END;
    IF problem IS NOT NULL THEN
      broken := upto + 1;
      RETURN NEXT;
      RETURN;
    END IF;
    upto := entry.seq;
    upto_hash := entry.hash;
  END LOOP;
  IF upto < after_seq + rows_max THEN
    SELECT * INTO head FROM umpire.audit_head;
    problem := CASE WHEN head.seq > upto THEN 'missing' WHEN head.seq IS DISTINCT FROM upto OR head.hash <> upto_hash THEN 'head' END;
    broken := CASE problem WHEN 'missing' THEN upto + 1 WHEN 'head' THEN upto END;
  END IF;
  RETURN NEXT;
END $$;
