import { getTableColumns, getTableName, is } from "drizzle-orm";
import { getTableConfig, type PgColumn, PgTable } from "drizzle-orm/pg-core";
import { expect, test } from "vitest";
import type { AccountId } from "../../../schema/ids.ts";
import { accounts as accountsTable } from "../../../schema/tables/accounts.ts";
import { type PersonalDataRule, personalDataRules, storedTables } from "../../../schema/tables/personal-data.ts";
import { TestClock } from "../../platform/clock.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createTestProgression } from "../../testing/progression.ts";
import { accountColumns, PAGE_ROWS_MAX, playerTables } from "../personal-data/service.ts";

const { db, sql } = await createTestDatabase();
const clock = new TestClock();
const { accounts, parts } = createTestAccounts({ db, clock });
const { ids } = parts;
const { progression } = createTestProgression({ ...parts, accounts });
const PASSWORD = "correct horse battery";

const tables: PgTable[] = Object.values(storedTables).flatMap((value) => (is(value, PgTable) ? [value] : []));

let count = 0;

async function aGuest() {
  const { token, account } = await accounts.createGuest({ label: "vitest" });
  const principal = await accounts.principalOf({ authorization: `Bearer ${token}` });
  if (principal === null) throw new Error("a guest is signed in");
  return { accountId: account.id, token, principal };
}

/** What columns with a form of their own hold; every other one holds something unique of its type. */
const formed: Record<string, (n: number) => unknown> = {
  "accounts.id": () => ids.mint("account"),
  "account_bans.id": () => ids.mint("ban"),
  "account_sessions.id": (n) => `ses_${String(n).padStart(43, "s")}`,
  "account_credentials.password_hash": (n) => `$argon2id$secret-${n}`,
  "account_registrations.password_hash": (n) => `$argon2id$secret-${n}`,
  "account_password_resets.token_hash": (n) => String(n).padStart(43, "t"),
  "account_registrations.token_hash": (n) => String(n).padStart(43, "t"),
  "inventory_rolls.seed": (n) => String(n).padStart(32, "0"),
  "leaderboard_scores.period": () => "all",
  "payment_events.raw_body": (n) => Buffer.from(`{"secret":${n}}`),
  "payment_orders.amount": (n) => BigInt(n),
  "payment_orders.currency": () => "EUR",
  "payment_transactions.delivered": () => true,
};
/** Values that columns of schema/tables/domains.ts take. */
const ofDomain: Readonly<Record<string, (n: number) => unknown>> = {
  "umpire.book": () => "wallet",
  "umpire.move_kind": () => "granted",
  "umpire.reason": () => "match",
  "umpire.reference": (n) => `reference-${n}`,
  "umpire.sha256": (n) => String(n).padStart(64, "0"),
  "umpire.amount": () => 1n,
  "umpire.positive_amount": () => 1n,
  "umpire.quantity": () => 1n,
};
const YEAR_MS = 365 * 24 * 60 * 60_000;

function valueFor(table: PgTable, column: PgColumn): unknown {
  const n = ++count;
  const form = formed[`${getTableName(table)}.${column.name}`] ?? ofDomain[column.getSQLType()];
  if (form !== undefined) return form(n);
  if (column.enumValues !== undefined) return column.enumValues[0];
  if (column.dataType === "string") return `${column.name.replace("_", "-")}-${n}`;
  // What ends, ends last.
  if (column.dataType === "date")
    return new Date(clock.now() + (/expires|ended|recorded/.test(column.name) ? YEAR_MS : n));
  if (column.dataType === "bigint") return 1n;
  return 1;
}

/** A row in any table there is, with a row in each table that it leans on, about this account. */
async function insertRow(table: PgTable, about: AccountId): Promise<Record<string, unknown>> {
  const columns = Object.entries(getTableColumns(table)) as [string, PgColumn][];
  const own = columns.filter(([, column]) => column.generatedIdentity === undefined && column.generated === undefined);
  const row = Object.fromEntries(own.map(([name, column]) => [name, valueFor(table, column)]));
  const player = playerTables.find((candidate) => candidate.table === table);
  for (const { foreignTable, columns: from, foreignColumns: to } of foreignKeys(table)) {
    if (foreignTable === accountsTable) continue;
    const leanedOn = await insertRow(foreignTable, about);
    for (const [index, column] of from.entries()) row[keyOf(table, column)] = leanedOn[keyOf(foreignTable, to[index])];
  }
  for (const column of player === undefined ? [] : accountColumns(player.rule)) row[column] = about;
  const [stored] = await db.insert(table).values(row).returning();
  return stored ?? row;
}

