import { and, desc, eq, lt } from "drizzle-orm";
import type { AccountId } from "../../../schema/ids.ts";
import { accountCredentials, accounts } from "../../../schema/tables/accounts.ts";
import type { Db } from "../../platform/database.ts";
import { accountFrom } from "./credentials.ts";
import type { Account } from "./service.ts";

export interface Lookup {
  /**
   * Accounts for whoever runs the server, newest first, from behind `before`: the one with this id or exactly this e-mail
   * address, or all. `limit` is 1 to ACCOUNTS_PAGE_MAX.
   */
  findAccounts(page: {
    readonly accountId?: AccountId | undefined;
    readonly email?: string | undefined;
    readonly before?: AccountId | undefined;
    readonly limit: number;
  }): Promise<Account[]>;
}

export const ACCOUNTS_PAGE_MAX = 100;

export function createLookup({ db }: { readonly db: Db }): Lookup {
  return {
    async findAccounts({ accountId, email, before, limit }) {
      const { id } = accounts;
      // Only who is asked for by address needs the other table, and its index.
      const withEmail = email === undefined ? undefined : eq(accountCredentials.email, email.toLowerCase());
      const rows = await db
        .select({ account: accounts })
        .from(accounts)
        .leftJoin(accountCredentials, eq(accountCredentials.accountId, id))
        .where(and(accountId && eq(id, accountId), before && lt(id, before), withEmail))
        .orderBy(desc(id))
        .limit(Math.min(limit, ACCOUNTS_PAGE_MAX));
      return rows.map(({ account }) => accountFrom(account));
    },
  };
}
