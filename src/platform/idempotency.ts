import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import { z } from "zod";
import { idempotency } from "../../schema/tables/idempotency.ts";
import { inBatches } from "./batches.ts";
import type { Clock } from "./clock.ts";
import { crashPoint } from "./crash-point.ts";
import { type Db, refusing, type Tx } from "./database.ts";
import { invariant } from "./errors.ts";
import { retrying } from "./retrying.ts";

/** A key as doors take it: 1 to 128 printable characters of ASCII. */
export const idempotencyKey = z.string().regex(/^[\x20-\x7e]{1,128}$/);

/** What makes a request the same request: whose key it is, the key, and what is asked. */
export interface Keyed {
  /** An account's id, or a part of the server such as `match` or `operator`, whose keys are its own. */
  readonly scope: string;
  /** 1 to 128 characters, minted by the caller. Known for KEY_DAYS: it is no memory of what a player has ever got. */
  readonly key: string;
  /** `wallet.adjust`: the same key at another verb is refused. */
  readonly verb: string;
  /** What is asked, as plain JSON. The order of its keys does not matter. */
  readonly request: unknown;
}

/** Twice as long as a dead job waits for somebody who sends it on its way again. */
export const KEY_DAYS = 180;
const DAY_MS = 24 * 60 * 60_000;
const BATCHES = { rowsMax: 1000, batchesMax: 100 };

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * Does `work` once per key, in a transaction, and gives its answer to whoever asks again within KEY_DAYS. What fails
 * leaves nothing, and may be tried again with the same key. A connection that is lost is tried again here, also when nobody
 * knows what became of the COMMIT: then the key finds the answer that was kept. Fails with IDEMPOTENCY_CONFLICT when the
 * key came with another request before.
 */
export async function once<Answer extends NonNullable<Json>>(
  { db, clock }: { readonly db: Db; readonly clock: Clock },
  keyed: Keyed,
  work: (tx: Tx) => Promise<Answer>,
): Promise<Answer> {
  const once = async (tx: Tx): Promise<Answer> => {
    const { scope, key, verb } = keyed;
    const hash = requestHash(keyed);
    const [asked] = await tx.execute<{ before: Answer | null }>(
      sql`select umpire.replay(${scope}, ${key}, ${verb}, ${hash}) as before`,
    );
    invariant(asked !== undefined, "replay returns a row");
    if (asked.before !== null) return asked.before;
    crashPoint("once.claimed");
    const answer = await work(tx);
    crashPoint("once.worked");
    const kept = JSON.stringify(answer);
    await tx.execute(sql`select umpire.keep(${scope}, ${key}, ${verb}, ${hash}, ${kept}::jsonb, ${clock.date()})`);
    crashPoint("once.kept");
    return answer;
  };
  const answer = await refusing(retrying(db, once, { isKeyed: true }));
  crashPoint("once.committed");
  return answer;
}

/**
 * Removes keys that nobody brings again, KEY_DAYS after they were brought first, and tells how many; whoever brings one
 * after that does something new. A job's keys stay: they are good for ever.
 */
export async function removeOldKeys({ db, clock }: { readonly db: Db; readonly clock: Clock }): Promise<number> {
  const oldest = new Date(clock.now() - KEY_DAYS * DAY_MS);
  return inBatches(BATCHES, async (rowsMax) => {
    const removed = await db.execute(sql`
      with old as materialized (
        select scope, key from ${idempotency} where created_at < ${oldest} and scope <> 'job'
        limit ${rowsMax} for update skip locked
      )
      delete from ${idempotency} as kept using old where kept.scope = old.scope and kept.key = old.key returning 1`);
    return removed.length;
  });
}

/** SHA-256 of a request, in hex, whatever order its keys came in. For verbs that are one SQL function. */
export function requestHash({ request }: Pick<Keyed, "request">): string {
  return createHash("sha256").update(canonical(request)).digest("hex");
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === "bigint") return inner.toString();
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
