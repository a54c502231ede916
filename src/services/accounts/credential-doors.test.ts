import { request } from "node:http";
import { expect, test, vi } from "vitest";
import { createLog } from "../../platform/log.ts";
import { startTestApp } from "../../testing/app.ts";
import { startTestSmtp } from "../../testing/smtp.ts";

/** How many passwords were hashed: the library does its work as ever, and is counted. */
const hashed = vi.hoisted(() => ({ count: 0 }));
vi.mock("@node-rs/argon2", async (importActual) => {
  const actual = await importActual<typeof import("@node-rs/argon2")>();
  const counted =
    <Args extends unknown[], Result>(work: (...args: Args) => Result) =>
    (...args: Args): Result => {
      hashed.count += 1;
      return work(...args);
    };
  return { ...actual, hash: counted(actual.hash), verify: counted(actual.verify) };
});

const smtp = await startTestSmtp();
const PUBLIC_URL = "https://game.test";
const app = await startTestApp({
  rooms: {},
  settings: { SMTP_URL: smtp.url, MAIL_FROM: "no-reply@game.test", PUBLIC_URL, REGISTRATION: "confirmed" },
});
const PASSWORD = "correct horse battery";
const OTHER = "another horse battery";
/** All that must not be in the log: asked for by the last test. */
const secrets: string[] = [PASSWORD, OTHER];
const secret = (text: string): string => {
  secrets.push(text);
  return text;
};

let count = 0;
const anEmail = () => secret(`player-${++count}@example.com`);

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Record<string, string>;
  readonly cookie: string;
}

/** A call as a page makes it, with all that can be seen of the answer. */
async function call(path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${app.url}/api/accounts/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: PUBLIC_URL, ...headers },
    body: JSON.stringify(body),
  });
  const { date: _, "set-cookie": cookie = "", ...shown } = Object.fromEntries(response.headers);
  return { status: response.status, text: await response.text(), headers: shown, cookie: cookie.split(";")[0] ?? "" };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const read = ({ text }: Answer) => JSON.parse(text) as Record<string, string>;
/** All that may differ between two answers to the same question: the name of the failure in our log. */
const shown = ({ status, text, headers }: Answer) => ({ status, text: text.replace(/err_\w+/, "err"), headers });

async function isAlive(headers: Record<string, string>): Promise<boolean> {
  const response = await fetch(`${app.url}/api/accounts/me`, { headers });
  return response.status === 200;
}

async function linkTo(email: string): Promise<string> {
  const { text } = await smtp.mailTo(email);
  const [link = ""] = /https?:\S+/.exec(text) ?? [];
  secret(link.split("=")[1] ?? link);
  return link;
}

async function aGuest(): Promise<string> {
  const { token } = await app.guest();
  return secret(token);
}

async function aRegistered(): Promise<{ email: string; token: string }> {
  const email = anEmail();
  await call("register", { email, password: PASSWORD }, bearer(await aGuest()));
  const token = (await linkTo(email)).split("=")[1];
  const confirmed = await call("register/confirm", { token, password: PASSWORD });
  return { email, token: secret(read(confirmed)["token"] ?? "") };
}

async function compare(ask: (email: string) => Promise<Answer>, known: string): Promise<Answer> {
  const answers: { answer: Answer; hashes: number }[] = [];
  for (const email of [known, anEmail(), known]) {
    const before = hashed.count;
    const answer = await ask(email);
    answers.push({ answer, hashes: hashed.count - before });
  }
  const [first, unknown, second] = answers.map(({ answer, hashes }) => ({ ...shown(answer), hashes }));
  expect(unknown).toEqual(first);
  expect(second).toEqual(first);
  return answers[0]?.answer as Answer;
}

test("[CREDENTIALS3] S17: signing in answers known and unknown addresses alike, for the same work", async () => {
  const { email } = await aRegistered();
  const answer = await compare((address) => call("sign-in", { email: address, password: OTHER }), email);
  expect(answer.status).toBe(401);
});

test("[CREDENTIALS3] S17: asking for a reset answers known and unknown addresses alike", async () => {
  const { email } = await aRegistered();
  const answer = await compare((address) => call("password/reset", { email: address }), email);
  expect([answer.status, answer.text]).toEqual([200, "{}"]);
  await linkTo(email);
});

test("[CREDENTIALS8] S17: registering answers free and taken addresses alike, for the same work", async () => {
  const { email } = await aRegistered();
  const guest = bearer(await aGuest());
  const answer = await compare((address) => call("register", { email: address, password: PASSWORD }, guest), email);
  expect(read(answer)).toMatchObject({ token: null, expiresAt: null, account: { kind: "guest" } });
  expect((await smtp.mailTo(email)).text).toContain("You already have an account");
});

