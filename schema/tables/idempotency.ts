import { index, jsonb, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { reference, sha256 } from "./domains.ts";
import { umpire } from "./umpire.ts";

/**
 * Every request that has moved property, with what it was answered: whoever sends it again gets that answer and moves
 * nothing. The row is written in the transaction of the move, so that there is never one without the other.
 */
export const idempotency = umpire.table(
  "idempotency",
  {
    /** Whose keys these are: an account, or a part of the server such as `match` or `operator`. */
    scope: text().notNull(),
    key: reference().notNull(),
    verb: text().notNull(),
    /** SHA-256 of the request, in hex: the same key with another request is a mistake of its caller. */
    requestHash: sha256("request_hash").notNull(),
    answer: jsonb().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull(),
  },
  (table) => [
    primaryKey({ name: "idempotency_key", columns: [table.scope, table.key] }),
    // Rows come in by time, so a few bytes for each hundred of them are enough to find the old ones.
    index("idempotency_age").using("brin", table.createdAt),
  ],
);
