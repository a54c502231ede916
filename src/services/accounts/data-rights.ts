import { eq, inArray } from "drizzle-orm";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { accountSessions, accounts } from "../../../schema/tables/accounts.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError } from "../../platform/errors.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { PersonalData, PersonalDataPage } from "../personal-data/service.ts";
import { type AttemptParts, createAttempts } from "./attempts.ts";
import { type Undertaken, undertake } from "./bans.ts";
import { findCredentials } from "./credentials.ts";
import type { Passwords } from "./passwords.ts";
import { removeSessions } from "./session-ends.ts";
import type { Sessions } from "./sessions.ts";

export interface DataRights {
  /**
   * Deletes the account at its owner's word: with its password if it has one. Every session ends; what others need stays
   * under a name that leads to nobody. Fails with ACCOUNTS_CREDENTIALS_WRONG, RATE_LIMITED or UNAVAILABLE.
   */
  deleteOwnAccount(accountId: AccountId, proof: { password: string | undefined }): Promise<void>;
  /** The same at an operator's word. Fails with ACCOUNTS_UNKNOWN. */
  deleteAccount(accountId: AccountId): Promise<void>;
  deleteAccountWithin(tx: Tx, accountId: AccountId): Promise<Undertaken<void>>;
  /** A page of all that is stored about the account, from where `from` says. Fails with REQUEST_INVALID. */
  exportAccount(accountId: AccountId, from: string | null): Promise<PersonalDataPage>;
}

/** Removes accounts within a transaction that holds their rows, and gives their sessions, to be announced after the commit. */
export type EraseAccounts = (tx: Tx, accountIds: readonly AccountId[]) => Promise<SessionId[]>;

interface DataRightsParts extends AttemptParts {
  readonly db: Db;
  readonly ids: Ids;
  readonly log: Log;
  readonly personalData: PersonalData;
  readonly passwords: Passwords;
  readonly sessions: Pick<Sessions, "announceEnded">;
}

/** Whoever has found an open session must not find the password by deleting. */
const PASSWORD_LIMIT = { count: 10, perSeconds: 600 };

export function createDataRights(parts: DataRightsParts): DataRights {
  const { db, log, personalData, passwords, sessions } = parts;
  const attempts = createAttempts(parts, "deletion", PASSWORD_LIMIT);
  const erase = createErasure(parts);
  const deleteAccountWithin: DataRights["deleteAccountWithin"] = async (tx, accountId) => {
    const held = await tx.select({ id: accounts.id }).from(accounts).where(eq(accounts.id, accountId)).for("update");
    if (held.length === 0) throw new AppError("ACCOUNTS_UNKNOWN");
    const ended = await erase(tx, [accountId]);
    const announce = () => {
      sessions.announceEnded(ended);
      log.info({ accountId }, "accounts.deleted");
    };
    return { result: undefined, announce };
  };
  const deleteAccount = (accountId: AccountId) => undertake(db, (tx) => deleteAccountWithin(tx, accountId));
  return {
    deleteAccount,
    deleteAccountWithin,

    async deleteOwnAccount(accountId, { password = "" }) {
      await attempts.take(accountId);
      const found = await findCredentials(db, { accountId });
      const isProved = found === null || (await passwords.check(found.passwordHash, password)) !== "wrong";
      if (!isProved) throw new AppError("ACCOUNTS_CREDENTIALS_WRONG");
      await deleteAccount(accountId);
    },

    exportAccount: personalData.page,
  };
}

export function createErasure({ ids, personalData }: Pick<DataRightsParts, "ids" | "personalData">): EraseAccounts {
  return async (tx, accountIds) => {
    if (accountIds.length === 0) return [];
    // Apart from the other rows, because whoever holds a socket has to hear of it.
    const ended = await removeSessions(tx, {}, inArray(accountSessions.userId, [...accountIds]));
    // Nobody writes down whose pseudonym this was, so from here on it is nobody's.
    const erased = accountIds.map((accountId) => ({ accountId, pseudonym: ids.mint("account") }));
    await personalData.erase(tx, erased);
    return ended;
  };
}
