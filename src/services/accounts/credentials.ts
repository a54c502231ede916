import { and, eq, lte } from "drizzle-orm";
import type { AccountId } from "../../../schema/ids.ts";
import {
  accountCredentials,
  accountPasswordResets,
  accountRegistrations,
  accounts,
} from "../../../schema/tables/accounts.ts";
import { type Db, type DbOrTx, isUniqueViolation, type Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";
import type { Account } from "./service.ts";

/** An account with what it signs in by. */
interface Credentials {
  readonly account: Account;
  readonly email: string;
  readonly passwordHash: string;
}

export async function findCredentials(
  db: DbOrTx,
  by: { readonly email: string } | { readonly accountId: AccountId },
): Promise<Credentials | null> {
  const { accountId, email, passwordHash } = accountCredentials;
  const [row] = await db
    .select({ account: accounts, email, passwordHash })
    .from(accountCredentials)
    .innerJoin(accounts, eq(accounts.id, accountId))
    .where("email" in by ? eq(email, by.email) : eq(accountId, by.accountId));
  return row === undefined ? null : { ...row, account: accountFrom(row.account) };
}

/**
 * Makes a guest's account a registered one. What is unique is left to the database: of two that come at once, one is
 * told. Fails with ACCOUNTS_ALREADY_REGISTERED or ACCOUNTS_EMAIL_TAKEN.
 */
export async function insertCredentials(
  tx: Tx,
  { accountId, email, passwordHash, displayName, now }: NewCredentials,
): Promise<Account> {
  try {
    await tx.insert(accountCredentials).values({ accountId, email, passwordHash, createdAt: now, updatedAt: now });
  } catch (thrown) {
    if (isUniqueViolation(thrown, "account_credentials_pkey")) throw new AppError("ACCOUNTS_ALREADY_REGISTERED");
    if (isUniqueViolation(thrown, "account_credentials_email")) throw new AppError("ACCOUNTS_EMAIL_TAKEN");
    throw thrown;
  }
  const changes = { kind: "registered" as const, ...(typeof displayName === "string" && { displayName }) };
  const [row] = await tx.update(accounts).set(changes).where(eq(accounts.id, accountId)).returning();
  invariant(row !== undefined, "a session's account exists");
  return accountFrom(row);
}

interface NewCredentials {
  readonly accountId: AccountId;
  readonly email: string;
  readonly passwordHash: string;
  readonly displayName?: string | null | undefined;
  readonly now: Date;
}

/** Sets another password and makes every link to yet another one worthless. False when the address is no longer this. */
export async function replacePassword(
  tx: Tx,
  { accountId, email, passwordHash, now }: Omit<NewCredentials, "displayName">,
): Promise<boolean> {
  await tx.delete(accountPasswordResets).where(eq(accountPasswordResets.accountId, accountId));
  const changed = await tx
    .update(accountCredentials)
    .set({ passwordHash, updatedAt: now })
    .where(and(eq(accountCredentials.accountId, accountId), eq(accountCredentials.email, email)))
    .returning({ accountId: accountCredentials.accountId });
  return changed.length > 0;
}

/** Removes what was asked for by mail and not followed in time. */
export async function removeExpiredLinks(db: Db, now: Date): Promise<void> {
  await db.delete(accountPasswordResets).where(lte(accountPasswordResets.expiresAt, now));
  await db.delete(accountRegistrations).where(lte(accountRegistrations.expiresAt, now));
}

/** Whoever changes how an account is entered takes turns with everyone who enters it. */
export async function lockAccount(tx: Tx, accountId: AccountId): Promise<void> {
  await tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, accountId)).for("update");
}

export function accountFrom({ id, displayName, kind, createdAt }: typeof accounts.$inferSelect): Account {
  return { id: id as AccountId, displayName, kind, createdAt };
}
