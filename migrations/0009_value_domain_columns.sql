ALTER TABLE "umpire"."idempotency" DROP CONSTRAINT "idempotency_key_form";--> statement-breakpoint
ALTER TABLE "umpire"."idempotency" DROP CONSTRAINT "idempotency_request_hash";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" DROP CONSTRAINT "inventory_moves_kind";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" DROP CONSTRAINT "inventory_moves_quantity";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" DROP CONSTRAINT "inventory_moves_reason";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" DROP CONSTRAINT "inventory_moves_reference_form";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_stacks" DROP CONSTRAINT "inventory_stacks_quantity";--> statement-breakpoint
ALTER TABLE "umpire"."store_purchases" DROP CONSTRAINT "store_purchases_amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_balances" DROP CONSTRAINT "wallet_balances_balance";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_balances" DROP CONSTRAINT "wallet_balances_owed";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_balances" DROP CONSTRAINT "wallet_balances_held";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_holds" DROP CONSTRAINT "wallet_holds_amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" DROP CONSTRAINT "wallet_lines_amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" DROP CONSTRAINT "wallet_lines_from_book";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" DROP CONSTRAINT "wallet_lines_to_book";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" DROP CONSTRAINT "wallet_lines_from_owner";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" DROP CONSTRAINT "wallet_lines_to_owner";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" DROP CONSTRAINT "wallet_lines_reference";--> statement-breakpoint
DROP INDEX "umpire"."inventory_moves_reference";--> statement-breakpoint
ALTER TABLE "umpire"."idempotency" ALTER COLUMN "key" SET DATA TYPE "umpire"."reference";--> statement-breakpoint
ALTER TABLE "umpire"."idempotency" ALTER COLUMN "request_hash" SET DATA TYPE "umpire"."sha256";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" ALTER COLUMN "kind" SET DATA TYPE "umpire"."move_kind";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" ALTER COLUMN "quantity" SET DATA TYPE "umpire"."quantity";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" ALTER COLUMN "reason" SET DATA TYPE "umpire"."reason";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" ALTER COLUMN "reference" SET DATA TYPE "umpire"."reference";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_stacks" ALTER COLUMN "quantity" SET DATA TYPE "umpire"."quantity";--> statement-breakpoint
ALTER TABLE "umpire"."store_purchases" ALTER COLUMN "amount" SET DATA TYPE "umpire"."quantity";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_balances" ALTER COLUMN "balance" SET DATA TYPE "umpire"."amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_balances" ALTER COLUMN "held" SET DATA TYPE "umpire"."amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_balances" ALTER COLUMN "owed" SET DATA TYPE "umpire"."amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_holds" ALTER COLUMN "amount" SET DATA TYPE "umpire"."positive_amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_holds" ALTER COLUMN "reason" SET DATA TYPE "umpire"."reason";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_holds" ALTER COLUMN "reference" SET DATA TYPE "umpire"."reference";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" ALTER COLUMN "amount" SET DATA TYPE "umpire"."positive_amount";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" ALTER COLUMN "from_book" SET DATA TYPE "umpire"."book";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" ALTER COLUMN "to_book" SET DATA TYPE "umpire"."book";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" ALTER COLUMN "reason" SET DATA TYPE "umpire"."reason";--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" ALTER COLUMN "reference" SET DATA TYPE "umpire"."reference";--> statement-breakpoint
ALTER TABLE "umpire"."inventory_moves" ADD CONSTRAINT "inventory_moves_unique" CHECK ("umpire"."inventory_moves"."item_id" is null or "umpire"."inventory_moves"."quantity" = 1);--> statement-breakpoint
ALTER TABLE "umpire"."wallet_balances" ADD CONSTRAINT "wallet_balances_held" CHECK ("umpire"."wallet_balances"."held" <= "umpire"."wallet_balances"."balance");--> statement-breakpoint
ALTER TABLE "umpire"."wallet_lines" ADD CONSTRAINT "wallet_lines_owners" CHECK (("umpire"."wallet_lines"."from_account_id" is not null) = ("umpire"."wallet_lines"."from_book" in ('wallet', 'debt'))
        and ("umpire"."wallet_lines"."to_account_id" is not null) = ("umpire"."wallet_lines"."to_book" in ('wallet', 'debt')));