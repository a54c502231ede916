import { sql as statement } from "drizzle-orm";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { TestClock } from "./clock.ts";
import { openDatabase, type Tx } from "./database.ts";
import { isConflict, isConnectionLost, isDatabaseUnavailable } from "./database-failures.ts";
import { createErrorTranslator } from "./errors.ts";
import { once } from "./idempotency.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { cryptoRandom } from "./random.ts";
import { retrying } from "./retrying.ts";

const log = createLog({ level: "silent" });
const database = await createTestDatabase({ lockTimeoutMs: 200, statementTimeoutMs: 500 });
const { sql, db } = database;
await sql`create table counters (name text primary key, value int not null)`;
await sql`insert into counters values ('a', 0), ('b', 0)`;
const translate = createErrorTranslator({ ids: createIds({ clock: new TestClock(), random: cryptoRandom }), log });
const shownAs = (thrown: unknown) => translate(thrown, {}).body.code;
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown,
  );

const add = (tx: Tx, name: string) => tx.execute(statement`update counters set value = value + 1 where name = ${name}`);
const countOf = async (name: string) =>
  (await sql<{ value: number }[]>`select value from counters where name = ${name}`)[0]?.value;
const killOwn = (tx: Tx) =>
  tx
    .execute<{ pid: number }>(statement`select pg_backend_pid() as pid`)
    .then(([row]) => sql`select pg_terminate_backend(${row?.pid ?? 0}, 5000)`);

test("[RETRY1] T11: a deadlock is nobody's failure: both are done, one of them later", async () => {
  const patient = openDatabase({ url: database.url, log, lockTimeoutMs: 0 });
  onTestFinished(() => patient.close());
  let tries = 0;
  const { promise: bothHold, resolve } = Promise.withResolvers<void>();
  const crossing = (first: string, second: string) =>
    retrying(patient.db, async (tx) => {
      await add(tx, first);
      if (++tries === 2) resolve();
      await bothHold;
      await add(tx, second);
    });
  await Promise.all([crossing("a", "b"), crossing("b", "a")]);
  expect(tries).toBe(3);
  expect([await countOf("a"), await countOf("b")]).toEqual([2, 2]);
});

test("[RETRY1] T11: a serialization failure is tried again, three times at most, and then told as UNAVAILABLE", async () => {
  let tries = 0;
  const serializable = (tx: Tx) => tx.execute(statement`set transaction isolation level serializable`);
  await retrying(db, async (tx) => {
    await serializable(tx);
    await tx.execute(statement`select * from counters`);
    if (++tries < 3) await sql`update counters set value = value + 10 where name = 'a'`;
    await add(tx, "a");
  });
  expect({ tries, value: await countOf("a") }).toEqual({ tries: 3, value: 23 });

  tries = 0;
  const failure = await failureOf(
    retrying(db, async (tx) => {
      tries++;
      await tx.execute(statement`do $$ begin raise exception 'no' using errcode = '40001'; end $$`);
    }),
  );
  expect({ tries, shown: shownAs(failure), isConflict: isConflict(failure) }).toEqual({
    tries: 3,
    shown: "UNAVAILABLE",
    isConflict: true,
  });
});

test("[RETRY2] T8: a connection lost before COMMIT is tried again; what is wrong is not", async () => {
  let tries = 0;
  await retrying(db, async (tx) => {
    await add(tx, "b");
    if (++tries === 1) await killOwn(tx);
    await add(tx, "b");
  });
  expect({ tries, value: await countOf("b") }).toEqual({ tries: 2, value: 4 });
  tries = 0;
  const wrong = retrying(db, async (tx) => {
    tries++;
    await tx.execute(statement`select 1 / 0`);
  });
  expect(shownAs(await failureOf(wrong))).toBe("INTERNAL");
  expect(tries).toBe(1);
});

/** The connection ends as COMMIT is worked on: a deferred trigger ends it, so that the commit is lost. */
async function losingCommit() {
  await sql`create or replace function die() returns trigger language plpgsql as $$
    begin if (select value from counters where name = 'deaths') > 0 then
      perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); end if; return null; end $$`;
  await sql`create table if not exists doomed (value int)`;
  await sql`drop trigger if exists die on doomed`;
  await sql`create constraint trigger die after insert on doomed deferrable initially deferred for each row execute function die()`;
  await sql`insert into counters values ('deaths', 1) on conflict (name) do update set value = 1`;
}

test("[RETRY2] T8: when nobody knows whether COMMIT happened, only keyed work is tried again", async () => {
  await losingCommit();
  let tries = 0;
  const doomed = async (tx: Tx) => {
    tries++;
    await tx.execute(statement`insert into doomed values (1)`);
  };
  const failure = await failureOf(retrying(db, doomed));
  expect({ tries, isLost: isConnectionLost(failure), shown: shownAs(failure) }).toEqual({
    tries: 1,
    isLost: true,
    shown: "UNAVAILABLE",
  });

  const clock = new TestClock();
  const keyed = { scope: "test", key: "lost-commit", verb: "test.doom", request: {} };
  const answer = await once({ db, clock }, keyed, async (tx) => {
    if (++tries === 3) await sql`update counters set value = 0 where name = 'deaths'`;
    await tx.execute(statement`insert into doomed values (2)`);
    return tries;
  });
  expect(answer).toBe(3);
  expect(await once({ db, clock }, keyed, async () => expect.unreachable())).toBe(3);
  expect(await sql`select value from doomed`).toEqual([{ value: 2 }]);
});

test("[RETRY3] T16: a statement, a lock and a server that are not to be had in time are UNAVAILABLE, and so is a full disk", async () => {
  const slow = await failureOf(db.execute(statement`select pg_sleep(5)`));
  expect(shownAs(slow)).toBe("UNAVAILABLE");
  await db.transaction(async (tx) => {
    await add(tx, "a");
    expect(shownAs(await failureOf(db.execute(statement`update counters set value = 0 where name = 'a'`)))).toBe(
      "UNAVAILABLE",
    );
  });
  for (const state of ["53100", "53200", "53300", "57P03", "25006", "58030"]) {
    const raised = db.execute(statement.raw(`do $$ begin raise exception 'no' using errcode = '${state}'; end $$`));
    expect({ state, shown: shownAs(await failureOf(raised)) }).toEqual({ state, shown: "UNAVAILABLE" });
  }
  const absent = ["postgres://umpire@127.0.0.1:1/umpire", "postgres://umpire@%2Fnowhere:5432/umpire"];
  for (const url of absent) {
    const pool = openDatabase({ url, log });
    onTestFinished(() => pool.close());
    const asks = [
      () => pool.sql`select 1`,
      () => pool.db.execute(statement`select 1`),
      () => pool.db.transaction(async () => {}),
    ];
    for (const ask of asks) {
      expect(shownAs(await failureOf(Promise.resolve(ask())))).toBe("UNAVAILABLE");
    }
  }
});

test("[RETRY3] what is unreachable and not the database is a defect like any other", async () => {
  const elsewhere = await failureOf(fetch("http://127.0.0.1:1/"));
  expect(isDatabaseUnavailable(elsewhere)).toBe(false);
  expect(shownAs(await failureOf(Promise.resolve(db.execute(statement`select from nowhere`))))).toBe("INTERNAL");
});
