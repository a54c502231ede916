import { sql as query } from "drizzle-orm";
import { expect, test } from "vitest";
import type { OperatorId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { databaseError, type Tx } from "../../platform/database.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { runCommand } from "../../platform/operator.ts";
import type { Act, Actor } from "../../platform/operator-http.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { auditCommands } from "./operator.ts";
import { type AuditEntry, createAudit } from "./service.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 10 });
const clock = new TestClock();
const ids = createIds({ clock, random: cryptoRandom });
const log = createLog({ level: "silent" });
/** Few rows at a time, so that batches have ends. */
const audit = createAudit({ db, clock, log, verifyRows: 7 });

async function anOperator(): Promise<OperatorId> {
  const id = ids.mint("operator");
  const now = clock.date();
  await sql`insert into umpire.operators (id, name, role, password_hash, totp_secret, created_at, attempts_since)
    values (${id}, ${`o${id.slice(4)}`}, 'admin', '$argon2id$', ${"t".repeat(64)}, ${now}, ${now})`;
  return id;
}

const operatorId = await anOperator();

const anEntry = (changes: Partial<AuditEntry> = {}): AuditEntry => ({
  actor: operatorId,
  action: "accounts.ban",
  subject: "acc_1",
  reason: "aimbot",
  details: { days: 7, banId: "ban_1" },
  ...changes,
});

const append = (changes: Partial<AuditEntry> = {}) => db.transaction((tx) => audit.append(tx, anEntry(changes)));

const anAct = (changes: Partial<Act<unknown>> = {}): Act<unknown> => ({
  action: "wallet.adjust",
  subject: "acc_1",
  reply: { ok: true },
  ...changes,
});

/** A deed that leaves a row of its own behind. */
const leaving = (version: string) => async (tx: Tx) => {
  await tx.execute(query`insert into umpire.idempotency (scope, key, verb, request_hash, answer, created_at)
    values ('deed', ${version}, 'deed', ${"0".repeat(64)}, '{}', ${clock.date()})`);
  return anAct({ reply: { version } });
};

const deeds = async () => (await sql`select key from umpire.idempotency where scope = 'deed'`).map(({ key }) => key);
const rowsNow = async () => Number((await sql`select count(*) from umpire.audit_log`)[0]?.["count"]);
const refusal = async (attempt: Promise<unknown>) => databaseError(await attempt.catch((thrown) => thrown))?.code;

/** What whoever owns the tables can do, and takes back after a look. */
async function verifyAfter(...statements: string[]) {
  const undo = new Error("undone");
  let verdict: Awaited<ReturnType<typeof audit.verify>> | undefined;
  await db
    .transaction(async (tx) => {
      await tx.execute(query.raw("alter table umpire.audit_log disable trigger user"));
      await tx.execute(query.raw("alter table umpire.audit_head disable trigger user"));
      for (const statement of statements) await tx.execute(query.raw(statement));
      verdict = await createAudit({ db: tx as never, clock, log, verifyRows: 7 }).verify();
      throw undo;
    })
    .catch((thrown) => {
      if (thrown !== undo) throw thrown;
    });
  return verdict?.broken;
}

test("[AUDIT3] S30: 50 at once leave a chain that is whole, and what fails leaves no gap", async () => {
  const fail = () =>
    db.transaction(async (tx) => {
      await audit.append(tx, anEntry());
      throw new Error("changed my mind");
    });
  const attempts = Array.from({ length: 50 }, (_, n) => (n % 5 === 0 ? fail() : append({ subject: `acc_${n}` })));
  const settled = await Promise.allSettled(attempts);
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(40);
  const rows = await audit.page({ limit: 100 });
  expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, n) => BigInt(40 - n)));
  expect(await audit.verify()).toEqual({ upto: { seq: 40n, hash: rows[0]?.hash }, broken: null });
});

