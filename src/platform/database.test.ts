import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectTo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql as statement } from "drizzle-orm";
import { bigint, integer, jsonb, pgTable, timestamp } from "drizzle-orm/pg-core";
import { expect, onTestFinished, test, vi } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { TIMED } from "../testing/timed.ts";
import { type Database, databaseError, databaseNowMs, isUniqueViolation, openDatabase } from "./database.ts";
import { startOwnPostgres } from "./dev-services.ts";
import { createLog } from "./log.ts";

const log = createLog({ level: "silent" });
const database = await createTestDatabase();
const { sql, db } = database;

const things = pgTable("things", {
  id: bigint("id", { mode: "number" }).primaryKey(),
  amount: bigint("amount", { mode: "bigint" }).notNull(),
  at: timestamp("at", { withTimezone: true }).notNull(),
  body: jsonb("body").notNull(),
});
await sql`create table things (id int8 primary key, amount int8 not null, at timestamptz not null, body jsonb not null)`;
const marks = pgTable("marks", { value: integer("value").notNull() });
await sql`create table marks (value int not null)`;

/** Another pool on the same database, with settings of its own. */
function anotherPool(options: Partial<Parameters<typeof openDatabase>[0]>): Database {
  const other = openDatabase({ url: database.url, log, ...options });
  onTestFinished(() => other.close());
  return other;
}

async function backendPid(pool: Pick<Database["db"], "execute">): Promise<number> {
  const [row] = await pool.execute<{ pid: number }>(statement`select pg_backend_pid() as pid`);
  return row?.pid ?? 0;
}

const kill = (pid: number) => sql`select pg_terminate_backend(${pid}, 5000)`;

test("[DATA7] a transaction that loses its connection keeps nothing, and all that it still asks is refused", async () => {
  const pool = anotherPool({ connectionsMax: 1 });
  const { promise: resumed, resolve: resume } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<number>();
  const { promise: late, resolve: tellLate } = Promise.withResolvers<unknown>();
  const lost = pool.db.transaction(async (tx) => {
    await tx.insert(marks).values({ value: 1 });
    begin(await backendPid(tx));
    await resumed;
    // By now the pool's only connection has been replaced, and another transaction is open on it.
    await tx.insert(marks).values({ value: 2 }).catch(tellLate);
  });
  lost.catch(() => {});
  await kill(await begun);

  await pool.db.transaction(async (tx) => {
    await tx.insert(marks).values({ value: 3 });
    resume();
    expect(await late).toMatchObject({ cause: { code: "CONNECTION_CLOSED" } });
    await expect(lost).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
    await tx.insert(marks).values({ value: 4 });
  });
  expect(await sql`select value from marks order by value`).toEqual([{ value: 3 }, { value: 4 }]);
});

test("[DATA7] what a transaction had queued when its connection was lost is refused, and the pool goes on", async () => {
  const pool = anotherPool({ connectionsMax: 1 });
  const { promise: begun, resolve: begin } = Promise.withResolvers<number>();
  const lost = pool.sql.begin(async (tx) => {
    const [row] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const asked = [tx`select pg_sleep(60)`, tx`select 1`, tx`select 2`].map((query) => query.execute());
    begin(row?.pid ?? 0);
    return await Promise.allSettled(asked);
  });
  lost.catch(() => {});
  await kill(await begun);
  await expect(lost).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
  expect(await pool.sql`select 1 as one`).toEqual([{ one: 1 }]);
});