test("[CREDENTIALS5] S19: the link in a mail begins with PUBLIC_URL, whatever the request says of the host", async () => {
  const { email } = await aRegistered();
  const body = JSON.stringify({ email });
  const hostile = {
    host: "evil.test",
    "x-forwarded-host": "evil.test",
    "x-forwarded-proto": "http",
    forwarded: "host=evil.test;proto=http",
    "x-original-url": "http://evil.test/",
  };
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { ...hostile, "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const url = new URL(`${app.url}/api/accounts/password/reset`);
    const { hostname, port, pathname: path } = url;
    const sent = request({ hostname, port, path, method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end(body);
  });
  expect(status).toBe(200);
  const { text } = await smtp.mailTo(email);
  expect(text).toContain(`${PUBLIC_URL}/#password-reset=`);
  expect(text).not.toContain("evil");
  secret(/password-reset=([\w-]+)/.exec(text)?.[1] ?? "");
});

test("[CREDENTIALS7] S15: a reset by HTTP ends the sessions and gives none", async () => {
  const { email, token } = await aRegistered();
  await call("password/reset", { email });
  const link = await linkTo(email);
  const answer = await call("password/reset/confirm", { token: link.split("=")[1], password: OTHER });
  expect([answer.status, answer.text, answer.cookie]).toEqual([200, "{}", ""]);
  expect(await isAlive(bearer(token))).toBe(false);
  const again = await call("password/reset/confirm", { token: link.split("=")[1], password: OTHER });
  expect([again.status, read(again)["code"]]).toEqual([410, "ACCOUNTS_LINK_INVALID"]);
  expect((await call("sign-in", { email, password: OTHER })).status).toBe(200);
});

/** A cookie that somebody else knows, as it would be planted in a player's browser. */
async function plantedCookie(): Promise<string> {
  const { cookie } = await call("guest", { session: "cookie" });
  secret(cookie.split("=")[1] ?? "");
  return cookie;
}

const asCookie = (cookie: string) => ({ cookie, origin: PUBLIC_URL });

test("[CREDENTIALS13] S14: whatever session a browser brings along, signing in gives another and ends that one", async () => {
  const { email } = await aRegistered();
  for (const planted of [await plantedCookie(), `umpire_session=${"a".repeat(40)}`]) {
    const credentials = { email, password: PASSWORD, session: "cookie" };
    const { cookie, status } = await call("sign-in", credentials, asCookie(planted));
    secret(cookie.split("=")[1] ?? "");
    expect(status).toBe(200);
    expect(cookie).not.toBe(planted);
    expect([await isAlive({ cookie: planted }), await isAlive({ cookie })]).toEqual([false, true]);
  }
});

test("[CREDENTIALS13] S14: registering and changing the password renew the session as well", async () => {
  const planted = await plantedCookie();
  const email = anEmail();
  await call("register", { email, password: PASSWORD }, asCookie(planted));
  const token = (await linkTo(email)).split("=")[1];
  // The link is opened somewhere else: the planted session, which was the guest's, is over all the same.
  const registered = await call("register/confirm", { token, password: PASSWORD, session: "cookie" });
  expect([await isAlive({ cookie: planted }), await isAlive({ cookie: registered.cookie })]).toEqual([false, true]);
  const change = { currentPassword: PASSWORD, password: OTHER, session: "cookie" };
  const changed = await call("password", change, asCookie(registered.cookie));
  for (const { cookie } of [registered, changed]) secret(cookie.split("=")[1] ?? "");
  expect(changed.cookie).not.toBe(registered.cookie);
  expect([await isAlive({ cookie: registered.cookie }), await isAlive({ cookie: changed.cookie })]).toEqual([
    false,
    true,
  ]);
});

const HOSTILE_NAMES = [
  'Ada"},{"level":"fatal","msg":"pwned',
  "Ada\r\n{}",
  "Ada\n2026-01-01 ERROR pwned",
  "\u001b[2J\u001b[31mAda",
  'Ada\\"\\u000a',
  "\u0000\u0007\b",
];

test.each(HOSTILE_NAMES)("[CREDENTIALS14] S34: %j forges no line of the log", (name) => {
  const lines: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => void lines.push(line) } });
  log.info({ name, player: { name } }, name);
  expect(lines).toHaveLength(1);
  const line = lines[0]?.replace(/\n$/, "") ?? "";
  expect([...line].filter((character) => character < " ")).toEqual([]);
  expect(JSON.parse(line)).toMatchObject({ level: "info", msg: name, name, player: { name } });
});

test("[CREDENTIALS14] S34: hostile names, agents and paths come in by HTTP, and every line stays one event", async () => {
  const token = await aGuest();
  for (const displayName of HOSTILE_NAMES) {
    const email = anEmail();
    const { status } = await call("register", { email, password: PASSWORD, displayName }, bearer(token));
    expect([200, 400]).toContain(status);
  }
  await call("guest", {}, { "user-agent": '"},{"level":"fatal' });
  await fetch(`${app.url}/api/%0d%0a%1b[31m"},{"level":"fatal"}`);
  expect(app.log.filter(({ level }) => level === "fatal")).toEqual([]);
});

test("[CREDENTIALS14] S33: a whole run leaves no password, token, ticket or address in the log", async () => {
  const { email, token } = await aRegistered();
  const player = { accountId: "", token };
  secret(await app.ticket(player, "arena"));
  const signedIn = await call("sign-in", { email, password: PASSWORD });
  secret(read(signedIn)["token"] ?? "");
  secret(read(signedIn)["device"] ?? "");
  await call("password/reset", { email });
  const link = await linkTo(email);
  await call(`password/reset/confirm?token=${link.split("=")[1]}`, { token: link.split("=")[1], password: OTHER });
  await call("sign-in", { email, password: PASSWORD }, bearer(token));
  // What is wrong in a body or in a URL is not recited either.
  await call("sign-in", { email, password: PASSWORD, token });
  await fetch(`${app.url}/api/nowhere?token=${token}&password=${encodeURIComponent(PASSWORD)}`);
  const text = JSON.stringify(app.log);
  expect(text).toContain("accounts.password_reset");
  expect(text).toContain("accounts.registered");
  expect(secrets.length).toBeGreaterThan(40);
  const found = [...new Set(secrets)].filter((one) => one.length > 8 && text.includes(one));
  expect(found).toEqual([]);
});
