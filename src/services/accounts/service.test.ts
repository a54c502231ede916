import { hkdfSync } from "node:crypto";
import { parseOptions } from "@node-rs/argon2";
import { decodeJwt, SignJWT } from "jose";
import { expect, test } from "vitest";
import type { SessionId } from "../../../schema/ids.ts";
import { TestClock } from "../../platform/clock.ts";
import { databaseError, openDatabase, type Tx } from "../../platform/database.ts";
import { createErrorTranslator } from "../../platform/errors.ts";
import type { Principal } from "../../platform/http.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { cryptoRandom as random } from "../../platform/random.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { createPasswords, owaspCost } from "./passwords.ts";
import { createAccounts } from "./service.ts";
import { createSessions } from "./sessions.ts";

const { db, sql } = await createTestDatabase();
const DAY_MS = 24 * 60 * 60_000;
const PASSWORD = "correct horse battery";

const clock = new TestClock();
const ids = createIds({ clock, random });
const lines: string[] = [];
const log = createLog({ level: "debug", destination: { write: (line) => void lines.push(line) } });
const { accounts, parts } = createTestAccounts({ db, clock, log });

/** All that must not be in the log: asked for by the last test. */
const secrets: string[] = [PASSWORD];
const ended: SessionId[] = [];
accounts.onSessionEnded((sessionId) => void ended.push(sessionId));

let count = 0;
function anEmail(): string {
  const email = `player-${++count}@example.com`;
  secrets.push(email);
  return email;
}

async function principal(token: string): Promise<Principal | null> {
  secrets.push(token);
  return accounts.principalOf({ authorization: `Bearer ${token}` });
}

async function alive(token: string): Promise<Principal> {
  const found = await principal(token);
  if (found === null) throw new Error("the session is over");
  return found;
}

async function aGuest() {
  const { token, account } = await accounts.createGuest({ label: "vitest" });
  return { token, account, principal: await alive(token) };
}

/** Registers where that is open, so that it is done at once. */
async function register(...registration: Parameters<typeof accounts.register>) {
  const signedIn = await accounts.register(...registration);
  if (signedIn === null) throw new Error("registration is not open");
  return signedIn;
}

async function aRegistered(password = PASSWORD) {
  const guest = await aGuest();
  const email = anEmail();
  const { token, account } = await register(guest.principal, { email, password, label: "vitest" });
  return { email, token, account, principal: await alive(token) };
}

function signIn(email: string, password = PASSWORD, former: SessionId | null = null) {
  return accounts.signIn({ email, password, label: "vitest", former });
}

/** The codes that these attempts failed with; an empty string for success. */
async function codes(attempts: readonly Promise<unknown>[]): Promise<string[]> {
  const results = await Promise.allSettled(attempts);
  return results.map((result) => (result.status === "fulfilled" ? "" : (result.reason.code ?? String(result.reason))));
}

test("[ACCOUNTS1] a guest has a name, a kind and a token that says who it is", async () => {
  const { token, account, expiresAt } = await accounts.createGuest({ label: "vitest" });
  expect(account).toMatchObject({ kind: "guest", createdAt: clock.date() });
  expect(account.displayName).toMatch(/^[A-Z][a-z]+ [A-Z][a-z]+$/);
  expect(account.displayName.length).toBeLessThanOrEqual(24);
  expect(expiresAt.getTime()).toBe(clock.now() + 30 * DAY_MS);
  expect(await principal(token)).toMatchObject({ accountId: account.id, via: "bearer" });
  expect(await accounts.me(account.id)).toEqual(account);
});

test("[ACCOUNTS1] a bearer comes before the cookie, and a wrong bearer is not made good by one", async () => {
  const [one, other] = [await aGuest(), await aGuest()];
  const asked = (headers: Record<string, string>) => accounts.principalOf(headers);
  const cookie = `theme=dark; umpire_session=${one.token}; lang=en`;
  expect(await asked({ cookie })).toEqual({ ...one.principal, via: "cookie" });
  expect(await asked({ cookie, authorization: `bearer ${other.token}` })).toEqual(other.principal);
  expect(await asked({ cookie, authorization: "Bearer nobody" })).toBeNull();
  expect(await asked({ cookie, authorization: `Basic ${one.token}` })).toBeNull();
});

