CREATE TABLE "umpire"."account_password_resets" (
	"account_id" text PRIMARY KEY NOT NULL,
	"token_hash" text NOT NULL,
	"email" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "account_password_resets_token_hash" UNIQUE("token_hash"),
	CONSTRAINT "account_password_resets_token_hash_form" CHECK ("umpire"."account_password_resets"."token_hash" ~ '^[0-9A-Za-z_-]{43}$')
);
--> statement-breakpoint
CREATE TABLE "umpire"."account_registrations" (
	"account_id" text PRIMARY KEY NOT NULL,
	"token_hash" text NOT NULL,
	"email" text NOT NULL,
	"password_hash" text NOT NULL,
	"display_name" text,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "account_registrations_token_hash" UNIQUE("token_hash"),
	CONSTRAINT "account_registrations_token_hash_form" CHECK ("umpire"."account_registrations"."token_hash" ~ '^[0-9A-Za-z_-]{43}$'),
	CONSTRAINT "account_registrations_password_hash" CHECK ("umpire"."account_registrations"."password_hash" like '$argon2id$%')
);
--> statement-breakpoint
ALTER TABLE "umpire"."account_password_resets" ADD CONSTRAINT "account_password_resets_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "umpire"."accounts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "umpire"."account_registrations" ADD CONSTRAINT "account_registrations_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "umpire"."accounts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "account_password_resets_expires_at" ON "umpire"."account_password_resets" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "account_registrations_expires_at" ON "umpire"."account_registrations" USING btree ("expires_at");