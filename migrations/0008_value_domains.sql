-- What Postgres refuses in a column, read once for each connection where a CHECK is read for every statement (schema/tables/domains.ts).
CREATE DOMAIN "umpire"."amount" AS bigint CHECK (VALUE >= 0);
--> statement-breakpoint
CREATE DOMAIN "umpire"."positive_amount" AS bigint CHECK (VALUE > 0);
--> statement-breakpoint
CREATE DOMAIN "umpire"."quantity" AS bigint CHECK (VALUE BETWEEN 1 AND 9007199254740991);
--> statement-breakpoint
CREATE DOMAIN "umpire"."book" AS text CHECK (VALUE IN ('wallet', 'debt', 'mint', 'store', 'sink', 'overflow'));
--> statement-breakpoint
CREATE DOMAIN "umpire"."move_kind" AS text CHECK (VALUE IN ('granted', 'consumed', 'traded-out', 'traded-in'));
--> statement-breakpoint
CREATE DOMAIN "umpire"."reason" AS text CHECK (VALUE ~ '^[a-z][a-z-]{0,31}$');
--> statement-breakpoint
CREATE DOMAIN "umpire"."reference" AS text CHECK (char_length(VALUE) BETWEEN 1 AND 128);
--> statement-breakpoint
CREATE DOMAIN "umpire"."sha256" AS text CHECK (VALUE ~ '^[0-9a-f]{64}$');
--> statement-breakpoint
-- They stand on columns that are about to change. 0010 makes them again.
DROP VIEW "umpire"."wallet_discrepancies";
--> statement-breakpoint
DROP VIEW "umpire"."inventory_discrepancies";
