CREATE TABLE "umpire"."audit_head" (
	"is_only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"seq" bigint NOT NULL,
	"hash" text NOT NULL,
	CONSTRAINT "audit_head_one_row" CHECK ("umpire"."audit_head"."is_only_row")
);
--> statement-breakpoint
CREATE TABLE "umpire"."audit_log" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"reason" text NOT NULL,
	"details" jsonb NOT NULL,
	"prev_hash" text NOT NULL,
	"hash" text NOT NULL,
	CONSTRAINT "audit_log_seq" CHECK ("umpire"."audit_log"."seq" > 0),
	CONSTRAINT "audit_log_actor_form" CHECK ("umpire"."audit_log"."actor" ~ '^(shell|opr_[0-9a-z]{26})$'),
	CONSTRAINT "audit_log_action" CHECK ("umpire"."audit_log"."action" ~ '^[a-z][a-z-]{0,31}\.[a-z][a-z-]{0,31}$'),
	CONSTRAINT "audit_log_subject_form" CHECK (char_length("umpire"."audit_log"."subject") between 1 and 200),
	CONSTRAINT "audit_log_reason" CHECK (char_length("umpire"."audit_log"."reason") between 1 and 1000),
	CONSTRAINT "audit_log_details" CHECK (jsonb_typeof("umpire"."audit_log"."details") = 'object')
);
--> statement-breakpoint
CREATE TABLE "umpire"."catalogue_active" (
	"is_only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"version" integer NOT NULL,
	"activated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "catalogue_active_one_row" CHECK ("umpire"."catalogue_active"."is_only_row")
);
--> statement-breakpoint
CREATE TABLE "umpire"."catalogue_versions" (
	"version" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "umpire"."catalogue_versions_version_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"hash" text NOT NULL,
	"content" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "catalogue_versions_hash" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "umpire"."idempotency" (
	"scope" text NOT NULL,
	"key" text NOT NULL,
	"verb" text NOT NULL,
	"request_hash" text NOT NULL,
	"answer" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "idempotency_key" PRIMARY KEY("scope","key"),
	CONSTRAINT "idempotency_key_form" CHECK (char_length("umpire"."idempotency"."key") between 1 and 128),
	CONSTRAINT "idempotency_request_hash" CHECK ("umpire"."idempotency"."request_hash" ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
CREATE TABLE "umpire"."inventory_items" (
	"id" text PRIMARY KEY NOT NULL,
	"item" text NOT NULL,
	"account_id" text,
	"bound" boolean NOT NULL,
	"slot" text,
	"expires_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"content_version" integer NOT NULL,
	CONSTRAINT "inventory_items_worn_by_owner" CHECK ("umpire"."inventory_items"."slot" is null or "umpire"."inventory_items"."account_id" is not null)
);
--> statement-breakpoint
CREATE TABLE "umpire"."inventory_loadouts" (
	"account_id" text NOT NULL,
	"name" text NOT NULL,
	"slots" jsonb NOT NULL,
	"active" boolean NOT NULL,
	CONSTRAINT "inventory_loadouts_key" PRIMARY KEY("account_id","name"),
	CONSTRAINT "inventory_loadouts_name" CHECK (char_length("umpire"."inventory_loadouts"."name") between 1 and 32)
);
--> statement-breakpoint
CREATE TABLE "umpire"."inventory_moves" (
	"sequence" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "umpire"."inventory_moves_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"account_id" text NOT NULL,
	"item" text NOT NULL,
	"item_id" text,
	"kind" text NOT NULL,
	"quantity" bigint NOT NULL,
	"reason" text NOT NULL,
	"reference" text NOT NULL,
	"content_version" integer,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "inventory_moves_kind" CHECK ("umpire"."inventory_moves"."kind" in ('granted', 'consumed', 'traded-out', 'traded-in')),
	CONSTRAINT "inventory_moves_quantity" CHECK ("umpire"."inventory_moves"."quantity" > 0 and ("umpire"."inventory_moves"."item_id" is null or "umpire"."inventory_moves"."quantity" = 1)),
	CONSTRAINT "inventory_moves_reason" CHECK ("umpire"."inventory_moves"."reason" ~ '^[a-z][a-z-]{0,31}$'),
	CONSTRAINT "inventory_moves_reference_form" CHECK (char_length("umpire"."inventory_moves"."reference") between 1 and 128)
);
--> statement-breakpoint
CREATE TABLE "umpire"."inventory_pity" (
	"account_id" text NOT NULL,
	"loot" text NOT NULL,
	"misses" integer NOT NULL,
	CONSTRAINT "inventory_pity_key" PRIMARY KEY("account_id","loot"),
	CONSTRAINT "inventory_pity_misses" CHECK ("umpire"."inventory_pity"."misses" >= 0)
);
--> statement-breakpoint
CREATE TABLE "umpire"."inventory_rolls" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"loot" text NOT NULL,
	"content_version" integer NOT NULL,
	"seed" text NOT NULL,
	"misses_before" integer NOT NULL,
	"picks" jsonb NOT NULL,
	"reason" text NOT NULL,
	"reference" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "inventory_rolls_seed" CHECK ("umpire"."inventory_rolls"."seed" ~ '^[0-9a-f]{32}$'),
	CONSTRAINT "inventory_rolls_misses" CHECK ("umpire"."inventory_rolls"."misses_before" >= 0)
);
--> statement-breakpoint
CREATE TABLE "umpire"."inventory_stacks" (
	"account_id" text NOT NULL,
	"item" text NOT NULL,
	"quantity" bigint NOT NULL,
	CONSTRAINT "inventory_stacks_key" PRIMARY KEY("account_id","item"),
	CONSTRAINT "inventory_stacks_quantity" CHECK ("umpire"."inventory_stacks"."quantity" between 1 and 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE "umpire"."leaderboard_counts" (
	"board" text NOT NULL,
	"period" text NOT NULL,
	"bucket" integer NOT NULL,
	"shard" smallint NOT NULL,
	"scores" bigint NOT NULL,
	CONSTRAINT "leaderboard_counts_key" PRIMARY KEY("board","period","bucket","shard")
);
--> statement-breakpoint
CREATE TABLE "umpire"."leaderboard_scores" (
	"board" text NOT NULL,
	"period" text NOT NULL,
	"account_id" text NOT NULL,
	"score" bigint NOT NULL,
	"inverse" bigint GENERATED ALWAYS AS (-score) STORED NOT NULL,
	"reached_at" timestamp (3) with time zone NOT NULL,
	"told_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "leaderboard_scores_key" PRIMARY KEY("board","period","account_id"),
	CONSTRAINT "leaderboard_scores_score" CHECK ("umpire"."leaderboard_scores"."score" between 0 and 9007199254740991),
	CONSTRAINT "leaderboard_scores_period" CHECK ("umpire"."leaderboard_scores"."period" ~ '^(all|[dw][0-9]{4}-[0-9]{2}-[0-9]{2})$')
);
--> statement-breakpoint
CREATE TABLE "umpire"."operator_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"operator_id" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"absolute_expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "operator_sessions_id" CHECK ("umpire"."operator_sessions"."id" ~ '^ops_[0-9A-Za-z_-]{43}$'),
	CONSTRAINT "operator_sessions_expiry" CHECK ("umpire"."operator_sessions"."expires_at" <= "umpire"."operator_sessions"."absolute_expires_at")
);
--> statement-breakpoint
CREATE TABLE "umpire"."operator_totp_uses" (
	"operator_id" text NOT NULL,
	"step" bigint NOT NULL,
	CONSTRAINT "operator_totp_uses_key" PRIMARY KEY("operator_id","step")
);
--> statement-breakpoint
CREATE TABLE "umpire"."operators" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"password_hash" text NOT NULL,
	"totp_secret" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"disabled_at" timestamp (3) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"attempts_since" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "operators_name" UNIQUE("name"),
	CONSTRAINT "operators_id" CHECK ("umpire"."operators"."id" ~ '^opr_[0-9a-z]{26}$'),
	CONSTRAINT "operators_name_form" CHECK ("umpire"."operators"."name" ~ '^[a-z][a-z0-9-]{0,31}$'),
	CONSTRAINT "operators_role" CHECK ("umpire"."operators"."role" in ('support', 'economy', 'admin')),
	CONSTRAINT "operators_password_hash" CHECK ("umpire"."operators"."password_hash" like '$argon2id$%'),
	CONSTRAINT "operators_totp_secret" CHECK ("umpire"."operators"."totp_secret" ~ '^[0-9A-Za-z_-]{64}$')
);
--> statement-breakpoint
CREATE TABLE "umpire"."payment_events" (
	"provider" text NOT NULL,
	"event_id" text NOT NULL,
	"account_id" text,
	"raw_body" "bytea" NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"state" text NOT NULL,
	"attempts" integer NOT NULL,
	"problem" text,
	"next_try_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "payment_events_key" PRIMARY KEY("provider","event_id"),
	CONSTRAINT "payment_events_provider" CHECK ("umpire"."payment_events"."provider" in ('stripe', 'apple', 'google', 'local')),
	CONSTRAINT "payment_events_state" CHECK ("umpire"."payment_events"."state" in ('new', 'applied', 'dead')),
	CONSTRAINT "payment_events_id_form" CHECK (char_length("umpire"."payment_events"."event_id") between 1 and 255),
	CONSTRAINT "payment_events_size" CHECK (octet_length("umpire"."payment_events"."raw_body") <= 262144)
);
--> statement-breakpoint
CREATE TABLE "umpire"."payment_orders" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"offer" text NOT NULL,
	"content_version" integer NOT NULL,
	"currency" text NOT NULL,
	"amount" bigint NOT NULL,
	"provider" text NOT NULL,
	"product" text,
	"reference" text NOT NULL,
	"provider_reference" text,
	"next_step" jsonb,
	"state" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "payment_orders_reference" UNIQUE("reference"),
	CONSTRAINT "payment_orders_amount" CHECK ("umpire"."payment_orders"."amount" > 0),
	CONSTRAINT "payment_orders_currency" CHECK ("umpire"."payment_orders"."currency" ~ '^[A-Z]{3}$'),
	CONSTRAINT "payment_orders_provider" CHECK ("umpire"."payment_orders"."provider" in ('stripe', 'apple', 'google', 'local')),
	CONSTRAINT "payment_orders_state" CHECK ("umpire"."payment_orders"."state" in ('open', 'failed', 'delivered', 'withdrawn'))
);
--> statement-breakpoint
CREATE TABLE "umpire"."payment_transactions" (
	"id" text PRIMARY KEY NOT NULL,
	"provider" text NOT NULL,
	"transaction_id" text NOT NULL,
	"account_id" text,
	"order_id" text,
	"offer" text,
	"content_version" integer,
	"product" text,
	"quantity" integer NOT NULL,
	"truth" jsonb NOT NULL,
	"delivered" boolean NOT NULL,
	"turns" integer NOT NULL,
	"acknowledged_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "payment_transactions_transaction" UNIQUE("provider","transaction_id"),
	CONSTRAINT "payment_transactions_provider" CHECK ("umpire"."payment_transactions"."provider" in ('stripe', 'apple', 'google', 'local')),
	CONSTRAINT "payment_transactions_id_form" CHECK (char_length("umpire"."payment_transactions"."transaction_id") between 1 and 1024),
	CONSTRAINT "payment_transactions_quantity" CHECK ("umpire"."payment_transactions"."quantity" between 1 and 1000),
	CONSTRAINT "payment_transactions_turns" CHECK ("umpire"."payment_transactions"."turns" >= 0 and "umpire"."payment_transactions"."delivered" = ("umpire"."payment_transactions"."turns" % 2 = 1)),
	CONSTRAINT "payment_transactions_bound" CHECK (("umpire"."payment_transactions"."account_id" is null) = ("umpire"."payment_transactions"."offer" is null) and ("umpire"."payment_transactions"."offer" is null) = ("umpire"."payment_transactions"."content_version" is null)),
	CONSTRAINT "payment_transactions_owner" CHECK (not "umpire"."payment_transactions"."delivered" or "umpire"."payment_transactions"."account_id" is not null)
);
--> statement-breakpoint
CREATE TABLE "umpire"."progression_stats" (
	"account_id" text NOT NULL,
	"stat" text NOT NULL,
	"value" bigint NOT NULL,
	"told_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "progression_stats_key" PRIMARY KEY("account_id","stat"),
	CONSTRAINT "progression_stats_value" CHECK ("umpire"."progression_stats"."value" between 0 and 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE "umpire"."store_limits" (
	"account_id" text NOT NULL,
	"offer" text NOT NULL,
	"bought" integer NOT NULL,
	CONSTRAINT "store_limits_key" PRIMARY KEY("account_id","offer"),
	CONSTRAINT "store_limits_bought" CHECK ("umpire"."store_limits"."bought" >= 0)
);
--> statement-breakpoint
CREATE TABLE "umpire"."store_purchases" (
	"id" text NOT NULL,
	"account_id" text NOT NULL,
	"offer" text NOT NULL,
	"content_version" integer NOT NULL,
	"currency" text NOT NULL,
	"amount" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "store_purchases_key" PRIMARY KEY("account_id","id"),
	CONSTRAINT "store_purchases_amount" CHECK ("umpire"."store_purchases"."amount" > 0)
);
--> statement-breakpoint
CREATE TABLE "umpire"."wallet_balances" (
	"account_id" text NOT NULL,
	"currency" text NOT NULL,
	"balance" bigint NOT NULL,
	"held" bigint NOT NULL,
	"owed" bigint NOT NULL,
	CONSTRAINT "wallet_balances_key" PRIMARY KEY("account_id","currency"),
	CONSTRAINT "wallet_balances_balance" CHECK ("umpire"."wallet_balances"."balance" >= 0),
	CONSTRAINT "wallet_balances_held" CHECK ("umpire"."wallet_balances"."held" between 0 and "umpire"."wallet_balances"."balance"),
	CONSTRAINT "wallet_balances_owed" CHECK ("umpire"."wallet_balances"."owed" >= 0)
);
--> statement-breakpoint
CREATE TABLE "umpire"."wallet_holds" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"currency" text NOT NULL,
	"amount" bigint NOT NULL,
	"state" text NOT NULL,
	"reason" text NOT NULL,
	"reference" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "wallet_holds_amount" CHECK ("umpire"."wallet_holds"."amount" > 0),
	CONSTRAINT "wallet_holds_state" CHECK ("umpire"."wallet_holds"."state" in ('open', 'captured', 'released'))
);
--> statement-breakpoint
CREATE TABLE "umpire"."wallet_lines" (
	"seq" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "umpire"."wallet_lines_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"movement_id" text NOT NULL,
	"currency" text NOT NULL,
	"amount" bigint NOT NULL,
	"from_book" text NOT NULL,
	"from_account_id" text,
	"from_balance" bigint,
	"to_book" text NOT NULL,
	"to_account_id" text,
	"to_balance" bigint,
	"reason" text NOT NULL,
	"reference" text NOT NULL,
	"metadata" jsonb,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "wallet_lines_amount" CHECK ("umpire"."wallet_lines"."amount" > 0),
	CONSTRAINT "wallet_lines_from_book" CHECK ("umpire"."wallet_lines"."from_book" in ('wallet', 'debt', 'mint', 'store', 'sink', 'overflow')),
	CONSTRAINT "wallet_lines_to_book" CHECK ("umpire"."wallet_lines"."to_book" in ('wallet', 'debt', 'mint', 'store', 'sink', 'overflow')),
	CONSTRAINT "wallet_lines_from_owner" CHECK (("umpire"."wallet_lines"."from_account_id" is not null) = ("umpire"."wallet_lines"."from_book" in ('wallet', 'debt'))),
	CONSTRAINT "wallet_lines_to_owner" CHECK (("umpire"."wallet_lines"."to_account_id" is not null) = ("umpire"."wallet_lines"."to_book" in ('wallet', 'debt'))),
	CONSTRAINT "wallet_lines_reference" CHECK (char_length("umpire"."wallet_lines"."reference") between 1 and 128)
);
--> statement-breakpoint
ALTER TABLE "umpire"."progression_match_players" ADD COLUMN "stats" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "umpire"."progression_match_players" ADD COLUMN "rewards" jsonb DEFAULT '{"items":{},"currencies":{}}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "umpire"."catalogue_active" ADD CONSTRAINT "catalogue_active_version_catalogue_versions_version_fk" FOREIGN KEY ("version") REFERENCES "umpire"."catalogue_versions"("version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "umpire"."operator_sessions" ADD CONSTRAINT "operator_sessions_operator_id_operators_id_fk" FOREIGN KEY ("operator_id") REFERENCES "umpire"."operators"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "umpire"."operator_totp_uses" ADD CONSTRAINT "operator_totp_uses_operator_id_operators_id_fk" FOREIGN KEY ("operator_id") REFERENCES "umpire"."operators"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "umpire"."payment_transactions" ADD CONSTRAINT "payment_transactions_order" FOREIGN KEY ("order_id") REFERENCES "umpire"."payment_orders"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_log_subject" ON "umpire"."audit_log" USING btree ("subject","seq");--> statement-breakpoint
CREATE INDEX "audit_log_actor" ON "umpire"."audit_log" USING btree ("actor","seq");--> statement-breakpoint
CREATE INDEX "idempotency_age" ON "umpire"."idempotency" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "inventory_items_list" ON "umpire"."inventory_items" USING btree ("account_id","item","id");--> statement-breakpoint
CREATE UNIQUE INDEX "inventory_items_slot" ON "umpire"."inventory_items" USING btree ("account_id","slot") WHERE "umpire"."inventory_items"."slot" is not null;--> statement-breakpoint
CREATE INDEX "inventory_items_expiry" ON "umpire"."inventory_items" USING btree ("expires_at","id") WHERE "umpire"."inventory_items"."account_id" is not null and "umpire"."inventory_items"."expires_at" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "inventory_loadouts_active" ON "umpire"."inventory_loadouts" USING btree ("account_id") WHERE "umpire"."inventory_loadouts"."active";--> statement-breakpoint
CREATE INDEX "inventory_moves_account" ON "umpire"."inventory_moves" USING btree ("account_id","item","sequence");--> statement-breakpoint
CREATE INDEX "inventory_moves_item" ON "umpire"."inventory_moves" USING btree ("item_id","sequence") WHERE "umpire"."inventory_moves"."item_id" is not null;--> statement-breakpoint
CREATE INDEX "inventory_moves_reference" ON "umpire"."inventory_moves" USING btree ("reference");--> statement-breakpoint
CREATE INDEX "inventory_rolls_account" ON "umpire"."inventory_rolls" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "leaderboard_scores_order" ON "umpire"."leaderboard_scores" USING btree ("board","period","inverse","reached_at","account_id");--> statement-breakpoint
CREATE INDEX "leaderboard_scores_account" ON "umpire"."leaderboard_scores" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "operator_sessions_operator_id" ON "umpire"."operator_sessions" USING btree ("operator_id");--> statement-breakpoint
CREATE INDEX "payment_events_waiting" ON "umpire"."payment_events" USING btree ("next_try_at") WHERE "umpire"."payment_events"."state" = 'new';--> statement-breakpoint
CREATE INDEX "payment_events_dead" ON "umpire"."payment_events" USING btree ("received_at") WHERE "umpire"."payment_events"."state" = 'dead';--> statement-breakpoint
CREATE INDEX "payment_events_account" ON "umpire"."payment_events" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "payment_orders_account" ON "umpire"."payment_orders" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "payment_orders_open" ON "umpire"."payment_orders" USING btree ("id") WHERE "umpire"."payment_orders"."state" = 'open';--> statement-breakpoint
CREATE INDEX "payment_transactions_account" ON "umpire"."payment_transactions" USING btree ("account_id","offer");--> statement-breakpoint
CREATE INDEX "payment_transactions_by_order" ON "umpire"."payment_transactions" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "payment_transactions_unacknowledged" ON "umpire"."payment_transactions" USING btree ("id") WHERE "umpire"."payment_transactions"."provider" = 'google' and "umpire"."payment_transactions"."delivered" and "umpire"."payment_transactions"."acknowledged_at" is null;--> statement-breakpoint
CREATE INDEX "wallet_holds_account" ON "umpire"."wallet_holds" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "wallet_holds_lapse" ON "umpire"."wallet_holds" USING btree ("expires_at") WHERE "umpire"."wallet_holds"."state" = 'open';--> statement-breakpoint
CREATE INDEX "wallet_lines_from" ON "umpire"."wallet_lines" USING btree ("from_account_id","currency","seq") WHERE "umpire"."wallet_lines"."from_account_id" is not null;--> statement-breakpoint
CREATE INDEX "wallet_lines_to" ON "umpire"."wallet_lines" USING btree ("to_account_id","currency","seq") WHERE "umpire"."wallet_lines"."to_account_id" is not null;