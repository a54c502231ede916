import { hash } from "node:crypto";
import { and, eq, gt, isNull, lte, sql } from "drizzle-orm";
import type { OperatorId } from "../../../schema/ids.ts";
import { operatorSessions, operators } from "../../../schema/tables/operators.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Db, Tx } from "../../platform/database.ts";
import type { OperatorPrincipal } from "../../platform/operator-http.ts";
import { type Random, secretText } from "../../platform/random.ts";

interface Opened {
  /** The secret that proves it, shown this once. */
  readonly token: string;
  readonly expiresAt: Date;
}

export interface OperatorSessions {
  open(tx: Tx, operatorId: OperatorId): Promise<Opened>;
  /** Whose token this is; it counts as use. Null when nobody's, or of somebody who is disabled. */
  find(token: string): Promise<OperatorPrincipal | null>;
  end(sessionId: string): Promise<void>;
  endAll(tx: Tx, operatorId: OperatorId): Promise<void>;
}

const IDLE_MS = 30 * 60_000;
const ABSOLUTE_MS = 8 * 60 * 60_000;
const TOKEN_BITS = 256;
/** Nothing that a player's session or ticket looks like. */
const TOKEN = /^uop_[\w-]{43}$/;

/** Short ones: half an hour unused, and a working day in all. Only hashes of their tokens are stored. */
export function createOperatorSessions(parts: {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
}): OperatorSessions {
  const { db, clock, random } = parts;
  return {
    async open(tx, operatorId) {
      const now = clock.now();
      const token = `uop_${secretText(random, TOKEN_BITS)}`;
      const expiresAt = new Date(now + IDLE_MS);
      await tx.delete(operatorSessions).where(lte(operatorSessions.expiresAt, clock.date()));
      await tx.insert(operatorSessions).values({
        id: handleOf(token),
        operatorId,
        createdAt: clock.date(),
        expiresAt,
        absoluteExpiresAt: new Date(now + ABSOLUTE_MS),
      });
      return { token, expiresAt };
    },

    async find(token) {
      if (!TOKEN.test(token)) return null;
      const { id, expiresAt, absoluteExpiresAt, operatorId } = operatorSessions;
      const later = new Date(clock.now() + IDLE_MS).toISOString();
      const [found] = await db
        .update(operatorSessions)
        .set({ expiresAt: sql`least(${later}::timestamptz, ${absoluteExpiresAt})` })
        .from(operators)
        .where(
          and(
            eq(id, handleOf(token)),
            gt(expiresAt, clock.date()),
            eq(operators.id, operatorId),
            isNull(operators.disabledAt),
          ),
        )
        .returning({ sessionId: id, operatorId, name: operators.name, role: operators.role });
      return found === undefined ? null : { ...found, operatorId: found.operatorId as OperatorId };
    },

    async end(sessionId) {
      await db.delete(operatorSessions).where(eq(operatorSessions.id, sessionId));
    },

    async endAll(tx, operatorId) {
      await tx.delete(operatorSessions).where(eq(operatorSessions.operatorId, operatorId));
    },
  };
}

function handleOf(token: string): string {
  return `ops_${hash("sha256", token, "base64url")}`;
}
