import { asc, eq, getTableColumns, inArray, or, type SQL, sql } from "drizzle-orm";
import { getTableConfig, type PgColumn, type PgTable } from "drizzle-orm/pg-core";
import type { AccountId } from "../../../schema/ids.ts";
import { type PersonalDataRule, personalDataRules, storedTables } from "../../../schema/tables/personal-data.ts";
import type { Db, Tx } from "../../platform/database.ts";
import { AppError, invariant } from "../../platform/errors.ts";

type Row = Readonly<Record<string, unknown>>;

export interface PersonalDataPage {
  /** Rows by table. A page names each table that it got to, also one that holds nothing. */
  readonly tables: Readonly<Record<string, readonly Row[]>>;
  /** Where the next page begins, or null when this was the last. */
  readonly next: string | null;
}

/** What is stored about a player, in whichever feature's tables, by the rules in `schema/tables/personal-data.ts`. */
export interface PersonalData {
  /** Removes every row about these accounts, their own rows last; rows that others need stay, under the pseudonym. */
  erase(tx: Tx, erased: readonly ErasedAccount[]): Promise<void>;
  /** Up to PAGE_ROWS_MAX rows about the account, from where `from` of the page before says. Fails with REQUEST_INVALID. */
  page(accountId: AccountId, from: string | null): Promise<PersonalDataPage>;
}

export interface ErasedAccount {
  readonly accountId: AccountId;
  readonly pseudonym: AccountId;
}

/** Fits in memory and through a slow line many times over. */
export const PAGE_ROWS_MAX = 1000;

/** A table that says of its rows whose they are. */
export interface PlayerTable {
  readonly name: string;
  readonly table: PgTable;
  readonly accounts: readonly PgColumn[];
  readonly rule: Extract<PersonalDataRule, { about: "player" }>;
}

export const playerTables: readonly PlayerTable[] = Object.entries<PersonalDataRule>(personalDataRules).flatMap(
  ([name, rule]) => {
    if (rule.about === "nobody") return [];
    const table: PgTable = storedTables[name as keyof typeof personalDataRules];
    return [{ name, table, rule, accounts: accountColumns(rule).map((column) => columnOf(table, column)) }];
  },
);

/** The names of the columns that say whose a row is. */
export function accountColumns({ account }: PlayerTable["rule"]): readonly string[] {
  return typeof account === "string" ? [account] : account;
}

interface PersonalDataParts {
  readonly db: Db;
  /** Called within the transaction, before any row is removed. */
  readonly beforeErased?: (tx: Tx, accountIds: readonly AccountId[]) => Promise<void>;
}

export function createPersonalData({ db, beforeErased }: PersonalDataParts): PersonalData {
  return {
    async erase(tx, erased) {
      if (erased.length === 0) return;
      const accountIds = erased.map(({ accountId }) => accountId);
      // Whoever is just writing about one of them ends first, and nobody begins.
      await tx.execute(sql`select umpire.account_lock(${sql.param(accountIds)}::text[])`);
      await beforeErased?.(tx, accountIds);
      // What leans on another table goes before it.
      for (const { table, accounts, rule } of playerTables.toReversed()) {
        for (const [index, account] of accounts.entries()) {
          const isTheirs = inArray(account, accountIds);
          const name = accountColumns(rule)[index] ?? "";
          if (rule.onDeletion === "remove") await tx.delete(table).where(isTheirs);
          else
            await tx
              .update(table)
              .set(pseudonyms(name, account, erased))
              .where(isTheirs);
        }
      }
    },

    async page(accountId, from) {
      const start = from === null ? { name: playerTables[0]?.name, offset: 0 } : parsePlace(from);
      const first = playerTables.findIndex(({ name }) => name === start.name);
      if (first === -1) throw new AppError("REQUEST_INVALID", { problems: ["from: is no place in an export"] });
      const tables: Record<string, Row[]> = {};
      let room = PAGE_ROWS_MAX;
      let { offset } = start;
      for (const player of playerTables.slice(first)) {
        const rows = await read(db, player, { accountId, offset, limit: room + 1 });
        tables[player.name] = rows.slice(0, room);
        if (rows.length > room) return { tables, next: `${player.name}.${offset + room}` };
        room -= rows.length;
        offset = 0;
      }
      return { tables, next: null };
    },
  };
}

function pseudonyms(name: string, account: PgColumn, erased: readonly ErasedAccount[]): Record<string, SQL> {
  const cases = erased.map(({ accountId, pseudonym }) => sql`when ${accountId} then ${pseudonym}`);
  return { [name]: sql`case ${account} ${sql.join(cases, sql` `)} end` };
}

/** Where a page begins: `table.offset`. */
function parsePlace(from: string): { name: string | undefined; offset: number } {
  const [, name, offset] = /^(\w{1,64})\.(\d{1,9})$/.exec(from) ?? [];
  return { name, offset: Number(offset ?? 0) };
}

/** Amounts become decimal text: JSON has no integers of that size. */
async function read(
  db: Db,
  { table, accounts, rule }: PlayerTable,
  page: { accountId: AccountId; offset: number; limit: number },
) {
  const shown = Object.entries(getTableColumns(table)).filter(([name]) => !rule.withheld.includes(name));
  const rows: Row[] = await db
    .select(Object.fromEntries(shown))
    .from(table)
    .where(or(...accounts.map((account) => eq(account, page.accountId))))
    .orderBy(...primaryKeyOf(table).map((column) => asc(column)))
    .offset(page.offset)
    .limit(page.limit);
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? value.toString() : value]),
    ),
  );
}

/** An order in which no row is passed over: a primary key has no equals. */
function primaryKeyOf(table: PgTable): PgColumn[] {
  const { columns, primaryKeys } = getTableConfig(table);
  return primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
}

function columnOf(table: PgTable, name: string): PgColumn {
  const column = getTableColumns(table)[name];
  invariant(column !== undefined, "a rule names a column of its table");
  return column;
}