function foreignKeys(table: PgTable) {
  return getTableConfig(table).foreignKeys.map((key) => key.reference());
}

function keyOf(table: PgTable, column: PgColumn | undefined): string {
  const entry = Object.entries(getTableColumns(table)).find(([, candidate]) => candidate.name === column?.name);
  if (entry === undefined) throw new Error("the column is its table's");
  return entry[0];
}

/** A row about a new account in every table that has any, by the table's name. */
async function everythingAbout(accountId: AccountId) {
  const rows = new Map<string, Record<string, unknown>>();
  for (const { name, table } of playerTables) rows.set(name, await insertRow(table, accountId));
  return rows;
}

/** Every text in the whole schema that holds these words, as `table.column`. */
async function placesOf(words: string): Promise<string[]> {
  const columns = await sql<{ table: string; column: string }[]>`
    select table_name as table, column_name as column from information_schema.columns where table_schema = 'umpire'`;
  const found: string[] = [];
  for (const { table, column } of columns) {
    const rows = await sql`
      select from ${sql("umpire")}.${sql(table)} where ${sql(column)}::text like ${`%${words}%`} limit 1`;
    if (rows.length > 0) found.push(`${table}.${column}`);
  }
  return found.sort();
}

async function exportOf(accountId: AccountId) {
  const pages = [await accounts.exportAccount(accountId, null)];
  for (let next = pages[0]?.next ?? null; next !== null; next = pages.at(-1)?.next ?? null) {
    pages.push(await accounts.exportAccount(accountId, next));
  }
  return pages;
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "",
    (thrown) => thrown.code ?? String(thrown),
  );
}