test("[ACCOUNTS1] what is not a token says nobody", async () => {
  const a = "a".repeat(40);
  for (const token of ["", " ", "nobody", a, a.toUpperCase(), `${a.slice(1)}'`, "x".repeat(8000), "ses_", "null"]) {
    expect(await principal(token), token).toBeNull();
  }
});

test("[ACCOUNTS2] registering keeps the account and happens once", async () => {
  const guest = await aGuest();
  const registration = { email: anEmail(), password: PASSWORD, displayName: "Ada", label: "vitest" };
  const { account, token } = await register(guest.principal, registration);
  expect(account).toEqual({ ...guest.account, kind: "registered", displayName: "Ada" });
  const again = { ...registration, email: anEmail() };
  expect(await codes([accounts.register(await alive(token), again)])).toEqual(["ACCOUNTS_ALREADY_REGISTERED"]);
  expect(await codes([accounts.register(await alive(token), registration)])).toEqual(["ACCOUNTS_ALREADY_REGISTERED"]);
  expect(await codes([signIn(again.email)])).toEqual(["ACCOUNTS_CREDENTIALS_WRONG"]);
});

test("[ACCOUNTS2] an address that is taken leaves the guest as it was", async () => {
  const { email } = await aRegistered();
  const guest = await aGuest();
  const registration = { email: email.toUpperCase(), password: PASSWORD, label: "vitest" };
  expect(await codes([accounts.register(guest.principal, registration)])).toEqual(["ACCOUNTS_EMAIL_TAKEN"]);
  expect(await principal(guest.token)).toEqual(guest.principal);
  expect(await accounts.me(guest.account.id)).toEqual(guest.account);
  expect(ended).not.toContain(guest.principal.sessionId);
});

test("[ACCOUNTS2] of twenty who want an address at once, one gets it", async () => {
  const guests = await Promise.all(Array.from({ length: 20 }, aGuest));
  const email = anEmail();
  const attempts = guests.map((guest, index) => {
    const spelled = index % 2 === 0 ? email : email.toUpperCase();
    return accounts.register(guest.principal, { email: spelled, password: PASSWORD, label: "vitest" });
  });
  expect((await codes(attempts)).sort()).toEqual(["", ...Array(19).fill("ACCOUNTS_EMAIL_TAKEN")]);
});

test("[ACCOUNTS2] one guest who registers twenty times at once does so once", async () => {
  const guest = await aGuest();
  const attempts = Array.from({ length: 20 }, () =>
    accounts.register(guest.principal, { email: anEmail(), password: PASSWORD, label: "vitest" }),
  );
  expect((await codes(attempts)).filter((code) => code === "")).toHaveLength(1);
  const rows = await sql`select email from umpire.account_credentials where account_id = ${guest.account.id}`;
  expect(rows).toHaveLength(1);
  expect(await sql`select id from umpire.account_sessions where user_id = ${guest.account.id}`).toHaveLength(1);
});

test("[ACCOUNTS3] a password is asked for exactly as it was given", async () => {
  const password = " Pässwörd 🔑 ";
  secrets.push(password);
  const { email, account } = await aRegistered(password);
  expect((await signIn(email.toUpperCase(), password)).account).toEqual(account);
  const wrong = [password.trim(), password.normalize("NFD"), password.toLowerCase(), `${password} `, ""];
  const refused = await codes(wrong.map((attempt) => signIn(email, attempt)));
  expect(refused).toEqual(wrong.map(() => "ACCOUNTS_CREDENTIALS_WRONG"));
});

test("[ACCOUNTS3] a password stored at another cost is stored anew by the next sign-in, and only by a right one", async () => {
  const { email, account } = await aRegistered();
  const stored = async () => {
    const rows = await sql<{ hash: string }[]>`
      select password_hash as hash from umpire.account_credentials where account_id = ${account.id}`;
    return rows[0]?.hash ?? "";
  };
  const old = await createPasswords({ random, cost: { ...owaspCost, memoryCost: 8192 } }).hash(PASSWORD);
  await sql`update umpire.account_credentials set password_hash = ${old} where account_id = ${account.id}`;
  expect(await codes([signIn(email, "wrong password")])).toEqual(["ACCOUNTS_CREDENTIALS_WRONG"]);
  expect(await stored()).toBe(old);
  await signIn(email);
  expect(parseOptions(await stored())).toMatchObject({ memoryCost: owaspCost.memoryCost });
  expect(await codes([signIn(email)])).toEqual([""]);
});

