import type { IncomingHttpHeaders } from "node:http";
import { asc, eq } from "drizzle-orm";
import type { OperatorId } from "../../../schema/ids.ts";
import { operators } from "../../../schema/tables/operators.ts";
import type { Clock } from "../../platform/clock.ts";
import { type Db, isUniqueViolation, type Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import { bearerToken } from "../../platform/http.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { OperatorPrincipal, OperatorRole } from "../../platform/operator-http.ts";
import { type Random, secretText } from "../../platform/random.ts";
import type { Passwords } from "../accounts/passwords.ts";
import type { Audit } from "../audit/service.ts";
import { createOperatorSessions } from "./sessions.ts";
import { createOperatorSignIn } from "./sign-in.ts";
import { createTotp } from "./totp.ts";

export interface Operator {
  readonly id: OperatorId;
  readonly name: string;
  readonly role: OperatorRole;
}

/** What an operator signs in with, shown this once. The server makes the password, so that nobody makes a weak one. */
export interface OperatorCredentials extends Operator {
  readonly password: string;
  /** For an authenticator app. */
  readonly otpauthUri: string;
}

export interface SignedInOperator {
  readonly token: string;
  readonly expiresAt: Date;
  readonly operator: Operator;
}

/** A password that nobody has seen yet, and what is stored of it. */
export interface FreshPassword {
  readonly password: string;
  readonly passwordHash: string;
}

export interface Operators {
  /** To be made before the transaction that stores it, because hashing takes a while. */
  freshPassword(): Promise<FreshPassword>;
  /** Fails with OPERATORS_NAME_TAKEN. */
  create(tx: Tx, operator: { name: string; role: OperatorRole; fresh: FreshPassword }): Promise<OperatorCredentials>;
  /** Another password and another secret; every session ends, and one who was disabled is no more. Fails with OPERATORS_UNKNOWN. */
  renew(tx: Tx, operator: { name: string; fresh: FreshPassword }): Promise<OperatorCredentials>;
  /** Ends every session and opens none. The name stays taken. Fails with OPERATORS_UNKNOWN. */
  disable(tx: Tx, name: string): Promise<Operator>;
  list(): Promise<(Operator & { createdAt: Date; disabledAt: Date | null })[]>;
  /** Fails with OPERATORS_CREDENTIALS_WRONG, RATE_LIMITED or UNAVAILABLE. */
  signIn(attempt: { name: string; password: string; code: string }): Promise<SignedInOperator>;
  signOut(principal: OperatorPrincipal): Promise<void>;
  /** Who asks, by `Authorization: Bearer`; null for nobody. No cookie is ever looked at. */
  operatorOf(headers: Pick<IncomingHttpHeaders, "authorization">): Promise<OperatorPrincipal | null>;
}

export interface OperatorsParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly log: Log;
  readonly secret: string;
  readonly passwords: Passwords;
  readonly audit: Audit;
}

const PASSWORD_BITS = 128;

export function createOperators(parts: OperatorsParts): Operators {
  const { db, clock, ids, random, passwords } = parts;
  const totp = createTotp(parts);
  const sessions = createOperatorSessions(parts);
  return {
    async freshPassword() {
      const password = secretText(random, PASSWORD_BITS);
      return { password, passwordHash: await passwords.hash(password) };
    },

    async create(tx, { name, role, fresh: { password, passwordHash } }) {
      const id = ids.mint("operator");
      const stored = { passwordHash, totpSecret: totp.mint(id) };
      const now = clock.date();
      try {
        await tx.insert(operators).values({ id, name, role, ...stored, createdAt: now, attemptsSince: now });
      } catch (thrown) {
        if (isUniqueViolation(thrown, "operators_name")) throw new AppError("OPERATORS_NAME_TAKEN");
        throw thrown;
      }
      return { id, name, role, password, otpauthUri: totp.uri(id, name, stored.totpSecret) };
    },

    async renew(tx, { name, fresh: { password, passwordHash } }) {
      const { id, role } = await hold(tx, name);
      const stored = { passwordHash, totpSecret: totp.mint(id) };
      const changes = { ...stored, attempts: 0, disabledAt: null };
      await tx.update(operators).set(changes).where(eq(operators.id, id));
      await sessions.endAll(tx, id);
      return { id, name, role, password, otpauthUri: totp.uri(id, name, stored.totpSecret) };
    },

    async disable(tx, name) {
      const { id, role, disabledAt } = await hold(tx, name);
      await tx
        .update(operators)
        .set({ disabledAt: disabledAt ?? clock.date() })
        .where(eq(operators.id, id));
      await sessions.endAll(tx, id);
      return { id, name, role };
    },

    async list() {
      const { id, name, role, createdAt, disabledAt } = operators;
      const rows = await db.select({ id, name, role, createdAt, disabledAt }).from(operators).orderBy(asc(name));
      return rows.map((row) => ({ ...row, id: row.id as OperatorId }));
    },

    signIn: createOperatorSignIn({ ...parts, sessions, totp }),
    signOut: ({ sessionId }) => sessions.end(sessionId),

    async operatorOf({ authorization }) {
      const token = bearerToken(authorization);
      return token === null ? null : sessions.find(token);
    },
  };
}

/** Whoever changes an operator takes turns with its signing in. */
async function hold(tx: Tx, name: string): Promise<Operator & { disabledAt: Date | null }> {
  const [row] = await tx.select().from(operators).where(eq(operators.name, name)).for("update");
  if (row === undefined) throw new AppError("OPERATORS_UNKNOWN");
  return { id: row.id as OperatorId, name: row.name, role: row.role, disabledAt: row.disabledAt };
}
