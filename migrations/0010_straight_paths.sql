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
-- The straight path of a payment: one account, one currency, nothing owed. Returns what is left, or null when it is not there.
CREATE FUNCTION "umpire"."wallet_pay"(
  of_id text, of_reason text, of_reference text, of_metadata jsonb, at timestamptz,
  of_account text, into_book text, of_currency text, of_amount bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  left_over bigint;
BEGIN
  -- As account_hold does. That the account is there is known from its balance, which is deleted with it.
  PERFORM pg_advisory_xact_lock_shared(hashtextextended(of_account, 0));
  UPDATE umpire.wallet_balances SET balance = balance - of_amount
    WHERE account_id = of_account AND currency = of_currency AND balance - held >= of_amount
    RETURNING balance INTO left_over;
  IF FOUND THEN
    INSERT INTO umpire.wallet_lines (movement_id, currency, amount, from_book, from_account_id, from_balance, to_book,
        reason, reference, metadata, created_at)
      VALUES (of_id, of_currency, of_amount, 'wallet', of_account, left_over, into_book,
        of_reason, of_reference, of_metadata, at);
  END IF;
  RETURN left_over;
END $$;
--> statement-breakpoint
-- One movement of money. `lines`: [{ from, fromAccount?, to, toAccount?, currency, amount, max?, mayOwe? }]; the books are `wallet`,
-- which needs its account, and the house's. What comes in pays a player's debt first; what goes beyond `max` goes to the book
-- `overflow`. What goes out must be there and not held, or with `mayOwe` becomes debt. Refuses with WALLET_INSUFFICIENT or
-- WALLET_ACCOUNT_UNKNOWN. Returns [{ accountId, currency, balance }] as each wallet was after its line.
CREATE OR REPLACE FUNCTION "umpire"."wallet_post"(
  of_id text, of_reason text, of_reference text, of_metadata jsonb, at timestamptz, lines jsonb
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  line jsonb;
  accounts text[] := '{}';
  balances jsonb := '[]';
  left_over bigint;
BEGIN
  line := lines -> 0;
  IF jsonb_array_length(lines) = 1 AND line ->> 'from' = 'wallet' AND line ->> 'to' <> 'wallet' AND NOT line ? 'mayOwe' THEN
    left_over := umpire.wallet_pay(of_id, of_reason, of_reference, of_metadata, at, line ->> 'fromAccount', line ->> 'to',
      line ->> 'currency', (line ->> 'amount')::bigint);
    IF left_over IS NOT NULL THEN
      RETURN jsonb_build_array(jsonb_build_object('accountId', line ->> 'fromAccount', 'currency', line ->> 'currency',
        'balance', left_over::text));
    END IF;
  END IF;
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
-- The same as before, without planning a statement for one account.
CREATE OR REPLACE FUNCTION "umpire"."inventory_enter"(accounts text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  one text := accounts[1];
  there text[];
BEGIN
  IF cardinality(accounts) = 1 THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(one, 2)), pg_advisory_xact_lock_shared(hashtextextended(one, 0));
    IF EXISTS (SELECT FROM umpire.accounts WHERE id = one) THEN
      RETURN;
    END IF;
  END IF;
  there := ARRAY(SELECT umpire.inventory_lock(accounts));
  IF NOT accounts <@ there THEN
    PERFORM umpire.refuse('INVENTORY_ACCOUNT_UNKNOWN');
  END IF;
END $$;
--> statement-breakpoint
-- Writes down that something changed hands: a line per id, or one for a stack.
CREATE OR REPLACE FUNCTION "umpire"."inventory_record"(
  of_account text, of_item text, of_ids text[], of_kind text, of_quantity bigint,
  of_reason text, of_reference text, of_version integer, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF of_ids IS NULL THEN
    INSERT INTO umpire.inventory_moves (account_id, item, kind, quantity, reason, reference, content_version, created_at)
      VALUES (of_account, of_item, of_kind, of_quantity, of_reason, of_reference, of_version, at);
  ELSE
    INSERT INTO umpire.inventory_moves
        (account_id, item, item_id, kind, quantity, reason, reference, content_version, created_at)
      SELECT of_account, of_item, id, of_kind, 1, of_reason, of_reference, of_version, at FROM unnest(of_ids) AS id;
  END IF;
END $$;
--> statement-breakpoint
-- Adds to a stack, in one statement, so that it needs no lock on the inventory. Refuses with INVENTORY_FULL beyond `of_max`, or
-- beyond what a number in JSON can say exactly.
CREATE OR REPLACE FUNCTION "umpire"."inventory_stack_add"(of_account text, of_item text, of_quantity bigint, of_max bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  most bigint := least(of_max, 9007199254740991);
BEGIN
  IF of_quantity <= most THEN
    INSERT INTO umpire.inventory_stacks AS stack (account_id, item, quantity) VALUES (of_account, of_item, of_quantity)
      ON CONFLICT (account_id, item) DO UPDATE SET quantity = stack.quantity + excluded.quantity
      WHERE stack.quantity <= most - of_quantity;
    IF FOUND THEN
      RETURN;
    END IF;
  END IF;
  PERFORM umpire.refuse('INVENTORY_FULL', jsonb_build_object('item', of_item));
END $$;
--> statement-breakpoint
-- Takes from a stack and returns how much. Refuses with INVENTORY_INSUFFICIENT, unless less will do.
CREATE OR REPLACE FUNCTION "umpire"."inventory_stack_take"(of_account text, of_item text, of_quantity bigint, may_lack boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  held bigint;
BEGIN
  -- Locked, because stacks are added to without the lock on the inventory.
  SELECT quantity INTO held FROM umpire.inventory_stacks WHERE account_id = of_account AND item = of_item FOR UPDATE;
  held := coalesce(held, 0);
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
-- Gives. `given`: [{ item, kind: stack | unique, quantity, max?, ids?, expiresAt?, bound? }], with an id for each unique item.
-- Returns [{ item, quantity, ids }]. Refuses with INVENTORY_FULL beyond `max` or INVENTORY_ACCOUNT_UNKNOWN.
CREATE OR REPLACE FUNCTION "umpire"."inventory_give"(
  of_account text, given jsonb, of_reason text, of_reference text, of_version integer, at timestamptz
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  entry record;
  of_ids text[];
  answer jsonb := '[]';
  sole jsonb := given -> 0;
BEGIN
  -- The straight path of one stack. It takes no lock on the inventory: nothing is chosen, and the row's own lock adds up.
  IF jsonb_array_length(given) = 1 AND sole ->> 'kind' = 'stack' AND (sole ->> 'quantity')::bigint >= 1 THEN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(of_account, 0));
    IF EXISTS (SELECT FROM umpire.accounts WHERE id = of_account) THEN
      PERFORM umpire.inventory_stack_add(of_account, sole ->> 'item', (sole ->> 'quantity')::bigint, (sole ->> 'max')::bigint);
      PERFORM umpire.inventory_record(of_account, sole ->> 'item', NULL, 'granted', (sole ->> 'quantity')::bigint,
        of_reason, of_reference, of_version, at);
      RETURN jsonb_build_array(
        jsonb_build_object('item', sole ->> 'item', 'quantity', sole -> 'quantity', 'ids', '[]'::jsonb));
    END IF;
  END IF;
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
