import { generateHOTP } from "@oslojs/otp";
import { beforeEach, expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { runCommand } from "../../platform/operator.ts";
import type { OperatorRole } from "../../platform/operator-http.ts";
import { cryptoRandom as random } from "../../platform/random.ts";
import { secretOf } from "../../testing/operators.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createPasswords } from "../accounts/passwords.ts";
import { createAudit } from "../audit/service.ts";
import { operatorsCommands } from "./operator.ts";
import { createOperators, type OperatorCredentials } from "./service.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 10 });
const clock = new TestClock();
const lines: string[] = [];
const log = createLog({ level: "debug", destination: { write: (line: string) => void lines.push(line) } });
const audit = createAudit({ db, clock, log });
const cost = { memoryCost: 64, timeCost: 1, parallelism: 1 };
const parts = {
  db,
  clock,
  log,
  random,
  audit,
  ids: createIds({ clock, random }),
  secret: "s".repeat(32),
  passwords: createPasswords({ random, cost }),
};
const operators = createOperators(parts);
/** Another process on the same database. */
const restarted = createOperators(parts);
const commands = operatorsCommands(operators, audit.perform);

const STEP_MS = 30_000;
const MINUTE_MS = 60_000;
const WRONG = { code: "OPERATORS_CREDENTIALS_WRONG", status: 401 };

let count = 0;
const operate = async (...words: string[]) => JSON.parse(await runCommand(commands, words));

function anOperator(role: OperatorRole = "admin"): Promise<OperatorCredentials> {
  return operate("create", "--name", `ada-${++count}`, "--role", role);
}

/** The code that an app shows so many steps from now. */
function codeOf({ otpauthUri }: OperatorCredentials, steps = 0): string {
  return generateHOTP(secretOf(otpauthUri), BigInt(Math.floor(clock.now() / STEP_MS) + steps), 6);
}

const signIn = (credentials: OperatorCredentials, changes: { password?: string; code?: string; name?: string } = {}) =>
  operators.signIn({ name: credentials.name, password: credentials.password, code: codeOf(credentials), ...changes });

const bearer = (token: string) => operators.operatorOf({ authorization: `Bearer ${token}` });

/** A code that the app shows at none of the times around now. */
function wrongCode(credentials: OperatorCredentials): string {
  const right = [-2, -1, 0, 1, 2].map((steps) => codeOf(credentials, steps));
  return ["000000", "000001", "000002", "000003", "000004", "000005"].find((code) => !right.includes(code)) ?? "";
}

/** The middle of a step, so that a neighbour is a whole step away. */
beforeEach(() => clock.advance(STEP_MS - (clock.now() % STEP_MS) + STEP_MS / 2));

test("[OPERATORS1] name, password and code together sign in, and whatever is wrong has one answer", async () => {
  const credentials = await anOperator("support");
  const other = await anOperator();
  for (const wrong of [
    { password: other.password },
    { password: "" },
    { code: wrongCode(credentials) },
    { code: codeOf(other) === codeOf(credentials) ? wrongCode(credentials) : codeOf(other) },
    { name: "nobody" },
    { name: credentials.name.toUpperCase() },
  ]) {
    await expect(signIn(credentials, wrong)).rejects.toMatchObject({ ...WRONG, details: {} });
  }
  const { token, operator } = await signIn(credentials);
  expect(operator).toEqual({ id: credentials.id, name: credentials.name, role: "support" });
  expect(await bearer(token)).toMatchObject({ operatorId: credentials.id, name: credentials.name, role: "support" });
  expect((await audit.page({ actor: credentials.id, limit: 1 }))[0]).toMatchObject({ action: "operators.sign-in" });
});

test("[OPERATORS1] the codes are RFC 6238's", async () => {
  const credentials = await anOperator();
  expect(credentials.otpauthUri).toMatch(/^otpauth:\/\/totp\/Umpire:ada-\d+\?/);
  const { searchParams } = new URL(credentials.otpauthUri);
  expect(Object.fromEntries(searchParams)).toMatchObject({ issuer: "Umpire", digits: "6", period: "30" });
  // Appendix B, with eight digits cut to six.
  expect(generateHOTP(Buffer.from("12345678901234567890"), BigInt(Math.floor(1_111_111_109 / 30)), 6)).toBe("081804");
});

test("[OPERATORS2] S18: a code works once, and the codes beside it once each", async () => {
  const credentials = await anOperator();
  for (const steps of [0, -1, 1]) {
    const code = codeOf(credentials, steps);
    await signIn(credentials, { code });
    await expect(signIn(credentials, { code })).rejects.toMatchObject(WRONG);
  }
  const late = codeOf(credentials, 2);
  for (const steps of [-2, 2]) {
    const code = codeOf(credentials, steps);
    await expect(signIn(credentials, { code })).rejects.toMatchObject(WRONG);
  }
  clock.advance(STEP_MS);
  // It has come within a step, and the one that was beside has been used.
  await signIn(credentials, { code: late });
  await expect(signIn(credentials, { code: codeOf(credentials) })).rejects.toMatchObject(WRONG);
});

test("[OPERATORS2] S18: of fifty who show the same code at once, one gets in", async () => {
  const credentials = await anOperator();
  const code = codeOf(credentials);
  const attempts = Array.from({ length: 50 }, (_, n) =>
    (n % 2 === 0 ? operators : restarted).signIn({ ...credentials, code }),
  );
  const settled = await Promise.allSettled(attempts);
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  const sessions = await sql`select id from umpire.operator_sessions where operator_id = ${credentials.id}`;
  expect(sessions).toHaveLength(1);
});

test("[OPERATORS3] S18: whoever tries codes is stopped after ten, in every process, the right one included", async () => {
  const credentials = await anOperator();
  const tries = Array.from({ length: 200 }, (_, n) => {
    const code = wrongCode(credentials);
    return (n % 2 === 0 ? operators : restarted).signIn({ ...credentials, code }).catch((thrown) => thrown.code);
  });
  const codes = await Promise.all(tries);
  expect(codes.filter((code) => code === "OPERATORS_CREDENTIALS_WRONG").length).toBeLessThanOrEqual(10);
  expect(codes.filter((code) => code === "RATE_LIMITED" || code === "UNAVAILABLE").length).toBeGreaterThan(180);
  clock.advance(14 * MINUTE_MS);
  const refused = await signIn(credentials).catch((thrown) => thrown);
  expect(refused).toMatchObject({ code: "RATE_LIMITED", details: { retryAfterSeconds: 60 } });
  clock.advance(MINUTE_MS);
  const { token } = await signIn(credentials);
  expect(await bearer(token)).not.toBeNull();
  const rightOnes = [-1, 1].map((steps) => signIn(credentials, { code: codeOf(credentials, steps) }));
  await Promise.all(rightOnes);
});

test("[OPERATORS4] a session ends unused after 30 minutes, and used after 8 hours", async () => {
  const credentials = await anOperator();
  const { token } = await signIn(credentials);
  for (let minutes = 0; minutes + 29 < 8 * 60; minutes += 29) {
    clock.advance(29 * MINUTE_MS);
    expect(await bearer(token)).not.toBeNull();
  }
  clock.advance(29 * MINUTE_MS);
  expect(await bearer(token)).toBeNull();
  const unused = await signIn(credentials);
  clock.advance(30 * MINUTE_MS);
  expect(await bearer(unused.token)).toBeNull();
});

test("[OPERATORS4] signing out, being disabled and getting new credentials end every session", async () => {
  const credentials = await anOperator();
  const next = async (given: OperatorCredentials) => {
    clock.advance(STEP_MS);
    return (await signIn(given)).token;
  };
  const [one, other] = [await next(credentials), await next(credentials)];
  const principal = await bearer(one);
  if (principal === null) throw new Error("somebody is signed in");
  await operators.signOut(principal);
  expect([await bearer(one), (await bearer(other))?.name]).toEqual([null, credentials.name]);

  await operate("disable", "--name", credentials.name, "--reason", "has left");
  expect(await bearer(other)).toBeNull();
  await expect(next(credentials)).rejects.toMatchObject(WRONG);

  const renewed: OperatorCredentials = await operate("renew", "--name", credentials.name);
  expect(renewed.id).toBe(credentials.id);
  const token = await next(renewed);
  await expect(next(credentials)).rejects.toMatchObject(WRONG);
  await expect(signIn(renewed, { code: codeOf(credentials) })).rejects.toMatchObject(WRONG);
  await operate("renew", "--name", credentials.name);
  expect(await bearer(token)).toBeNull();
});

test.each(["disable", "renew"])("[OPERATORS4] %s while its operator is signing in leaves no session", async (verb) => {
  const credentials = await anOperator();
  const check: typeof parts.passwords.check = async (...given) => {
    const verdict = await parts.passwords.check(...given);
    await operate(verb, "--name", credentials.name);
    return verdict;
  };
  const overtaken = createOperators({ ...parts, passwords: { ...parts.passwords, check } });
  await expect(overtaken.signIn({ ...credentials, code: codeOf(credentials) })).rejects.toMatchObject(WRONG);
  expect(await sql`select 1 from umpire.operator_sessions where operator_id = ${credentials.id}`).toHaveLength(0);
});

test("[OPERATORS4] whoever is disabled in spite of a session is nobody", async () => {
  const other = await anOperator();
  const { token } = await signIn(other);
  await sql`update umpire.operators set disabled_at = ${clock.date()} where id = ${other.id}`;
  expect(await bearer(token)).toBeNull();
});

test("[OPERATORS5] neither a row nor a log line holds what signs in", async () => {
  const credentials = await anOperator();
  const { token } = await signIn(credentials);
  const stored = JSON.stringify([
    await sql`select * from umpire.operators`,
    await sql`select * from umpire.operator_sessions`,
    (await sql`select * from umpire.audit_log`).map((row) => ({ ...row, seq: null })),
    lines,
  ]);
  const secret = secretOf(credentials.otpauthUri);
  const base32 = new URL(credentials.otpauthUri).searchParams.get("secret") ?? "";
  for (const text of [token, token.slice(4), credentials.password, base32, Buffer.from(secret).toString("base64url")]) {
    expect(text.length).toBeGreaterThan(20);
    expect(stored).not.toContain(text);
  }
  for (const row of await sql<{ id: string }[]>`select id from umpire.operator_sessions`) {
    expect(await bearer(row.id)).toBeNull();
    expect(await bearer(`uop_${row.id.slice(4)}`)).toBeNull();
  }
});

test("[OPERATORS5] a secret moved to another operator's row, or read with another server's key, is worth nothing", async () => {
  const [thief, victim] = [await anOperator(), await anOperator("admin")];
  await sql`update umpire.operators set
    totp_secret = (select totp_secret from umpire.operators where id = ${thief.id}),
    password_hash = (select password_hash from umpire.operators where id = ${thief.id}) where id = ${victim.id}`;
  const attempt = operators.signIn({ name: victim.name, password: thief.password, code: codeOf(thief) });
  await expect(attempt).rejects.not.toMatchObject({ token: expect.anything() });
  const elsewhere = createOperators({ ...parts, secret: "t".repeat(32) });
  const foreign = elsewhere.signIn({ name: thief.name, password: thief.password, code: codeOf(thief) });
  await expect(foreign).rejects.not.toMatchObject({ token: expect.anything() });
});

test("[OPERATORS6] operators are made, renewed, disabled and listed at the command line, and written down", async () => {
  const made = await anOperator("economy");
  expect(made).toMatchObject({ role: "economy", password: expect.stringMatching(/^[\w-]{22}$/) });
  await expect(operate("create", "--name", made.name, "--role", "admin")).rejects.toMatchObject({
    code: "OPERATORS_NAME_TAKEN",
  });
  await operate("disable", "--name", made.name, "--reason", "has left");
  await operate("renew", "--name", made.name);
  const rows = await audit.page({ subject: made.id, limit: 10 });
  expect(rows.map(({ actor, action, reason }) => [actor, action, reason])).toEqual([
    ["shell", "operators.renew", "asked for at the shell"],
    ["shell", "operators.disable", "has left"],
    ["shell", "operators.create", "asked for at the shell"],
  ]);
  const list = (await runCommand(commands, ["operators"]))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(list).toContainEqual(expect.objectContaining({ id: made.id, role: "economy", disabledAt: null }));
  expect(JSON.stringify(list)).not.toMatch(/argon2|totp/);
  await expect(operate("disable", "--name", "nobody")).rejects.toMatchObject({ code: "OPERATORS_UNKNOWN" });
});

test.each([
  [["create"]],
  [["create", "--name", "Ada", "--role", "admin"]],
  [["create", "--name", "ada", "--role", "owner"]],
  [["create", "--name", "ada", "--role", "admin", "--reason", " "]],
  [["disable", "ada"]],
])("[OPERATORS6] %j is answered with how to say it", async (words) => {
  await expect(runCommand(commands, words)).rejects.toThrow(/Usage: npm run operator/);
});
