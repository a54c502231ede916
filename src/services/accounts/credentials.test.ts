import { decodeJwt } from "jose";
import { expect, test } from "vitest";
import type { SessionId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import type { Principal } from "../../platform/http.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { refuseGuessablePassword } from "./guessable-passwords.ts";
import { linkTokenHash } from "./links.ts";

const { db, sql } = await createTestDatabase();
const clock = new TestClock();
const open = createTestAccounts({ db, clock });
const confirmed = createTestAccounts({ db, clock, registration: "confirmed" });
const PASSWORD = "correct horse battery";
const OTHER = "another horse battery";
const MINUTE_MS = 60_000;

let count = 0;
const anEmail = () => `player-${++count}@example.com`;
const label = "vitest";

async function alive(token: string): Promise<Principal | null> {
  return open.accounts.principalOf({ authorization: `Bearer ${token}` });
}

async function aGuest() {
  const { token, account } = await open.accounts.createGuest({ label });
  const principal = await alive(token);
  if (principal === null) throw new Error("the session is over");
  return { token, account, principal };
}

async function aRegistered(email = anEmail()) {
  const guest = await aGuest();
  const signedIn = await open.accounts.register(guest.principal, { email, password: PASSWORD, label });
  if (signedIn === null) throw new Error("registration is not open");
  const principal = await alive(signedIn.token);
  if (principal === null) throw new Error("the session is over");
  return { email, token: signedIn.token, account: signedIn.account, principal };
}

const signIn = (email: string, password = PASSWORD) => open.accounts.signIn({ email, password, label, former: null });

async function code(attempt: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof attempt === "function" ? attempt() : attempt);
    return "";
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  }
}

/** What the mailed link holds. */
async function tokenFor(email: string, { letterTo } = open): Promise<string> {
  const letter = await letterTo(email);
  return /#[a-z-]+=([\w-]+)\n/.exec(letter)?.[1] ?? "";
}

async function aReset(email: string): Promise<string> {
  await open.accounts.requestPasswordReset({ email });
  return tokenFor(email);
}

const reset = (token: string, password = OTHER) => open.accounts.resetPassword({ token, password });
const COMMON = "ACCOUNTS_PASSWORD_COMMON";
const GONE = "ACCOUNTS_LINK_INVALID";

test.each(["password", "12345678", "PassWord1", "qwertyuiop", "1qaz2wsx3edc"])(
  "[CREDENTIALS1] %s is among the first that anybody tries",
  async (password) => {
    const owner = await aRegistered();
    const guest = await aGuest();
    expect(await code(open.accounts.register(guest.principal, { email: anEmail(), password, label }))).toBe(COMMON);
    const change = { currentPassword: PASSWORD, password, label };
    expect(await code(open.accounts.changePassword(owner.principal, change))).toBe(COMMON);
    const token = await aReset(owner.email);
    expect(await code(reset(token, password))).toBe(COMMON);
    // The link was not used up by a password that was not taken.
    expect(await code(reset(token))).toBe("");
  },
);

test("[CREDENTIALS1] an owner's address and name are no password, and nothing else is asked of one", async () => {
  const owner = { email: "ada.lovelace@example.org", displayName: "Countess of Lovelace" };
  for (const password of [owner.email, "Ada.Lovelace", "ADA.LOVELACE@EXAMPLE.ORG", "countess of lovelace"]) {
    expect(await code(() => refuseGuessablePassword(password, owner)), password).toBe(COMMON);
  }
  for (const password of ["        ", "lovelace at example", "ünïcödé", "jjjjjjjk2", "lowercase letters"]) {
    expect(await code(() => refuseGuessablePassword(password, owner)), password).toBe("");
  }
});

test("[CREDENTIALS1] at least the three thousand most common passwords of sufficient length are refused", async () => {
  const { dictionary } = await import("@zxcvbn-ts/language-common");
  const first = (dictionary["passwords-common"] ?? []).filter((password) => password.length >= 8).slice(0, 3000);
  expect(first).toHaveLength(3000);
  for (const password of first) {
    expect(() => refuseGuessablePassword(password, { email: "ada@example.org" }), password).toThrow();
  }
});