test("[DATA7] while connections are cut under load, what was acknowledged is there and every query is answered", async () => {
  await sql`create table acks (value int primary key)`;
  const pool = anotherPool({ connectionsMax: 4, applicationName: "umpire chaos" });
  const acknowledged: number[] = [];
  const refusals: string[] = [];
  let next = 0;
  let isOver = false;
  const work = async () => {
    while (!isOver) {
      const value = next++;
      try {
        if (value % 2 === 0) await pool.sql`select ${value}::int`;
        else {
          await pool.db.transaction(async (tx) => {
            await tx.execute(statement`select 1`);
            await tx.execute(statement`insert into acks values (${value})`);
          });
          acknowledged.push(value);
        }
      } catch (thrown) {
        refusals.push(String((thrown as Error).cause ?? thrown));
      }
    }
  };
  const workers = Array.from({ length: 20 }, work);
  for (let cut = 0; cut < 20; cut++) {
    const before = acknowledged.length;
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'umpire chaos'`;
    await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 5), { timeout: 5000, interval: 5 });
  }
  isOver = true;
  await Promise.all(workers);
  expect(refusals.filter((text) => !/terminating connection|CONNECTION_|ECONNRESET|EPIPE/.test(text))).toEqual([]);
  const rows = await sql<{ value: number }[]>`select value from acks`;
  const kept = new Set(rows.map(({ value }) => value));
  expect(acknowledged.filter((value) => !kept.has(value))).toEqual([]);
  expect(
    await sql`select 1 from pg_stat_activity where application_name = 'umpire chaos' and state like 'idle in%'`,
  ).toEqual([]);
});

test("[DATA7] a transaction that begins when its connection is full is still nobody else's", async () => {
  const pool = anotherPool({ connectionsMax: 1 });
  await pool.sql`select 1`;
  // The driver sends at most a hundred queries ahead; the BEGIN is the one that fills the connection.
  const crowd = Array.from({ length: 100 }, () => pool.sql`select 1`.execute());
  const begun = pool.sql.begin(async (tx) => {
    await tx`insert into marks values (100)`;
    await tx`insert into marks values (101)`;
    throw new Error("undo");
  });
  const beside = pool.sql`insert into marks values (102)`.execute();
  await expect(begun).rejects.toThrow("undo");
  await Promise.all([...crowd, beside]);
  expect(await sql`select value from marks where value >= 100`).toEqual([{ value: 102 }]);
});

test("[DATA7] a connection lost while it is set up fails the query that waits for it, and nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "umpire-own-"));
  const path = join(decodeURIComponent(new URL(database.url).hostname), ".s.PGSQL.5432");
  const proxy = createServer((client) => {
    const upstream = connectTo(path);
    upstream.pipe(client).on("error", () => {});
    // The first thing the driver asks is what the types of arrays are.
    client.on("data", (chunk) => (chunk.includes("typarray") ? client.destroy() : upstream.write(chunk)));
    client.on("close", () => upstream.destroy());
  });
  await once(proxy.listen(join(folder, ".s.PGSQL.5432")), "listening");
  onTestFinished(async () => {
    proxy.close();
    await rm(folder, { recursive: true, force: true });
  });
  const url = database.url.replace(/@[^:]+/, `@${encodeURIComponent(folder)}`);
  await expect(anotherPool({ url }).sql`select 1`).rejects.toThrow(/CONNECTION_CLOSED|ECONNRESET|EPIPE/);
});

test("[DATA7] a connection cannot be reserved, because the driver does not survive the loss of one", async () => {
  await expect(sql.reserve()).rejects.toThrow("begin a transaction");
});

test(
  "[DATA8] without a server a query fails at once, and within about a second of its return they succeed again",
  TIMED,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "umpire-own-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const first = await startOwnPostgres({ folder, fsync: false, log });
    const pool = openDatabase({ url: first.url, log, connectionsMax: 1 });
    await pool.sql`select 1`;
    await first.stop();
    for (let attempt = 0; attempt < 6; attempt++)
      await expect(pool.sql`select 1`).rejects.toThrow(/ENOENT|CONNECTION_/);

    const second = await startOwnPostgres({ folder, fsync: false, log });
    const sinceMs = performance.now();
    await pool.sql`select 1`;
    expect(performance.now() - sinceMs).toBeLessThan(2000);
    await pool.close();
    await second.stop();
  },
);

test("[DATA9] no statement, no wait for a lock and no idle transaction lasts longer than its limit", async () => {
  const pool = anotherPool({ statementTimeoutMs: 2000, lockTimeoutMs: 50, idleTransactionTimeoutMs: 50 });
  const hasty = anotherPool({ statementTimeoutMs: 50 });
  const slow = await hasty.sql`select pg_sleep(60)`.catch(databaseError);
  expect(slow).toEqual({ code: "57014", constraint: null });

  await db.transaction(async (tx) => {
    await tx.execute(statement`lock table marks`);
    const refused = await pool.db.insert(marks).values({ value: 9 }).catch(databaseError);
    expect(refused).toEqual({ code: "55P03", constraint: null });
  });

  const idle = pool.db.transaction(async (tx) => {
    const pid = await backendPid(tx);
    await vi.waitFor(async () => expect(await sql`select from pg_stat_activity where pid = ${pid}`).toHaveLength(0));
    await tx.insert(marks).values({ value: 9 });
  });
  await expect(idle).rejects.toThrow();
  expect(await sql`select from marks where value = 9`).toHaveLength(0);
});

test("[DATA10] 64-bit numbers, times and documents come back as they were given, through Drizzle and in plain SQL", async () => {
  const thing = {
    id: 2 ** 40,
    amount: 2n ** 62n + 1n,
    at: new Date("2026-02-03T04:05:06.789Z"),
    body: { a: [1, "ä"] },
  };
  await db.insert(things).values(thing);
  expect(await db.select().from(things)).toEqual([thing]);
  expect(await sql`select * from things`).toEqual([{ ...thing, id: 2n ** 40n }]);
  expect(await sql`select array_agg(amount) as all from things`).toEqual([{ all: [thing.amount] }]);

  const next = { id: 7n, amount: -1n, at: new Date("2026-07-01T00:00:00.001Z"), body: { b: null } };
  await sql`insert into things ${sql({ ...next, id: 7, body: sql.json(next.body) })}`;
  await db.execute(statement`update things set at = ${next.at}, body = ${{ b: null }} where id = 7`);
  expect(await sql`select * from things where at = ${next.at}`).toEqual([next]);
  expect(await sql`show timezone`).toEqual([{ TimeZone: "UTC" }]);
});

test("[DATA11] a refusal by Postgres is told by code and constraint, whoever wraps it; anything else is none", async () => {
  await db.execute(statement`create table named (value int constraint named_once unique, check (value > 0))`);
  const insert = (value: number) => db.execute(statement`insert into named values (${value})`);
  await insert(1);
  const twice = await insert(1).catch((thrown: unknown) => thrown);
  expect(databaseError(twice)).toEqual({ code: "23505", constraint: "named_once" });
  expect(isUniqueViolation(twice, "named_once")).toBe(true);
  expect(isUniqueViolation(twice, "another")).toBe(false);
  const negative = await insert(-1).catch((thrown: unknown) => thrown);
  expect(databaseError(negative)).toEqual({ code: "23514", constraint: "named_value_check" });
  expect(isUniqueViolation(negative, "named_value_check")).toBe(false);
  const plain = await sql`insert into named values (1)`.catch((thrown: unknown) => thrown);
  expect(isUniqueViolation(plain, "named_once")).toBe(true);
  expect(databaseError(new Error("no", { cause: new Error("more") }))).toBe(null);
  expect(databaseError("text")).toBe(null);
});

test("[DATA11] the database's time is the time of now", TIMED, async () => {
  const before = await sql<{ at: Date }[]>`select clock_timestamp() as at`;
  const nowMs = await databaseNowMs(database);
  const after = await sql<{ at: Date }[]>`select clock_timestamp() as at`;
  expect(nowMs).toBeGreaterThanOrEqual(before[0]?.at.getTime() ?? Number.NaN);
  expect(nowMs).toBeLessThanOrEqual((after[0]?.at.getTime() ?? Number.NaN) + 1);
});

test("[DATA11] a call of an SQL function is planned once per connection, and other statements keep no plan there", async () => {
  const pool = anotherPool({ connectionsMax: 1 });
  const call = (tx: Pick<Database["db"], "execute">, score: number) =>
    tx.execute(statement`select umpire.leaderboard_bucket(${score}::bigint) as bucket`);
  for (const score of [1, 2, 3]) await call(pool.db, score);
  await pool.db.transaction((tx) => call(tx, 4));
  await pool.db.execute(statement`select ${1}::int + ${2}::int as sum`);
  const plans = await pool.db.execute<{ text: string }>(
    statement`select statement as text from pg_prepared_statements`,
  );
  // Beside what the driver keeps for itself.
  expect(plans.map(({ text }) => text).filter((text) => /umpire|int \+/.test(text))).toEqual([
    "select umpire.leaderboard_bucket($1::bigint) as bucket",
  ]);
});
