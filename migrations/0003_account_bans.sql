CREATE TABLE "umpire"."account_bans" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"reason" text NOT NULL,
	"sentence" text NOT NULL,
	"banned_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"lifted_at" timestamp (3) with time zone,
	CONSTRAINT "account_bans_id" CHECK ("umpire"."account_bans"."id" ~ '^ban_[0-9a-z]{26}$'),
	CONSTRAINT "account_bans_reason" CHECK (char_length("umpire"."account_bans"."reason") between 1 and 1000),
	CONSTRAINT "account_bans_sentence" CHECK (char_length("umpire"."account_bans"."sentence") between 1 and 200),
	CONSTRAINT "account_bans_times" CHECK ("umpire"."account_bans"."expires_at" > "umpire"."account_bans"."banned_at" and "umpire"."account_bans"."lifted_at" >= "umpire"."account_bans"."banned_at")
);
--> statement-breakpoint
ALTER TABLE "umpire"."accounts" ADD COLUMN "origin" text DEFAULT 'player' NOT NULL;--> statement-breakpoint
ALTER TABLE "umpire"."account_bans" ADD CONSTRAINT "account_bans_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "umpire"."accounts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "account_bans_account_id" ON "umpire"."account_bans" USING btree ("account_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "account_bans_one_in_force" ON "umpire"."account_bans" USING btree ("account_id") WHERE "umpire"."account_bans"."lifted_at" is null;--> statement-breakpoint
CREATE INDEX "accounts_purge" ON "umpire"."accounts" USING btree ("created_at") WHERE "umpire"."accounts"."kind" = 'guest' or "umpire"."accounts"."origin" = 'loadtest';--> statement-breakpoint
ALTER TABLE "umpire"."accounts" ADD CONSTRAINT "accounts_origin" CHECK ("umpire"."accounts"."origin" in ('player', 'loadtest'));