test("[ACCOUNTS4] a wrong password, an unknown address and a guest's lack of one are told alike", async () => {
  const { email } = await aRegistered();
  const attempts = [signIn(email, "wrong password"), signIn(anEmail()), signIn("' or 1=1 --"), signIn("")];
  expect(await codes(attempts)).toEqual(attempts.map(() => "ACCOUNTS_CREDENTIALS_WRONG"));
});

test("[ACCOUNTS4] an address can be tried thirty times, whether anybody has it or not", async () => {
  const { email, token } = await aRegistered();
  for (const address of [email, anEmail()]) {
    const guesses = await codes(Array.from({ length: 31 }, (_, index) => signIn(address, `wrong password ${index}`)));
    expect(guesses.sort()).toEqual([...Array(30).fill("ACCOUNTS_CREDENTIALS_WRONG"), "RATE_LIMITED"]);
    expect(await codes([signIn(address.toUpperCase())])).toEqual(["RATE_LIMITED"]);
  }
  expect(await principal(token)).not.toBeNull();
});

test("[ACCOUNTS6] nothing that the database holds signs anybody in", async () => {
  const { token, email, principal: player } = await aRegistered();
  const dump = await sql<{ row: string }[]>`
    select to_jsonb(a)::text as row from umpire.accounts a
    union all select to_jsonb(c)::text from umpire.account_credentials c
    union all select to_jsonb(s)::text from umpire.account_sessions s`;
  const text = dump.map(({ row }) => row).join("\n");
  expect(text).toContain(player.sessionId);
  expect(text).not.toContain(token);
  expect(text).not.toContain(PASSWORD);
  const values = dump.flatMap(({ row }) => Object.values(JSON.parse(row) as Record<string, string>));
  for (const value of new Set(values.flatMap((whole) => [whole, whole.replace(/^ses_/, "")]))) {
    const sent = value.replace(/[^\x21-\x7e]/g, "");
    expect(await accounts.principalOf({ authorization: `Bearer ${sent}` })).toBeNull();
    expect(await accounts.principalOf({ cookie: `umpire_session=${sent}` })).toBeNull();
  }
  const [row] = await sql<{ hash: string }[]>`
    select password_hash as hash from umpire.account_credentials where account_id = ${player.accountId}`;
  expect(await codes([signIn(email, row?.hash)])).toEqual(["ACCOUNTS_CREDENTIALS_WRONG"]);
});

test("[ACCOUNTS6] the database itself refuses a session under its token", async () => {
  const { token, principal: player } = await aGuest();
  const refused = await sql`
    update umpire.account_sessions set id = ${token} where id = ${player.sessionId}`.catch(databaseError);
  expect(refused).toEqual({ code: "23514", constraint: "account_sessions_id" });
});

test("[ACCOUNTS7] a session that is not used ends, and one that is used does not", async () => {
  const [used, unused] = [await aGuest(), await aGuest()];
  clock.advance(16 * DAY_MS);
  expect(await principal(used.token)).toEqual(used.principal);
  clock.advance(14 * DAY_MS - 1000);
  expect(await accounts.listSessions(unused.principal)).toHaveLength(1);
  clock.advance(2000);
  expect(await accounts.listSessions(unused.principal)).toHaveLength(0);
  expect(await principal(unused.token)).toBeNull();
  expect(await principal(used.token)).toEqual(used.principal);
});

test("[ACCOUNTS7] a session in use every day ends ninety days after it began", async () => {
  const { token } = await aGuest();
  for (let day = 1; day < 90; day++) {
    clock.advance(DAY_MS);
    expect(await principal(token), `day ${day}`).not.toBeNull();
  }
  clock.advance(DAY_MS - 1000);
  expect(await principal(token)).not.toBeNull();
  clock.advance(2000);
  expect(await principal(token)).toBeNull();
});

test("[ACCOUNTS7] use is written down every ten minutes, not at every request", async () => {
  const { token, principal: player } = await aGuest();
  const seen = async () => (await accounts.listSessions(player))[0]?.lastSeenAt.getTime();
  const begin = clock.now();
  clock.advance(9 * 60_000);
  await alive(token);
  expect(await seen()).toBe(begin);
  clock.advance(60_000);
  await alive(token);
  expect(await seen()).toBe(clock.now());
});