test("[AUDIT1] S30: no row is changed, removed or truncated, and the end of the chain is not moved", async () => {
  for (const statement of [
    "update umpire.audit_log set reason = 'none' where seq = 3",
    "update umpire.audit_log set actor = 'shell'",
    "delete from umpire.audit_log where seq = 40",
    "delete from umpire.audit_log where false",
    "truncate umpire.audit_log",
    "insert into umpire.audit_log select * from umpire.audit_log where seq = 1 on conflict (seq) do update set reason = 'none'",
    "update umpire.audit_head set seq = seq + 1",
    "update umpire.audit_head set seq = 39, hash = (select hash from umpire.audit_log where seq = 39)",
    "delete from umpire.audit_head",
    "truncate umpire.audit_head",
    "insert into umpire.audit_head (is_only_row, seq, hash) values (true, 0, '')",
  ]) {
    expect([statement, await refusal(sql.unsafe(statement))]).toEqual([statement, "42501"]);
  }
  expect(await rowsNow()).toBe(40);
  expect((await audit.verify()).broken).toBeNull();
});

test("[AUDIT1] S30: who adds a row chooses neither its number nor its hashes", async () => {
  await sql`insert into umpire.audit_log (seq, at, actor, action, subject, reason, details, prev_hash, hash)
    values (9999, ${clock.date()}, 'shell', 'wallet.adjust', 'acc_1', 'gift', '{}', ${"f".repeat(64)}, ${"f".repeat(64)})`;
  const [latest] = await audit.page({ limit: 1 });
  expect(latest).toMatchObject({ seq: 41n, actor: "shell", reason: "gift" });
  expect((await audit.verify()).broken).toBeNull();
});

test("[AUDIT1] S30: nobody acts under a name that is no operator's, or of one who is disabled", async () => {
  const disabled = await anOperator();
  await sql`update umpire.operators set disabled_at = ${clock.date()} where id = ${disabled}`;
  for (const actor of [disabled, ids.mint("operator"), "system", "acc_00000000000000000000000000", ""]) {
    expect([actor, await refusal(append({ actor: actor as Actor }))]).toEqual([actor, "42501"]);
  }
  for (const wrong of [{ reason: "" }, { reason: "x".repeat(1001) }, { action: "ban" }, { subject: "" }]) {
    expect([wrong, await refusal(append(wrong))]).toEqual([wrong, "23514"]);
  }
  expect((await audit.verify()).broken).toBeNull();
});

test("[AUDIT2] S30: each row that was changed behind the triggers' backs is named", async () => {
  for (const change of [
    "actor = 'shell'",
    "action = 'accounts.unban'",
    "subject = 'acc_9999'",
    "reason = 'a mistake'",
    'details = \'{"days": 700, "banId": "ban_1"}\'',
    "at = at + interval '1 ms'",
    "prev_hash = hash",
    "hash = prev_hash",
  ]) {
    for (const seq of [1, 7, 8, 41]) {
      const isAsWas = change === "actor = 'shell'" && seq === 41;
      const found = await verifyAfter(`update umpire.audit_log set ${change} where seq = ${seq}`);
      expect([change, seq, found]).toEqual([change, seq, isAsWas ? null : { seq: BigInt(seq), problem: "altered" }]);
    }
  }
});

test("[AUDIT2] S30: a gap, a lost end, a row put in and rows exchanged are found where they are", async () => {
  const remove = (seq: number) => `delete from umpire.audit_log where seq = ${seq}`;
  expect(await verifyAfter(remove(1))).toEqual({ seq: 1n, problem: "missing" });
  expect(await verifyAfter(remove(8))).toEqual({ seq: 8n, problem: "missing" });
  expect(await verifyAfter(remove(20))).toEqual({ seq: 20n, problem: "missing" });
  expect(await verifyAfter(remove(41))).toEqual({ seq: 41n, problem: "missing" });
  expect(await verifyAfter("delete from umpire.audit_log")).toEqual({ seq: 1n, problem: "missing" });
  const closeUp = "update umpire.audit_log set seq = seq - 1 where seq = 21";
  expect(await verifyAfter(remove(20), closeUp)).toEqual({ seq: 20n, problem: "altered" });
  const rehash = (seq: number) => `update umpire.audit_log a set hash = umpire.audit_hash(a) where seq = ${seq}`;
  const change = (seq: number) => `update umpire.audit_log set reason = 'a mistake' where seq = ${seq}`;
  expect(await verifyAfter(change(20), rehash(20))).toEqual({ seq: 21n, problem: "unchained" });
  expect(await verifyAfter(change(41), rehash(41))).toEqual({ seq: 41n, problem: "head" });
  const putIn = `insert into umpire.audit_log select 42, at, actor, action, subject, reason, details, hash, hash
    from umpire.audit_log where seq = 41`;
  expect(await verifyAfter(putIn, rehash(42))).toEqual({ seq: 42n, problem: "head" });
  expect(await verifyAfter("delete from umpire.audit_head")).toEqual({ seq: 41n, problem: "head" });
  expect(await verifyAfter()).toBeNull();
});

