CREATE SCHEMA IF NOT EXISTS "umpire";
--> statement-breakpoint
CREATE TABLE "umpire"."compatibility" (
	"is_only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"min_compatible" integer NOT NULL,
	CONSTRAINT "compatibility_one_row" CHECK ("umpire"."compatibility"."is_only_row")
);
--> statement-breakpoint
INSERT INTO "umpire"."compatibility" ("min_compatible") VALUES (1);