test("[ACCOUNTS8] registering ends the guest's session and gives a new one", async () => {
  const guest = await aGuest();
  const registration = { email: anEmail(), password: PASSWORD, label: "vitest" };
  const { token } = await register(guest.principal, registration);
  expect(token).not.toBe(guest.token);
  expect(await principal(guest.token)).toBeNull();
  expect((await alive(token)).accountId).toBe(guest.account.id);
  expect(await accounts.listSessions(await alive(token))).toHaveLength(1);
});

test("[ACCOUNTS8] a session that ended meanwhile cannot register its account", async () => {
  const guest = await aGuest();
  await accounts.signOut(guest.principal);
  const registration = { email: anEmail(), password: PASSWORD, label: "vitest" };
  expect(await codes([accounts.register(guest.principal, registration)])).toEqual(["UNAUTHENTICATED"]);
  expect((await accounts.me(guest.account.id)).kind).toBe("guest");
});

test("[ACCOUNTS8] signing in ends the session that came along, and only when it succeeds", async () => {
  const { email, token, principal: former } = await aRegistered();
  await codes([signIn(email, "wrong password", former.sessionId)]);
  expect(await principal(token)).toEqual(former);
  const next = await signIn(email, PASSWORD, former.sessionId);
  expect(next.token).not.toBe(token);
  expect(await principal(token)).toBeNull();
  expect(await principal(next.token)).not.toBeNull();
});

test("[ACCOUNTS9] a player sees own sessions, newest first, with this one marked", async () => {
  const { email, principal: player } = await aRegistered();
  clock.advance(1000);
  const label = `Mozilla/5.0 ${"\u202e"}${"x".repeat(300)}`;
  await accounts.signIn({ email, password: PASSWORD, label, former: null });
  await aGuest();
  const list = await accounts.listSessions(player);
  expect(list.map(({ isCurrent }) => isCurrent)).toEqual([false, true]);
  expect(list[0]?.label).toBe(label.replace("\u202e", "").slice(0, 100));
  expect(list[1]).toMatchObject({ sessionId: player.sessionId, label: "vitest" });
});

test("[ACCOUNTS9] nobody ends another's session", async () => {
  const [one, other] = [await aGuest(), await aGuest()];
  const attempts = [accounts.endSession(one.principal, other.principal.sessionId)];
  expect(await codes(attempts)).toEqual(["ACCOUNTS_SESSION_UNKNOWN"]);
  expect(await accounts.endOtherSessions(one.principal)).toBe(0);
  await accounts.signOut({ ...one.principal, sessionId: other.principal.sessionId });
  expect(await principal(other.token)).toEqual(other.principal);
});

test("[ACCOUNTS9] a player ends one session, all others, or this one", async () => {
  const { email, token, principal: player } = await aRegistered();
  const tokens = [(await signIn(email)).token, (await signIn(email)).token, (await signIn(email)).token];
  const first = await alive(tokens[0] ?? "");
  await accounts.endSession(player, first.sessionId);
  expect(await codes([accounts.endSession(player, first.sessionId)])).toEqual(["ACCOUNTS_SESSION_UNKNOWN"]);
  expect(await Promise.all(tokens.map(principal))).toEqual([null, expect.anything(), expect.anything()]);
  expect(await accounts.endOtherSessions(player)).toBe(2);
  expect(await Promise.all(tokens.map(principal))).toEqual([null, null, null]);
  expect(await principal(token)).toEqual(player);
  await accounts.signOut(player);
  expect(await principal(token)).toBeNull();
});

test("[ACCOUNTS10] listeners hear of every session that ends, once, and after it has", async () => {
  const { email, principal: player } = await aRegistered();
  const [second, third] = [await alive((await signIn(email)).token), await alive((await signIn(email)).token)];
  const heard: SessionId[] = [];
  accounts.onSessionEnded((sessionId) => void heard.push(sessionId));
  await accounts.endSession(player, second.sessionId);
  expect(heard).toEqual([second.sessionId]);
  await accounts.endOtherSessions(player);
  expect(heard).toEqual([second.sessionId, third.sessionId]);
  const next = await signIn(email, PASSWORD, player.sessionId);
  expect(heard.splice(0)).toEqual([second.sessionId, third.sessionId, player.sessionId]);
  const last = await alive(next.token);
  await accounts.signOut(last);
  await accounts.signOut(last);
  expect(heard.splice(0)).toEqual([last.sessionId]);
  const [shown, forgotten] = [await aGuest(), await aGuest()];
  clock.advance(30 * DAY_MS + 1000);
  expect(await principal(shown.token)).toBeNull();
  expect(heard.splice(0)).toEqual([shown.principal.sessionId]);
  expect(await accounts.endExpiredSessions()).toBeGreaterThan(0);
  expect(heard).toContain(forgotten.principal.sessionId);
  expect(heard).not.toContain(shown.principal.sessionId);
  expect(await accounts.endExpiredSessions()).toBe(0);
});