test("[AUDIT2] S30: a chain that was made anew as a whole is not the one whose end was kept", async () => {
  const [row] = await audit.page({ limit: 1, before: 31n });
  const kept = { seq: row?.seq ?? 0n, hash: row?.hash ?? "" };
  expect((await audit.verify(kept)).broken).toBeNull();
  const forged = { ...kept, hash: "f".repeat(64) };
  expect(await audit.verify(forged)).toEqual({ upto: null, broken: { seq: 30n, problem: "anchor" } });
  expect((await audit.verify({ ...kept, seq: 9999n })).broken).toEqual({ seq: 9999n, problem: "anchor" });
});

test("[AUDIT4] a deed that fails leaves no row, and one that cannot be written down is not done", async () => {
  const before = await rowsNow();
  const by = { actor: operatorId, reason: "a test", keyed: null };
  const failing = audit.perform(by, async (tx) => {
    await leaving("failed")(tx);
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  await expect(audit.perform({ ...by, reason: "" }, leaving("unwritten"))).rejects.toThrow();
  await expect(audit.perform({ ...by, actor: ids.mint("operator") }, leaving("nobody"))).rejects.toThrow();
  // What fails after the row was written takes it along.
  const keyed = { scope: "operator", key: "unkept", verb: "deed", request: {} };
  const unkept = audit.perform({ ...by, keyed }, async () => anAct({ reply: { amount: 1n } }));
  await expect(unkept).rejects.toThrow();
  expect(await rowsNow()).toBe(before);
  expect(await deeds()).toEqual([]);
  expect(await audit.perform(by, leaving("done"))).toEqual({ version: "done" });
  expect([await rowsNow(), await deeds()]).toEqual([before + 1, ["done"]]);
});

test("[AUDIT5] the same key 20 times at once does it once, and everybody gets its answer", async () => {
  const before = await rowsNow();
  let followed = 0;
  const perform = (days: number) => {
    const keyed = { scope: "operator", key: "k1", verb: "wallet.adjust", request: { days } };
    return audit.perform({ actor: operatorId, reason: "a test", keyed }, async (tx) => {
      const act = await leaving("once")(tx);
      return { ...act, afterCommit: () => followed++ };
    });
  };
  const answers = await Promise.all(Array.from({ length: 20 }, () => perform(7)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(new Set(['{"version":"once"}']));
  expect([await rowsNow(), followed]).toEqual([before + 1, 1]);
  await expect(perform(8)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
  expect(await rowsNow()).toBe(before + 1);
  expect((await audit.verify()).broken).toBeNull();
});

test("[AUDIT6] rows come in pages, newest first, of an actor, of a subject or all", async () => {
  const first = await audit.page({ limit: 5 });
  const second = await audit.page({ limit: 5, before: first.at(-1)?.seq });
  const all = await audit.page({ limit: 1000 });
  expect([...first, ...second]).toEqual(all.slice(0, 10));
  expect((await audit.page({ actor: "shell", limit: 100 })).map(({ reason }) => reason)).toEqual(["gift"]);
  expect(await audit.page({ subject: "acc_12", limit: 100 })).toEqual(
    all.filter(({ subject }) => subject === "acc_12"),
  );
});

test("[AUDIT7] the log is shown and verified at the command line, as far back as an end that was kept", async () => {
  const commands = auditCommands(audit);
  const printed = await runCommand(commands, ["audit"]);
  expect(JSON.parse(printed.split("\n")[0] ?? "")).toMatchObject({ actor: operatorId, action: "wallet.adjust" });
  const { whole, end } = JSON.parse(await runCommand(commands, ["audit-verify"]));
  expect(whole).toBe(true);
  expect(JSON.parse(await runCommand(commands, ["audit-verify", end]))).toEqual({ whole: true, end });
  const other = `${end.split(":")[0]}:${"0".repeat(64)}`;
  await expect(runCommand(commands, ["audit-verify", other])).rejects.toThrow(/broken at row \d+: anchor/);
  await expect(runCommand(commands, ["audit-verify", "end"])).rejects.toThrow(/Usage: npm run operator/);
});