test("[CREDENTIALS2] a change needs the current password, renews this session and ends all others", async () => {
  const owner = await aRegistered();
  const other = await signIn(owner.email);
  const heard: [SessionId, SessionId | null][] = [];
  open.accounts.onSessionEnded((sessionId, successor) => void heard.push([sessionId, successor]));
  const wrong = { currentPassword: OTHER, password: "yet another horse", label };
  expect(await code(open.accounts.changePassword(owner.principal, wrong))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  expect(heard).toEqual([]);
  const change = { currentPassword: PASSWORD, password: OTHER, label };
  const otherSession = (await alive(other.token))?.sessionId;
  const renewed = await open.accounts.changePassword(owner.principal, change);
  const successor = (await alive(renewed.token))?.sessionId;
  expect(renewed.account).toEqual(owner.account);
  expect(heard.toSorted()).toEqual(
    [
      [otherSession, null],
      [owner.principal.sessionId, successor],
    ].toSorted(),
  );
  expect([await alive(owner.token), await alive(other.token)]).toEqual([null, null]);
  expect(await code(signIn(owner.email))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  expect(await code(signIn(owner.email, OTHER))).toBe("");
});

test("[CREDENTIALS2] of five changes at once one is carried out, and a guest has no password to change", async () => {
  const owner = await aRegistered();
  const attempts = ["first", "second", "third", "fourth", "fifth"].map((word) =>
    code(
      open.accounts.changePassword(owner.principal, {
        currentPassword: PASSWORD,
        password: `${word} new password`,
        label,
      }),
    ),
  );
  expect((await Promise.all(attempts)).filter((outcome) => outcome === "")).toHaveLength(1);
  expect(await open.accounts.listSessions(owner.principal)).toHaveLength(1);
  const guest = await aGuest();
  const change = { currentPassword: PASSWORD, password: OTHER, label };
  expect(await code(open.accounts.changePassword(guest.principal, change))).toBe("ACCOUNTS_NOT_REGISTERED");
});

test("[CREDENTIALS2] an open session may guess the password ten times in ten minutes", async () => {
  const owner = await aRegistered();
  const guess = () =>
    code(open.accounts.changePassword(owner.principal, { currentPassword: OTHER, password: "a new password", label }));
  const guesses = await Promise.all(Array.from({ length: 11 }, guess));
  expect(guesses.toSorted()).toEqual([...Array(10).fill("ACCOUNTS_CREDENTIALS_WRONG"), "RATE_LIMITED"]);
  clock.advance(10 * MINUTE_MS);
  expect(await guess()).toBe("ACCOUNTS_CREDENTIALS_WRONG");
});

test("[CREDENTIALS2] a sign-in under way with the old password is overtaken by the change", async () => {
  for (let round = 0; round < 5; round++) {
    const owner = await aRegistered();
    const change = { currentPassword: PASSWORD, password: OTHER, label };
    const racing = Promise.allSettled(Array.from({ length: 4 }, () => signIn(owner.email)));
    const renewed = await open.accounts.changePassword(owner.principal, change);
    await racing;
    const left = await open.accounts.listSessions((await alive(renewed.token)) ?? owner.principal);
    expect(left.map(({ isCurrent }) => isCurrent)).toEqual([true]);
  }
});

test("[CREDENTIALS4] S19: a reset works once, and of twenty at once one", async () => {
  const owner = await aRegistered();
  const token = await aReset(owner.email);
  expect(token).toMatch(/^[\w-]{43}$/);
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => code(reset(token, `${OTHER} ${index}`))));
  expect(outcomes.toSorted()).toEqual(["", ...Array(19).fill(GONE)]);
  expect(await code(reset(token))).toBe(GONE);
  expect(await code(signIn(owner.email, `${OTHER} ${outcomes.indexOf("")}`))).toBe("");
});

test("[CREDENTIALS4] S19: a reset lasts fifteen minutes of the server's time", async () => {
  const [late, inTime] = [await aRegistered(), await aRegistered()];
  const tokens = [await aReset(late.email), await aReset(inTime.email)];
  clock.advance(15 * MINUTE_MS - 3000);
  expect(await code(reset(tokens[1] ?? ""))).toBe("");
  clock.advance(3000);
  expect(await code(reset(tokens[0] ?? ""))).toBe(GONE);
  expect(await code(signIn(late.email))).toBe("");
  await open.accounts.endExpiredSessions();
  expect(await sql`select 1 from umpire.account_password_resets where account_id = ${late.account.id}`).toEqual([]);
});

test("[CREDENTIALS4] S19: only the newest link works, and none after a change of the password", async () => {
  const owner = await aRegistered();
  const older = await aReset(owner.email);
  const newer = await aReset(owner.email);
  expect(await code(reset(older))).toBe(GONE);
  await open.accounts.changePassword(owner.principal, { currentPassword: PASSWORD, password: OTHER, label });
  expect(await code(reset(newer, "yet another horse"))).toBe(GONE);
  expect(await code(signIn(owner.email, OTHER))).toBe("");
});

