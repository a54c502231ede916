\set account random_zipfian(1, 1000, 1.2)
BEGIN;
INSERT INTO frozen.purchases VALUES (gen_random_uuid(), :account, 100, now());
UPDATE frozen.wallets SET balance = balance - 100 WHERE account = :account AND balance >= 100;
INSERT INTO frozen.entries (account, delta) VALUES (:account, -100);
INSERT INTO frozen.items VALUES (:account, 'gem', 1) ON CONFLICT (account, item) DO UPDATE SET quantity = frozen.items.quantity + 1;
COMMIT;