test("[ACCOUNTS11] the twenty-first session takes the place of the one unused for longest", async () => {
  const { email, token, principal: player } = await aRegistered();
  const tokens: string[] = [];
  for (let index = 0; index < 19; index++) {
    clock.advance(60 * 60_000);
    tokens.push((await signIn(email)).token);
  }
  clock.advance(60 * 60_000);
  expect(await principal(token)).toEqual(player);
  const oldest = await alive(tokens[1] ?? "");
  tokens.push((await signIn(email)).token);
  expect(await accounts.listSessions(player)).toHaveLength(20);
  expect(ended).not.toContain(oldest.sessionId);
  expect(await principal(tokens[0] ?? "")).toBeNull();
  expect(await principal(tokens.at(-1) ?? "")).not.toBeNull();
  expect(await principal(token)).toEqual(player);
});

test("[ACCOUNTS11] sessions that are opened at the same moment leave twenty, and the rest are told", async () => {
  const { account, principal: player } = await aGuest();
  const sessions = createSessions({ db, clock, idleMs: DAY_MS, absoluteMs: DAY_MS });
  const open = () =>
    db.transaction((tx) => sessions.open(tx as Tx, { accountId: account.id, label: "", former: null }));
  const opened = await Promise.all(Array.from({ length: 40 }, open));
  const rows = await sql<{ id: SessionId }[]>`select id from umpire.account_sessions where user_id = ${account.id}`;
  expect(rows).toHaveLength(20);
  const gone = opened.flatMap(({ ended: displaced }) => displaced);
  const all = [player.sessionId, ...opened.map(({ sessionId }) => sessionId)];
  expect([...gone, ...rows.map(({ id }) => id)].sort()).toEqual(all.sort());
});

async function aTicket(player: Principal, room = "arena"): Promise<string> {
  const ticket = await accounts.issueTicket(player, { room });
  secrets.push(ticket);
  return ticket;
}

const check = (ticket: string, room = "arena") => accounts.tickets.check(ticket, room);
const INVALID = ["ACCOUNTS_TICKET_INVALID"];

test("[ACCOUNTS12] a ticket says who bears it, as often as it is asked", async () => {
  const { principal: player, account } = await aGuest();
  const ticket = await aTicket(player);
  const admission = {
    accountId: account.id,
    accountSessionId: player.sessionId,
    name: account.displayName,
    kind: account.kind,
    ticketId: expect.any(String),
  };
  expect(await check(ticket)).toEqual(admission);
  expect(await check(ticket)).toEqual(admission);
});

test("[ACCOUNTS12] a ticket is for one room name", async () => {
  const ticket = await aTicket((await aGuest()).principal, "arena");
  expect(await codes([check(ticket, "duel")])).toEqual(INVALID);
  expect(await codes([check(ticket, "")])).toEqual(INVALID);
  expect(await codes([check(ticket, "arena2")])).toEqual(INVALID);
});

test("[ACCOUNTS12] a ticket lasts a minute of the server's time", async () => {
  const ticket = await aTicket((await aGuest()).principal);
  clock.advance(59_000);
  expect(await codes([check(ticket)])).toEqual([""]);
  clock.advance(2000);
  expect(await codes([check(ticket)])).toEqual(INVALID);
});