test("[CREDENTIALS4] S19: a link is worth nothing once the account has another address, or is gone", async () => {
  const [moved, deleted] = [await aRegistered(), await aRegistered()];
  const tokens = [await aReset(moved.email), await aReset(deleted.email)];
  await sql`update umpire.account_credentials set email = ${anEmail()} where account_id = ${moved.account.id}`;
  await open.accounts.deleteAccount(deleted.account.id);
  expect(await Promise.all(tokens.map((token) => code(reset(token))))).toEqual([GONE, GONE]);
});

test("[CREDENTIALS4] what the database holds of a link does not open anything", async () => {
  const owner = await aRegistered();
  const token = await aReset(owner.email);
  const [row] = await sql<{ hash: string; text: string }[]>`
    select token_hash as hash, to_jsonb(r)::text as text from umpire.account_password_resets r
    where account_id = ${owner.account.id}`;
  expect(row?.text).not.toContain(token);
  expect(await code(reset(row?.hash ?? ""))).toBe(GONE);
  expect(await code(reset(token))).toBe("");
});

test("[CREDENTIALS6] S19: no token serves at another door", async () => {
  const owner = await aRegistered();
  const guest = await aGuest();
  const resetToken = await aReset(owner.email);
  const email = anEmail();
  await confirmed.accounts.register(guest.principal, { email, password: PASSWORD, label });
  const registrationToken = await tokenFor(email, confirmed);
  const ticket = await open.accounts.issueTicket(owner.principal, { room: "arena" });
  const { device } = await signIn(owner.email);
  const tokens = [resetToken, registrationToken, ticket, device, owner.token, owner.principal.sessionId];
  for (const token of [resetToken, registrationToken, ticket, device]) {
    expect(await alive(token)).toBeNull();
    expect(await open.accounts.principalOf({ cookie: `umpire_session=${token}` })).toBeNull();
  }
  for (const token of tokens.filter((one) => one !== ticket)) {
    expect(await code(open.accounts.tickets.check(token, "arena"))).toBe("ACCOUNTS_TICKET_INVALID");
  }
  for (const token of tokens.filter((one) => one !== resetToken)) expect(await code(reset(token))).toBe(GONE);
  for (const token of tokens.filter((one) => one !== registrationToken)) {
    const attempt = { token, password: PASSWORD, label, former: null };
    expect(await code(confirmed.accounts.confirmRegistration(attempt))).toBe(GONE);
  }
  // Even a row that was moved from one table to the other opens nothing there.
  const hash = linkTokenHash("registration", registrationToken);
  await sql`update umpire.account_password_resets set token_hash = ${hash} where account_id = ${owner.account.id}`;
  expect(await code(reset(registrationToken))).toBe(GONE);
});

