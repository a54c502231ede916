import { and, desc, eq, lt, sql } from "drizzle-orm";
import { auditLog } from "../../../schema/tables/audit.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { invariant } from "../../platform/errors.ts";
import { type Keyed, once } from "../../platform/idempotency.ts";
import type { Log } from "../../platform/log.ts";
import type { Act, Actor, By, DeedDetails } from "../../platform/operator-http.ts";

export interface AuditEntry {
  readonly actor: Actor;
  readonly action: string;
  readonly subject: string;
  readonly reason: string;
  readonly details: DeedDetails;
}

export interface AuditRow extends AuditEntry {
  /** From 1, without a gap. */
  readonly seq: bigint;
  readonly at: Date;
  readonly hash: string;
}

/** A point that the chain has passed. Kept elsewhere, it shows that what came before is still the same. */
export interface AuditAnchor {
  readonly seq: bigint;
  readonly hash: string;
}

export type AuditProblem = "missing" | "altered" | "unchained" | "head" | "anchor";

export interface AuditVerdict {
  /** The last row that holds; null when the first does not, or there is none. */
  readonly upto: AuditAnchor | null;
  /** The first row that does not hold, and why; null when all do. */
  readonly broken: { readonly seq: bigint; readonly problem: AuditProblem } | null;
}

interface AuditPage {
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  readonly before?: bigint | undefined;
  /** 1 to AUDIT_PAGE_MAX. */
  readonly limit: number;
}

export interface Audit {
  /** Adds a row within the transaction of what it tells of. Call it last: everybody else's rows wait for the commit. */
  append(tx: Tx, entry: AuditEntry): Promise<AuditRow>;
  /**
   * Does something and writes it down, both or neither. With a key it is done once, and whoever brings the key again gets
   * the answer of then. Fails as the deed does, and with IDEMPOTENCY_CONFLICT.
   */
  perform<Answer>(by: By, deed: (tx: Tx) => Promise<Act<Answer>>): Promise<Answer>;
  /** Rows, newest first, from behind `before`. */
  page(page: AuditPage): Promise<AuditRow[]>;
  /** Looks through the whole chain, and whether it passed `anchor` if one is given. */
  verify(anchor?: AuditAnchor): Promise<AuditVerdict>;
}

interface AuditParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** Rows that one statement looks through. */
  readonly verifyRows?: number;
}

export const AUDIT_PAGE_MAX = 100;
/** Takes a statement about a tenth of a second. */
const VERIFY_ROWS = 10_000;

export function createAudit({ db, clock, log, verifyRows = VERIFY_ROWS }: AuditParts): Audit {
  const append: Audit["append"] = async (tx, entry) => {
    // The trigger fills in the number and the hashes.
    const row = { ...entry, seq: 0n, at: clock.date(), prevHash: "", hash: "" };
    const [added] = await tx.insert(auditLog).values(row).returning();
    invariant(added !== undefined, "an insert returns its row");
    return rowFrom(added);
  };
  return {
    append,

    async perform({ actor, reason, keyed }, deed) {
      let done: { row: AuditRow; act: Act<unknown> } | undefined;
      const work = async (tx: Tx) => {
        const act = await deed(tx);
        const { action, subject, details = {} } = act;
        done = { act, row: await append(tx, { actor, action, subject, reason, details }) };
        return act.reply;
      };
      const answer = await (keyed === null ? db.transaction(work) : onceOf({ db, clock }, keyed, work));
      if (done !== undefined) {
        // Beside the table, so that whoever can rewrite the one would have to rewrite the other.
        const { seq, action, subject, hash } = done.row;
        log.info({ seq: String(seq), actor, action, subject, hash }, "audit.written");
        done.act.afterCommit?.();
      }
      return answer;
    },

    async page({ actor, subject, before, limit }) {
      const { seq } = auditLog;
      const rows = await db
        .select()
        .from(auditLog)
        .where(
          and(
            actor === undefined ? undefined : eq(auditLog.actor, actor),
            subject === undefined ? undefined : eq(auditLog.subject, subject),
            before === undefined ? undefined : lt(seq, before),
          ),
        )
        .orderBy(desc(seq))
        .limit(Math.min(limit, AUDIT_PAGE_MAX));
      return rows.map(rowFrom);
    },

    async verify(anchor) {
      if (anchor !== undefined) {
        const [row] = await db.select({ hash: auditLog.hash }).from(auditLog).where(eq(auditLog.seq, anchor.seq));
        if (row?.hash !== anchor.hash) return { upto: null, broken: { seq: anchor.seq, problem: "anchor" } };
      }
      return verifyFrom(db, verifyRows);
    },
  };
}

async function verifyFrom(db: Db, rowsMax: number): Promise<AuditVerdict> {
  let upto: AuditAnchor | null = null;
  for (;;) {
    const after: bigint = upto?.seq ?? 0n;
    const [batch] = await db.execute<Batch>(
      sql`select upto, upto_hash, broken, problem from umpire.audit_verify(${after}, ${rowsMax}::int)`,
    );
    invariant(batch !== undefined, "audit_verify returns a row");
    if (batch.upto > 0n) upto = { seq: batch.upto, hash: batch.upto_hash };
    if (batch.broken !== null && batch.problem !== null) {
      return { upto, broken: { seq: batch.broken, problem: batch.problem } };
    }
    if (batch.upto < after + BigInt(rowsMax)) return { upto, broken: null };
  }
}

type Batch = {
  readonly upto: bigint;
  readonly upto_hash: string;
  readonly broken: bigint | null;
  readonly problem: AuditProblem | null;
};

/** Answers of routes are JSON, as their shapes say; only their type does not know it. */
function onceOf<Answer>(parts: { db: Db; clock: Clock }, keyed: Keyed, work: (tx: Tx) => Promise<Answer>) {
  return once(parts, keyed, work as (tx: Tx) => Promise<never>) as Promise<Answer>;
}

function rowFrom(row: typeof auditLog.$inferSelect): AuditRow {
  const { seq, at, action, subject, reason, hash } = row;
  return { seq, at, actor: row.actor as Actor, action, subject, reason, details: row.details as DeedDetails, hash };
}
