import { and, eq, isNull, lt, sql } from "drizzle-orm";
import type { OperatorId } from "../../../schema/ids.ts";
import { operators, operatorTotpUses } from "../../../schema/tables/operators.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import type { OperatorsParts, SignedInOperator } from "./service.ts";
import type { OperatorSessions } from "./sessions.ts";
import type { Totp } from "./totp.ts";

interface SignInParts extends OperatorsParts {
  readonly sessions: OperatorSessions;
  readonly totp: Totp;
}

interface Attempt {
  readonly name: string;
  readonly password: string;
  /** Six digits. */
  readonly code: string;
}

/** Of one operator, right or wrong, counted in the database: neither a restart nor another process starts anew. */
const ATTEMPTS_MAX = 10;
const WINDOW_MS = 15 * 60_000;
/** Older steps are refused by their age. */
const USES_KEPT = 100n;

/** Password and code at once, and one answer for whatever is wrong of it. */
export function createOperatorSignIn(parts: SignInParts) {
  const { db, clock, log, passwords, totp, sessions, audit } = parts;
  return async ({ name, password, code }: Attempt): Promise<SignedInOperator> => {
    const operator = await takeAttempt(db, name, clock.date());
    const verdict = await passwords.check(operator?.passwordHash ?? null, password);
    const wrong = new AppError("OPERATORS_CREDENTIALS_WRONG");
    if (operator === null || verdict === "wrong") throw wrong;
    const operatorId = operator.id as OperatorId;
    const step = totp.stepOf(operatorId, operator.totpSecret, code, clock.now());
    if (step === null) {
      // Whoever knows the password and not the code is either clumsy or a thief.
      log.warn({ operatorId }, "operators.code_wrong");
      throw wrong;
    }
    const { token, expiresAt } = await db.transaction(async (tx) => {
      // Whoever is disabled or given new secrets at this moment waits, and then ends the session.
      await requireUnchanged(tx, operator, wrong);
      await useStep(tx, operatorId, BigInt(step), wrong);
      const opened = await sessions.open(tx, operatorId);
      await tx.update(operators).set({ attempts: 0 }).where(eq(operators.id, operatorId));
      const entry = { action: "operators.sign-in", subject: operatorId, reason: "password and code", details: {} };
      await audit.append(tx, { ...entry, actor: operatorId });
      return opened;
    });
    log.info({ operatorId }, "operators.signed_in");
    return { token, expiresAt, operator: { id: operatorId, name: operator.name, role: operator.role } };
  };
}

type OperatorRow = typeof operators.$inferSelect;

/** Takes one of the operator's attempts, in one statement, so that of many at once no more pass than there are. */
async function takeAttempt(db: Db, name: string, now: Date): Promise<OperatorRow | null> {
  const { attempts, attemptsSince } = operators;
  const windowFrom = new Date(now.getTime() - WINDOW_MS).toISOString();
  const isNew = sql`${attemptsSince} <= ${windowFrom}::timestamptz`;
  const [row] = await db
    .update(operators)
    .set({
      attempts: sql`case when ${isNew} then 1 else least(${attempts} + 1, ${ATTEMPTS_MAX + 1}::int) end`,
      attemptsSince: sql`case when ${isNew} or ${attempts} = 0 then ${now.toISOString()}::timestamptz else ${attemptsSince} end`,
    })
    .where(and(eq(operators.name, name), isNull(operators.disabledAt)))
    .returning();
  if (row === undefined || row.attempts <= ATTEMPTS_MAX) return row ?? null;
  const retryAfterSeconds = Math.ceil((row.attemptsSince.getTime() + WINDOW_MS - now.getTime()) / 1000);
  throw new AppError("RATE_LIMITED", { retryAfterSeconds });
}

async function requireUnchanged(tx: Tx, { id, passwordHash, totpSecret }: OperatorRow, wrong: AppError): Promise<void> {
  const [row] = await tx.select().from(operators).where(eq(operators.id, id)).for("update");
  const isSame = row?.passwordHash === passwordHash && row.totpSecret === totpSecret && row.disabledAt === null;
  if (!isSame) throw wrong;
}

/** A code is worth one session: whoever saw it typed comes too late, however soon. */
async function useStep(tx: Tx, operatorId: OperatorId, step: bigint, wrong: AppError): Promise<void> {
  const used = await tx.insert(operatorTotpUses).values({ operatorId, step }).onConflictDoNothing().returning();
  if (used.length === 0) throw wrong;
  const isOld = and(eq(operatorTotpUses.operatorId, operatorId), lt(operatorTotpUses.step, step - USES_KEPT));
  await tx.delete(operatorTotpUses).where(isOld);
}