test("[CREDENTIALS7] S15: a reset ends every session of the account, tells who listens, and signs nobody in", async () => {
  const owner = await aRegistered();
  const other = await signIn(owner.email);
  const bystander = await aRegistered();
  const sessions = [owner.principal.sessionId, (await alive(other.token))?.sessionId];
  const heard: [SessionId, SessionId | null][] = [];
  open.accounts.onSessionEnded((sessionId, successor) => void heard.push([sessionId, successor]));
  expect(await reset(await aReset(owner.email))).toBeUndefined();
  expect(heard.toSorted()).toEqual(sessions.map((sessionId) => [sessionId, null]).toSorted());
  expect([await alive(owner.token), await alive(other.token)]).toEqual([null, null]);
  expect(await alive(bystander.token)).not.toBeNull();
  expect(await code(signIn(owner.email))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  expect(await code(signIn(owner.email, OTHER))).toBe("");
});

test("[CREDENTIALS3] a reset is mailed to an address that has an account and to no other, three times in a quarter of an hour", async () => {
  const owner = await aRegistered();
  const nobody = anEmail();
  for (const email of [owner.email, nobody]) {
    const asked = Array.from({ length: 4 }, () => code(() => open.accounts.requestPasswordReset({ email })));
    expect(await Promise.all(asked)).toEqual(["", "", "", "RATE_LIMITED"]);
  }
  for (let index = 0; index < 3; index++) {
    expect(await open.letterTo(owner.email)).toContain("https://game.test/#password-reset=");
  }
  expect(open.letters.filter((letter) => letter.includes(nobody))).toEqual([]);
  clock.advance(15 * MINUTE_MS);
  await open.accounts.requestPasswordReset({ email: owner.email.toUpperCase() });
  await open.letterTo(owner.email);
});

async function aPending(email = anEmail()) {
  const guest = await aGuest();
  const pending = await confirmed.accounts.register(guest.principal, { email, password: PASSWORD, label });
  expect(pending).toBeNull();
  return { ...guest, email };
}

const confirm = (token: string, password = PASSWORD, former: Principal | null = null) =>
  confirmed.accounts.confirmRegistration({ token, password, label, former });

test("[CREDENTIALS8] S17: only the mailbox is told that an address is taken, and the guest stays one until the link", async () => {
  const owner = await aRegistered();
  const pending = await aPending(owner.email);
  const letter = await confirmed.letterTo(owner.email);
  expect(letter).toContain("You already have an account");
  expect(letter).not.toContain("#registration");
  expect((await open.accounts.me(pending.account.id)).kind).toBe("guest");
  expect(await alive(pending.token)).toEqual(pending.principal);
  const free = await aPending();
  expect(await confirmed.letterTo(free.email)).toContain("https://game.test/#registration=");
  expect(await code(signIn(free.email))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
});

test("[CREDENTIALS9] the link and the password together complete a registration, and the account keeps its id", async () => {
  const guest = await aPending();
  const token = await tokenFor(guest.email, confirmed);
  const heard: [SessionId, SessionId | null][] = [];
  confirmed.accounts.onSessionEnded((sessionId, successor) => void heard.push([sessionId, successor]));
  expect(await code(confirm(token, OTHER))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  expect(await alive(guest.token)).toEqual(guest.principal);
  const signedIn = await confirm(token);
  expect(signedIn.account).toEqual({ ...guest.account, kind: "registered" });
  const successor = (await alive(signedIn.token))?.sessionId;
  expect(heard).toEqual([[guest.principal.sessionId, successor]]);
  expect(await alive(guest.token)).toBeNull();
  expect(await code(confirm(token))).toBe(GONE);
  expect(await code(signIn(guest.email))).toBe("");
});

test("[CREDENTIALS9] a link lasts fifteen minutes, only the newest works, and of many at once one", async () => {
  const late = await aPending();
  const lateToken = await tokenFor(late.email, confirmed);
  clock.advance(15 * MINUTE_MS);
  expect(await code(confirm(lateToken))).toBe(GONE);
  const guest = await aPending();
  const older = await tokenFor(guest.email, confirmed);
  await confirmed.accounts.register(guest.principal, { email: guest.email, password: OTHER, label });
  const newer = await tokenFor(guest.email, confirmed);
  expect(await code(confirm(older))).toBe(GONE);
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => code(confirm(newer, OTHER))));
  expect(outcomes.toSorted()).toEqual(["", ...Array(9).fill(GONE)]);
});

test("[CREDENTIALS9] of two who may have the same address by mail, the first has it", async () => {
  const email = anEmail();
  const [one, two] = [await aPending(email), await aPending(email)];
  const tokens = [await tokenFor(email, confirmed), await tokenFor(email, confirmed)];
  const outcomes = await Promise.all(tokens.map((token) => code(confirm(token))));
  expect(outcomes.toSorted()).toEqual(["", "ACCOUNTS_EMAIL_TAKEN"]);
  const kinds = await Promise.all([one, two].map(async ({ account }) => (await open.accounts.me(account.id)).kind));
  expect(kinds.toSorted()).toEqual(["guest", "registered"]);
});

test("[CREDENTIALS9] who confirms leaves the session behind that came along", async () => {
  const guest = await aPending();
  const stranger = await aGuest();
  await confirm(await tokenFor(guest.email, confirmed), PASSWORD, stranger.principal);
  expect(await alive(stranger.token)).toBeNull();
  expect(await alive(guest.token)).toBeNull();
});

test("[CREDENTIALS11] a device's token names nobody and is good for its address alone, for half a year", async () => {
  const [owner, other] = [await aRegistered(), await aRegistered()];
  const { device } = await signIn(owner.email);
  expect(JSON.stringify(decodeJwt(device))).not.toMatch(/player-|acc_/);
  const attempt = (email: string, given: string) =>
    code(open.accounts.signIn({ email, password: PASSWORD, device: given, label, former: null }));
  const useUp = (email: string) => Promise.all(Array.from({ length: 30 }, () => code(signIn(email, "x"))));
  await useUp(owner.email);
  await useUp(other.email);
  clock.advance(MINUTE_MS);
  expect(await attempt(owner.email, device)).toBe("");
  expect(await attempt(other.email, device)).toBe("RATE_LIMITED");
  expect(await attempt(owner.email, `${device.slice(0, -2)}AA`)).toBe("RATE_LIMITED");
  expect(await attempt(owner.email, "")).toBe("RATE_LIMITED");
  clock.advance(181 * 24 * 60 * MINUTE_MS);
  await useUp(owner.email);
  clock.advance(MINUTE_MS);
  expect(await attempt(owner.email, device)).toBe("RATE_LIMITED");
}, 60_000);
