import { expect, test } from "vitest";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { databaseError } from "../../platform/database.ts";
import { runCommand } from "../../platform/operator.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createAudit } from "../audit/service.ts";
import { accountsCommands } from "./operator.ts";

const { db, sql } = await createTestDatabase();
const clock = new TestClock();
const { accounts, parts } = createTestAccounts({ db, clock });
const DAY_MS = 24 * 60 * 60_000;
const PASSWORD = "correct horse battery";

const ended: { sessionId: SessionId; reason: string }[] = [];
accounts.onSessionEnded((sessionId, _successor, reason) => void ended.push({ sessionId, reason }));

let count = 0;

async function aGuest() {
  const { token, account } = await accounts.createGuest({ label: "vitest" });
  const principal = await accounts.principalOf({ authorization: `Bearer ${token}` });
  if (principal === null) throw new Error("a guest is signed in");
  return { accountId: account.id, token, principal };
}

async function aRegistered() {
  const { accountId, principal } = await aGuest();
  const email = `player-${++count}@example.com`;
  await accounts.register(principal, { email, password: PASSWORD, label: "vitest" });
  return { accountId, email };
}

function ban(accountId: AccountId, order: { days?: number; reason?: string; sentence?: string } = {}) {
  return accounts.ban({ accountId, reason: "aimbot", sentence: "You used an aimbot.", days: null, ...order });
}

function signIn(email: string, password = PASSWORD) {
  return accounts.signIn({ email, password, label: "vitest", former: null });
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "",
    (thrown) => thrown.code ?? String(thrown),
  );
}

const sessionsOf = (accountId: AccountId) => sql`select id from umpire.account_sessions where user_id = ${accountId}`;

test("[BAN1] a ban ends every session of the account, with its tickets, and says why to whoever listens", async () => {
  const { accountId, token, principal } = await aGuest();
  const ticket = await accounts.issueTicket(principal, { room: "arena" });
  const bystander = await aGuest();
  await ban(accountId);
  expect(await sessionsOf(accountId)).toHaveLength(0);
  expect(ended).toContainEqual({ sessionId: principal.sessionId, reason: "banned" });
  expect(await accounts.principalOf({ authorization: `Bearer ${token}` })).toBeNull();
  expect(await codeOf(accounts.tickets.check(ticket, "arena"))).toBe("ACCOUNTS_TICKET_INVALID");
  expect(await sessionsOf(bystander.accountId)).toHaveLength(1);
});

