CREATE TABLE "umpire"."account_credentials" (
	"account_id" text PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"password_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "account_credentials_email" UNIQUE("email"),
	CONSTRAINT "account_credentials_email_form" CHECK ("umpire"."account_credentials"."email" = lower("umpire"."account_credentials"."email") and char_length("umpire"."account_credentials"."email") between 3 and 254),
	CONSTRAINT "account_credentials_password_hash" CHECK ("umpire"."account_credentials"."password_hash" like '$argon2id$%')
);
--> statement-breakpoint
CREATE TABLE "umpire"."account_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"absolute_expires_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	"label" text NOT NULL,
	CONSTRAINT "account_sessions_id" CHECK ("umpire"."account_sessions"."id" ~ '^ses_[0-9A-Za-z_-]{43}$'),
	CONSTRAINT "account_sessions_expiry" CHECK ("umpire"."account_sessions"."expires_at" <= "umpire"."account_sessions"."absolute_expires_at"),
	CONSTRAINT "account_sessions_label" CHECK (char_length("umpire"."account_sessions"."label") <= 100)
);
--> statement-breakpoint
CREATE TABLE "umpire"."accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"display_name" text NOT NULL,
	"kind" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "accounts_id" CHECK ("umpire"."accounts"."id" ~ '^acc_[0-9a-z]{26}$'),
	CONSTRAINT "accounts_display_name" CHECK (char_length("umpire"."accounts"."display_name") between 1 and 24),
	CONSTRAINT "accounts_kind" CHECK ("umpire"."accounts"."kind" in ('guest', 'registered'))
);
--> statement-breakpoint
CREATE TABLE "umpire"."progression" (
	"account_id" text PRIMARY KEY NOT NULL,
	"xp" bigint NOT NULL,
	"matches" integer NOT NULL,
	"wins" integer NOT NULL,
	CONSTRAINT "progression_xp" CHECK ("umpire"."progression"."xp" between 0 and 9007199254740991),
	CONSTRAINT "progression_wins" CHECK ("umpire"."progression"."wins" between 0 and "umpire"."progression"."matches")
);
--> statement-breakpoint
CREATE TABLE "umpire"."progression_match_players" (
	"match_id" text NOT NULL,
	"account_id" text NOT NULL,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"placement" integer NOT NULL,
	"kills" integer NOT NULL,
	"deaths" integer NOT NULL,
	"xp" bigint NOT NULL,
	"xp_after" bigint NOT NULL,
	CONSTRAINT "progression_match_players_key" PRIMARY KEY("match_id","account_id"),
	CONSTRAINT "progression_match_players_placement" CHECK ("umpire"."progression_match_players"."placement" >= 1),
	CONSTRAINT "progression_match_players_tally" CHECK ("umpire"."progression_match_players"."kills" >= 0 and "umpire"."progression_match_players"."deaths" >= 0),
	CONSTRAINT "progression_match_players_xp" CHECK ("umpire"."progression_match_players"."xp" >= 0 and "umpire"."progression_match_players"."xp_after" >= "umpire"."progression_match_players"."xp")
);
--> statement-breakpoint
CREATE TABLE "umpire"."progression_matches" (
	"match_id" text PRIMARY KEY NOT NULL,
	"room" text NOT NULL,
	"mode" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"recorded_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "progression_matches_times" CHECK ("umpire"."progression_matches"."started_at" <= "umpire"."progression_matches"."ended_at")
);
--> statement-breakpoint
ALTER TABLE "umpire"."account_credentials" ADD CONSTRAINT "account_credentials_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "umpire"."accounts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "umpire"."account_sessions" ADD CONSTRAINT "account_sessions_user_id_accounts_id_fk" FOREIGN KEY ("user_id") REFERENCES "umpire"."accounts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "umpire"."progression_match_players" ADD CONSTRAINT "progression_match_players_match" FOREIGN KEY ("match_id") REFERENCES "umpire"."progression_matches"("match_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "account_sessions_user_id" ON "umpire"."account_sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "account_sessions_expires_at" ON "umpire"."account_sessions" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "progression_match_players_history" ON "umpire"."progression_match_players" USING btree ("account_id","ended_at","match_id");