test("[ACCOUNTS12] a ticket that was altered, signed otherwise or never one of ours is refused", async () => {
  const [one, other] = [await aGuest(), await aGuest()];
  const ticket = await aTicket(one.principal);
  const [header = "", payload = "", signature = ""] = ticket.split(".");
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = decodeJwt(ticket);
  const stolen = encode({ ...claims, sub: other.account.id });
  const sign = (body: object, key: Uint8Array, typ = "umpire-ticket+jwt") =>
    new SignJWT({ ...body }).setProtectedHeader({ alg: "HS256", typ }).sign(key);
  const secret = new TextEncoder().encode("s".repeat(32));
  const key = new Uint8Array(hkdfSync("sha256", secret, "", "umpire ticket", 32));
  const hostile = [
    "",
    "ticket",
    one.token,
    one.principal.sessionId,
    `${header}.${stolen}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`,
    `${encode({ alg: "none", typ: "umpire-ticket+jwt" })}.${payload}.`,
    `${encode({ alg: "none" })}.${stolen}.${signature}`,
    `${encode({ alg: "HS512", typ: "umpire-ticket+jwt" })}.${payload}.${signature}`,
    await sign(claims, secret),
    await sign(claims, key, "JWT"),
    await sign({ ...claims, exp: undefined }, key),
    await sign({ ...claims, aud: undefined }, key),
    await sign({ ...claims, sid: undefined }, key),
    await sign({ ...claims, jti: undefined }, key),
    await createAccounts({ ...parts, secret: "t".repeat(32) }).issueTicket(one.principal, { room: "arena" }),
    "x".repeat(100_000),
  ];
  expect(await codes(hostile.map((text) => check(text)))).toEqual(hostile.map(() => INVALID[0]));
  expect(await codes([check(ticket), check(await sign(claims, key))])).toEqual(["", ""]);
});

test("[ACCOUNTS12] a ticket for another's session is refused", async () => {
  const [one, other] = [await aGuest(), await aGuest()];
  const ticket = await aTicket({ ...one.principal, sessionId: other.principal.sessionId });
  expect(await codes([check(ticket)])).toEqual(INVALID);
});

test("[ACCOUNTS13] a ticket is spent once, and no other with it", async () => {
  const { principal: player } = await aGuest();
  const [ticket, another] = [await aTicket(player), await aTicket(player)];
  const { ticketId } = await check(ticket);
  accounts.tickets.spend(ticketId);
  expect(() => accounts.tickets.spend(ticketId)).toThrow(expect.objectContaining({ code: INVALID[0] }));
  expect(await codes([check(ticket)])).toEqual(INVALID);
  clock.advance(50_000);
  accounts.tickets.spend((await check(another)).ticketId);
  expect(() => accounts.tickets.spend(ticketId)).toThrow(expect.objectContaining({ code: INVALID[0] }));
});

test("[ACCOUNTS13] a ticket dies with its session, whichever way that ends", async () => {
  const { email, principal: player } = await aRegistered();
  const other = await alive((await signIn(email)).token);
  const [ticket, kept] = [await aTicket(other), await aTicket(player)];
  await accounts.endSession(player, other.sessionId);
  expect(await codes([check(ticket), check(kept)])).toEqual([...INVALID, ""]);
  await accounts.signOut(player);
  expect(await codes([check(kept)])).toEqual(INVALID);
});

test("[ACCOUNTS15] a database that fails is logged without what it was asked", async () => {
  const url = "postgres://127.0.0.1:1/none";
  const down = openDatabase({ url, log });
  const broken = createAccounts({ ...parts, db: down.db });
  const translate = createErrorTranslator({ ids, log });
  const attempt = broken.signIn({ email: anEmail(), password: PASSWORD, label: "vitest", former: null });
  const thrown = await attempt.catch((error: unknown) => error);
  expect(translate(thrown, {})).toMatchObject({ status: 503, body: { code: "UNAVAILABLE", details: {} } });
  await sql.unsafe("alter table umpire.account_credentials rename to hidden");
  const guest = await aGuest();
  const registration = { email: anEmail(), password: PASSWORD, label: "vitest" };
  translate(await accounts.register(guest.principal, registration).catch((error: unknown) => error), {});
  await sql.unsafe("alter table umpire.hidden rename to account_credentials");
  expect(lines.filter((line) => line.includes("error.answered"))).toHaveLength(2);
  await down.close();
});

test("[ACCOUNTS15] none of this is in the log, which tells who registered all the same", () => {
  const text = lines.join("");
  expect(text).toContain("accounts.registered");
  expect(text).toContain("accounts.signed_out");
  expect(secrets.length).toBeGreaterThan(100);
  expect([...new Set(secrets)].filter((secret) => secret.length > 8 && text.includes(secret))).toEqual([]);
});