test("[PRIVACY1] S31: every table of the database has a rule, and one without does not compile", async () => {
  const stored = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'umpire' and table_type = 'BASE TABLE'`;
  const known = [...tables.map((table) => getTableName(table)), "migrations"];
  expect(known.sort(), "add the new file of tables to schema/tables/personal-data.ts").toEqual(
    stored.map(({ name }) => name).sort(),
  );
  const { progression: _, ...incomplete } = personalDataRules;
  // @ts-expect-error a table without its rule is no set of rules
  const rules: typeof personalDataRules = incomplete;
  expect(Object.keys(rules)).toHaveLength(tables.length - 1);
});

test("[PRIVACY1] S31: a table about nobody has no column that could name a player, and every other rule names its own", () => {
  const rules: [string, PersonalDataRule][] = Object.entries(personalDataRules);
  for (const [name, rule] of rules) {
    const table = storedTables[name as keyof typeof personalDataRules];
    const leaning = foreignKeys(table)
      .filter(({ foreignTable }) => foreignTable === accountsTable)
      .flatMap(({ columns }) => columns.map((column) => keyOf(table, column)));
    const named = Object.keys(getTableColumns(table)).filter((column) => /account|user|player/i.test(column));
    const naming = [...new Set([...leaning, ...named, ...(rule.about === "player" ? accountColumns(rule) : [])])];
    expect(naming, name).toEqual(rule.about === "nobody" ? [] : accountColumns(rule));
  }
});

test("[PRIVACY1] S31: the rows about a player are found by an index in every table", async () => {
  const indexes = await sql<{ table: string; column: string }[]>`
    select distinct t.relname as table, a.attname as column from pg_index i
      join pg_class t on t.oid = i.indrelid
      join pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0]
    where t.relnamespace = 'umpire'::regnamespace and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) like '%IS NOT NULL%')`;
  for (const { table, accounts: columns } of playerTables) {
    for (const { name } of columns) expect(indexes).toContainEqual({ table: getTableName(table), column: name });
  }
});

test("[PRIVACY2] S31: an export shows every row of every table, and neither hashes nor the words of the staff", async () => {
  const accountId = ids.mint("account");
  const rows = await everythingAbout(accountId);
  await everythingAbout(ids.mint("account"));
  const [page, ...more] = await exportOf(accountId);
  expect(more).toEqual([]);
  expect(Object.keys(page?.tables ?? {}).sort()).toEqual([...rows.keys()].sort());
  for (const { name, rule } of playerTables) {
    const shown = Object.entries(rows.get(name) ?? {}).filter(([column]) => !rule.withheld.includes(column));
    const asText = shown.map(([column, value]) => [column, typeof value === "bigint" ? value.toString() : value]);
    // Where another table leans on this one it has a row for that, too.
    expect(page?.tables[name], name).toContainEqual(Object.fromEntries(asText));
  }
  const text = JSON.stringify(page);
  for (const secret of ["argon2", "ses_", "tttt"]) expect(text).not.toContain(secret);
  expect(text).not.toContain(rows.get("accountBans")?.["reason"]);
  const suspicious = playerTables.flatMap(({ table, rule }) =>
    Object.keys(getTableColumns(table)).filter(
      (name) => /hash|token|secret/i.test(name) && !rule.withheld.includes(name),
    ),
  );
  expect(suspicious, "withhold them").toEqual([]);
});

test("[PRIVACY2] an export of many rows comes in pages, which pass over none and repeat none", async () => {
  const { accountId } = await aGuest();
  const many = 2 * PAGE_ROWS_MAX + 10;
  await sql`insert into umpire.progression_matches
    select 'mat_' || n, 'arena', 'solo', ${clock.date()}, ${clock.date()}, ${clock.date()} from generate_series(1, ${many}) n`;
  await sql`insert into umpire.progression_match_players
    select 'mat_' || n, ${accountId}, ${clock.date()}, 1, 0, 0, 0, 0 from generate_series(1, ${many}) n`;
  const pages = await exportOf(accountId);
  const sizes = pages.map(({ tables }) => Object.values(tables).reduce((sum, rows) => sum + rows.length, 0));
  expect(sizes).toEqual([PAGE_ROWS_MAX, PAGE_ROWS_MAX, 12]);
  const matchIds = pages.flatMap(({ tables }) => tables["progressionMatchPlayers"] ?? []).map(({ matchId }) => matchId);
  expect(new Set(matchIds).size).toBe(many);
  for (const from of ["nowhere", "accountSessions", "compatibility.0", "accounts.-1", "accounts.0; drop"]) {
    expect(await codeOf(accounts.exportAccount(accountId, from)), from).toBe("REQUEST_INVALID");
  }
});

test("[PRIVACY3] S31: after a deletion nothing that is stored names the account, in any table or column", async () => {
  const accountId = ids.mint("account");
  await everythingAbout(accountId);
  const other = ids.mint("account");
  await everythingAbout(other);
  const before = await placesOf(other);
  expect((await placesOf(accountId)).length).toBeGreaterThanOrEqual(playerTables.length);
  await accounts.deleteAccount(accountId);
  expect(await placesOf(accountId)).toEqual([]);
  expect(await placesOf(other)).toEqual(before);
  expect(await codeOf(accounts.deleteAccount(accountId))).toBe("ACCOUNTS_UNKNOWN");
});

function aMatch(...accountIds: AccountId[]) {
  const players = accountIds.map((accountId, index) => ({
    accountId,
    placement: index + 1,
    kills: 2,
    deaths: 1,
    xp: 50,
  }));
  const times = { startedAt: clock.date(), endedAt: clock.date() };
  return { matchId: ids.mint("match"), room: "arena", mode: "ffa", ...times, players } as const;
}

test("[PRIVACY3] S31: the others keep the match, with everyone's line, and the player's leads to nobody", async () => {
  const [leaver, other] = [await aGuest(), await aGuest()];
  const match = aMatch(leaver.accountId, other.accountId);
  await progression.recordMatch(match);
  await accounts.deleteAccount(leaver.accountId);
  const { matchId } = match;
  expect(await progression.matches(other.accountId, { limit: 5 })).toMatchObject([{ matchId, placement: 2 }]);
  const kept = await sql<{ id: string }[]>`
    select account_id as id from umpire.progression_match_players where match_id = ${matchId} order by placement`;
  expect(kept).toMatchObject([{ id: expect.stringMatching(/^acc_/) }, { id: other.accountId }]);
  expect(await placesOf(kept[0]?.id ?? "")).toEqual(["progression_match_players.account_id"]);
  // A room that was not sure of its result sends it again.
  expect(await progression.recordMatch(match)).toMatchObject([{ accountId: other.accountId, xp: 50 }]);
});

test("[PRIVACY3] S31: a result that comes after the deletion brings the others theirs and names nobody else", async () => {
  const [leaver, other] = [await aGuest(), await aGuest()];
  const match = aMatch(leaver.accountId, other.accountId);
  await accounts.deleteAccount(leaver.accountId);
  for (let turn = 0; turn < 2; turn++) {
    expect(await progression.recordMatch(match)).toMatchObject([{ accountId: other.accountId, xp: 50 }]);
  }
  expect(await placesOf(leaver.accountId)).toEqual([]);
});

test("[PRIVACY3] S31: of a result and a deletion at the same moment, whichever comes first, nothing remains", async () => {
  for (let round = 0; round < 8; round++) {
    const [leaver, other] = [await aGuest(), await aGuest()];
    const match = aMatch(leaver.accountId, other.accountId);
    await Promise.all([progression.recordMatch(match), accounts.deleteAccount(leaver.accountId)]);
    expect(await placesOf(leaver.accountId)).toEqual([]);
    expect(await progression.me(other.accountId)).toMatchObject({ xp: 50 });
  }
});

test("[PRIVACY4] the owner deletes a guest's account at once, and one with a password only by it", async () => {
  const guest = await aGuest();
  await accounts.deleteOwnAccount(guest.accountId, { password: undefined });
  expect(await accounts.principalOf({ authorization: `Bearer ${guest.token}` })).toBeNull();

  const { accountId, principal } = await aGuest();
  const email = "leaver@example.com";
  await accounts.register(principal, { email, password: PASSWORD, label: "vitest" });
  for (const password of [undefined, "", "wrong password"]) {
    expect(await codeOf(accounts.deleteOwnAccount(accountId, { password }))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  }
  expect(await accounts.me(accountId)).toMatchObject({ kind: "registered" });
  await accounts.deleteOwnAccount(accountId, { password: PASSWORD });
  expect(await codeOf(accounts.signIn({ email, password: PASSWORD, label: "", former: null }))).toBe(
    "ACCOUNTS_CREDENTIALS_WRONG",
  );
  // The address is free again.
  const next = await aGuest();
  await accounts.register(next.principal, { email, password: PASSWORD, label: "vitest" });
});

test("[PRIVACY4] whoever has found an open session cannot find the password by deleting", async () => {
  const { accountId, principal } = await aGuest();
  await accounts.register(principal, { email: "tried@example.com", password: PASSWORD, label: "vitest" });
  const attempts: string[] = [];
  for (let turn = 0; turn < 11; turn++)
    attempts.push(await codeOf(accounts.deleteOwnAccount(accountId, { password: "x" })));
  expect(attempts).toEqual([...Array(10).fill("ACCOUNTS_CREDENTIALS_WRONG"), "RATE_LIMITED"]);
  expect(await codeOf(accounts.deleteOwnAccount(accountId, { password: PASSWORD }))).toBe("RATE_LIMITED");
  clock.advance(600_000);
  expect(await codeOf(accounts.deleteOwnAccount(accountId, { password: PASSWORD }))).toBe("");
});

test("[PRIVACY4] a sign-in that comes at the same moment as the deletion leaves nothing behind", async () => {
  const { accountId, principal } = await aGuest();
  const email = "racer@example.com";
  await accounts.register(principal, { email, password: PASSWORD, label: "vitest" });
  const attempts = Array.from({ length: 4 }, () =>
    codeOf(accounts.signIn({ email, password: PASSWORD, label: "", former: null })),
  );
  await attempts[0];
  await accounts.deleteAccount(accountId);
  const expected = ["", "ACCOUNTS_CREDENTIALS_WRONG", "UNAUTHENTICATED"];
  for (const code of await Promise.all(attempts)) expect(expected).toContain(code);
  expect(await placesOf(accountId)).toEqual([]);
});