test("[BAN1] while it lasts nothing opens a session, and only the right password is told so", async () => {
  const { accountId, email } = await aRegistered();
  const { expiresAt } = await ban(accountId, { days: 7 });
  const refused = await signIn(email).catch((thrown) => thrown);
  const details = { sentence: "You used an aimbot.", until: expiresAt?.toISOString() };
  expect(refused).toMatchObject({ code: "ACCOUNTS_BANNED", status: 403, details });
  expect(await codeOf(signIn(email, "wrong password"))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  const { principal } = await aGuest();
  await ban(principal.accountId);
  const registration = { email: "late@example.com", password: PASSWORD, label: "vitest" };
  expect(await codeOf(accounts.register(principal, registration))).toBe("ACCOUNTS_BANNED");
  expect(await sessionsOf(principal.accountId)).toHaveLength(0);
});

test("[BAN2] a ban is over at its end by the server's clock, or when it is lifted, and not before", async () => {
  const { accountId, email } = await aRegistered();
  await ban(accountId, { days: 2 });
  clock.advance(2 * DAY_MS - 1);
  expect(await codeOf(signIn(email))).toBe("ACCOUNTS_BANNED");
  clock.advance(1);
  expect(await codeOf(signIn(email))).toBe("");
  expect(await accounts.unban(accountId)).toBeNull();

  await ban(accountId);
  clock.advance(10_000 * DAY_MS);
  expect(await codeOf(signIn(email))).toBe("ACCOUNTS_BANNED");
  expect(await accounts.unban(accountId)).toMatchObject({ accountId, liftedAt: clock.date() });
  expect(await codeOf(signIn(email))).toBe("");
  expect(await accounts.unban(accountId)).toBeNull();
});

test("[BAN2] a new ban takes the place of the one before, longer or shorter", async () => {
  const { accountId, email } = await aRegistered();
  const first = await ban(accountId);
  clock.advance(1);
  const second = await ban(accountId, { days: 1 });
  const [latest, before] = await accounts.listBans({ accountId, limit: 10 });
  expect(latest).toEqual(second);
  expect(before).toEqual({ ...first, liftedAt: second.bannedAt });
  clock.advance(DAY_MS);
  expect(await codeOf(signIn(email))).toBe("");
});

test("[BAN2] of ten bans at once one is in force, and lists come in pages, newest first", async () => {
  const { accountId } = await aGuest();
  await Promise.all(Array.from({ length: 10 }, (_, index) => ban(accountId, { days: index + 1 })));
  const bans = await accounts.listBans({ accountId, limit: 100 });
  expect(bans).toHaveLength(10);
  expect(bans.filter(({ liftedAt }) => liftedAt === null)).toHaveLength(1);
  expect(bans.map(({ id }) => id)).toEqual(
    bans
      .map(({ id }) => id)
      .sort()
      .reverse(),
  );
  const page = await accounts.listBans({ accountId, before: bans[3]?.id, limit: 3 });
  expect(page).toEqual(bans.slice(4, 7));
  expect(await codeOf(ban("acc_00000000000000000000000000"))).toBe("ACCOUNTS_UNKNOWN");
  expect(await codeOf(accounts.unban("acc_00000000000000000000000000"))).toBe("ACCOUNTS_UNKNOWN");
});

test("[BAN3] a ban and six sign-ins at the same moment leave no session behind", async () => {
  for (let round = 0; round < 2; round++) {
    const { accountId, email } = await aRegistered();
    const attempts = Array.from({ length: 6 }, () => codeOf(signIn(email)));
    await attempts[0];
    await ban(accountId);
    for (const code of await Promise.all(attempts)) expect(["", "ACCOUNTS_BANNED"]).toContain(code);
    expect(await sessionsOf(accountId)).toHaveLength(0);
  }
});

test("[BAN4] Postgres refuses a second ban in force, one that ends before it begins, and one that says nothing", async () => {
  const { accountId } = await aGuest();
  const { id, ...row } = await ban(accountId);
  const values = { ...row, id: parts.ids.mint("ban"), liftedAt: clock.date() };
  const insert = (changes: object) => {
    const { bannedAt, expiresAt, liftedAt, ...rest } = { ...values, ...changes };
    return sql`insert into umpire.account_bans (id, account_id, reason, sentence, banned_at, expires_at, lifted_at)
      values (${rest.id}, ${rest.accountId}, ${rest.reason}, ${rest.sentence}, ${bannedAt}, ${expiresAt}, ${liftedAt})`;
  };
  const refusal = async (changes: object) => databaseError(await insert(changes).catch((thrown) => thrown))?.constraint;
  const before = new Date(clock.now() - 1);
  expect(await refusal({ liftedAt: null })).toBe("account_bans_one_in_force");
  expect(await refusal({ expiresAt: before })).toBe("account_bans_times");
  expect(await refusal({ liftedAt: before })).toBe("account_bans_times");
  expect(await refusal({ sentence: "" })).toBe("account_bans_sentence");
  expect(await refusal({ reason: "x".repeat(1001) })).toBe("account_bans_reason");
  expect(await refusal({ id })).toBe("account_bans_pkey");
  expect(await refusal({})).toBeUndefined();
});

const audit = createAudit(parts);
const commands = accountsCommands(accounts, audit.perform);
const operate = async (...words: string[]) => {
  const output = await runCommand(commands, words);
  return output === ""
    ? []
    : output
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
};

test("[BAN5] an operator bans, unbans and lists at the command line", async () => {
  const { accountId, email } = await aRegistered();
  const [ban] = await operate(
    "ban",
    accountId,
    "--reason",
    "spam\u001b[31m",
    "--sentence",
    "No spam.",
    "--days",
    "0.5",
  );
  const until = new Date(clock.now() + DAY_MS / 2).toISOString();
  expect(ban).toMatchObject({ accountId, reason: "spam\u001b[31m", sentence: "No spam.", expiresAt: until });
  expect(await runCommand(commands, ["bans", accountId])).not.toContain("\u001b");
  expect(await codeOf(signIn(email))).toBe("ACCOUNTS_BANNED");
  expect(await operate("bans", accountId)).toEqual([ban]);
  expect((await operate("bans")).length).toBeGreaterThan(1);
  expect(await operate("unban", accountId)).toMatchObject([{ id: ban.id }]);
  expect(await operate("unban", accountId)).toEqual([null]);
  expect(await codeOf(signIn(email))).toBe("");
  const [forGood] = await operate("ban", accountId, "--reason", "again");
  expect(forGood).toMatchObject({ expiresAt: null, sentence: "This account is suspended." });
});

test("[AUDIT7] what is done at the command line is written down as the shell's, and what is not done is not", async () => {
  const { accountId } = await aGuest();
  await operate("ban", accountId, "--reason", "aimbot", "--days", "7");
  await operate("unban", accountId, "--reason", "a mistake");
  await operate("unban", accountId);
  await operate("export-account", accountId);
  await operate("delete-account", accountId, "--reason", "by letter");
  await expect(operate("ban", accountId, "--reason", "gone")).rejects.toMatchObject({ code: "ACCOUNTS_UNKNOWN" });
  const rows = await audit.page({ subject: accountId, limit: 100 });
  expect(rows.map(({ actor, action, reason }) => [actor, action, reason]).reverse()).toEqual([
    ["shell", "accounts.ban", "aimbot"],
    ["shell", "accounts.unban", "a mistake"],
    ["shell", "accounts.unban", "asked for at the shell"],
    ["shell", "accounts.export", "asked for at the shell"],
    ["shell", "accounts.delete", "by letter"],
  ]);
  expect(rows[4]?.details).toEqual({ banId: expect.stringMatching(/^ban_/), days: 7 });
  expect((await audit.verify()).broken).toBeNull();
});

test.each([
  [[]],
  [["pardon"]],
  [["ban"]],
  [["ban", "somebody", "--reason", "x"]],
  [["ban", "acc_00000000000000000000000000"]],
  [["ban", "acc_00000000000000000000000000", "--reason", " "]],
  [["ban", "acc_00000000000000000000000000", "--reason", "x", "--days", "0"]],
  [["ban", "acc_00000000000000000000000000", "--reason", "x", "--days", "soon"]],
  [["ban", "acc_00000000000000000000000000", "--reason", "x", "--sentence", "y".repeat(201)]],
  [["ban", "acc_00000000000000000000000000", "--because", "x"]],
  [["unban", "acc_00000000000000000000000000", "acc_00000000000000000000000000"]],
])("[BAN5] %j is answered with how to say it", async (words) => {
  await expect(runCommand(commands, words)).rejects.toThrow(/Usage: npm run operator/);
});
