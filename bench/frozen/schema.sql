-- What W9 is measured against: the least that an idempotent purchase needs, by hand. Frozen: a change would change the yardstick.
CREATE SCHEMA frozen;
CREATE TABLE frozen.wallets (account integer PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE frozen.purchases (key uuid PRIMARY KEY, account integer NOT NULL, amount bigint NOT NULL, at timestamptz NOT NULL);
CREATE TABLE frozen.entries (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account integer NOT NULL, delta bigint NOT NULL);
CREATE TABLE frozen.items (account integer NOT NULL, item text NOT NULL, quantity bigint NOT NULL, PRIMARY KEY (account, item));
INSERT INTO frozen.wallets SELECT n, 1000000000 FROM generate_series(1, 1000) n;
