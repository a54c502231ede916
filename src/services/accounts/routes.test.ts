import { expect, test } from "vitest";
import { TestClock } from "../../platform/clock.ts";
import { createErrorTranslator } from "../../platform/errors.ts";
import { createRoutes, type JudgedCaller } from "../../platform/http.ts";
import { createIds } from "../../platform/ids.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { cryptoRandom as random } from "../../platform/random.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { callRoute } from "../../testing/route-calls.ts";
import { accountsRoutes } from "./routes.ts";

const { db } = await createTestDatabase();
const clock = new TestClock();
const ids = createIds({ clock, random });
const log = createLog({ level: "silent" });
const PASSWORD = "correct horse battery";

/** The routes without a socket in between. */
function open({ isProduction }: { isProduction: boolean }) {
  const { accounts } = createTestAccounts({ db, clock, isProduction });
  const served = createRoutes(accountsRoutes(accounts, { isProduction }), {
    principalOf: accounts.principalOf,
    rateLimit: { take: async () => {} },
    translate: createErrorTranslator({ ids, log }),
    metrics: createMetrics(),
  });
  return async (method: string, path: string, { body, caller, ...headers }: CallOptions = {}) => {
    const asked = {
      headers: { "user-agent": "vitest", ...headers },
      body,
      caller: { origin: "same", ...caller },
    } as const;
    const answer = await callRoute(served, method, `/api/accounts/${path}`, asked);
    const { "set-cookie": cookies = [] } = answer.headers;
    return { ...answer, body: answer.body as Record<string, never>, cookie: cookies[0] ?? null };
  };
}

interface CallOptions {
  readonly body?: unknown;
  readonly caller?: Partial<JudgedCaller>;
  readonly authorization?: string;
  readonly cookie?: string;
}

const call = open({ isProduction: false });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
let count = 0;
const anEmail = () => `player-${++count}@example.com`;

async function aToken(): Promise<string> {
  return (await call("POST", "guest", { body: {} })).body["token"] ?? "";
}

test("[ACCOUNTS1] a guest, by HTTP, from nothing to a ticket", async () => {
  const { status, body, cookie } = await call("POST", "guest");
  const account = { id: expect.stringMatching(/^acc_/), displayName: expect.any(String), kind: "guest" };
  const createdAt = clock.date().toISOString();
  expect(status).toBe(200);
  expect(body).toEqual({
    token: expect.any(String),
    account: { ...account, createdAt },
    expiresAt: expect.any(String),
  });
  expect(new Date(body["expiresAt"] ?? "").getTime()).toBeGreaterThan(clock.now());
  expect(cookie).toBeNull();
  const me = await call("GET", "me", bearer(body["token"] ?? ""));
  expect(me.body).toEqual({ ...account, createdAt });
  const ticket = await call("POST", "ticket", { ...bearer(body["token"] ?? ""), body: { room: "arena" } });
  expect(ticket.body).toEqual({ ticket: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/), expiresInMs: 60_000 });
});

test("[ACCOUNTS1] what is a player's own is refused to anyone else", async () => {
  const routes = [
    ["POST", "register"],
    ["POST", "sign-out"],
    ["GET", "me"],
    ["GET", "sessions"],
    ["DELETE", "sessions"],
    ["POST", "ticket"],
  ] as const;
  for (const [method, path] of routes) {
    const refused = await call(method, path, bearer("nobody"));
    expect([refused.status, refused.body["code"]], path).toEqual([401, "UNAUTHENTICATED"]);
  }
});

test("[ACCOUNTS3] passwords of 8 to 256 characters are taken, shorter and longer ones are not", async () => {
  for (const [password, status] of [
    ["x".repeat(7), 400],
    ["xkcd-936", 200],
    [" ".repeat(8), 200],
    ["é".repeat(256), 200],
    ["x".repeat(257), 400],
    [12_345_678, 400],
  ]) {
    const body = { email: anEmail(), password };
    expect((await call("POST", "register", { ...bearer(await aToken()), body })).status, String(password)).toBe(status);
  }
});

test("[ACCOUNTS8] signing in by HTTP replaces the session that came along", async () => {
  const email = anEmail();
  const former = await call("POST", "register", { ...bearer(await aToken()), body: { email, password: PASSWORD } });
  const formerToken = former.body["token"] ?? "";
  const wrong = await call("POST", "sign-in", { ...bearer(formerToken), body: { email, password: "wrong password" } });
  expect([wrong.status, wrong.body["code"]]).toEqual([401, "ACCOUNTS_CREDENTIALS_WRONG"]);
  const next = await call("POST", "sign-in", {
    ...bearer(formerToken),
    body: { email: ` ${email}`.trim().toUpperCase(), password: PASSWORD },
  });
  expect(next.body["account"]).toEqual(former.body["account"]);
  expect((await call("GET", "me", bearer(formerToken))).status).toBe(401);
  expect((await call("GET", "me", bearer(next.body["token"] ?? ""))).status).toBe(200);
});

test("[ACCOUNTS9] sessions are listed and ended by HTTP", async () => {
  const email = anEmail();
  const first = await call("POST", "register", { ...bearer(await aToken()), body: { email, password: PASSWORD } });
  const mine = bearer(first.body["token"] ?? "");
  const others = [1, 2, 3].map(() => call("POST", "sign-in", { body: { email, password: PASSWORD } }));
  await Promise.all(others);
  const { sessions } = (await call("GET", "sessions", mine)).body as unknown as { sessions: Record<string, unknown>[] };
  expect(sessions).toHaveLength(4);
  expect(sessions.filter(({ isCurrent }) => isCurrent)).toHaveLength(1);
  expect(Object.keys(sessions[0] ?? {}).sort()).toEqual([
    "createdAt",
    "expiresAt",
    "isCurrent",
    "label",
    "lastSeenAt",
    "sessionId",
  ]);
  const other = sessions.find(({ isCurrent }) => !isCurrent)?.["sessionId"];
  expect((await call("DELETE", `sessions?sessionId=${other}`, mine)).body).toEqual({ ended: 1 });
  expect((await call("DELETE", `sessions?sessionId=${other}`, mine)).body["code"]).toBe("ACCOUNTS_SESSION_UNKNOWN");
  // A slip of the pen must not end all of them.
  expect((await call("DELETE", `sessions?sessionid=${other}`, mine)).status).toBe(400);
  expect((await call("DELETE", "sessions?sessionId=", mine)).status).toBe(400);
  expect((await call("DELETE", "sessions", mine)).body).toEqual({ ended: 2 });
  expect((await call("POST", "sign-out", mine)).body).toEqual({});
  expect((await call("GET", "me", mine)).status).toBe(401);
});

test("[ACCOUNTS14] a body with anything unexpected is refused", async () => {
  const credentials = { email: anEmail(), password: PASSWORD };
  const player = bearer(await aToken());
  for (const [path, body] of [
    ["guest", { session: "token", id: "acc_mine" }],
    ["guest", { session: "header" }],
    ["guest", []],
    ["guest", null],
    ["register", { ...credentials, kind: "admin" }],
    ["register", JSON.parse(`{"__proto__":{},"email":"a@example.com","password":"${PASSWORD}"}`)],
    ["register", { ...credentials, constructor: {} }],
    ["register", { ...credentials, email: "nobody" }],
    ["register", { ...credentials, email: `${"a".repeat(250)}@example.com` }],
    ["register", { ...credentials, email: [credentials.email] }],
    ["register", { ...credentials, displayName: "" }],
    ["register", { ...credentials, displayName: "   " }],
    ["register", { ...credentials, displayName: "x".repeat(25) }],
    ["register", { ...credentials, displayName: "Ada\u0000" }],
    ["register", { ...credentials, displayName: "Ada\u202eaL" }],
    ["register", { ...credentials, displayName: "Ada\u200b" }],
    ["register", { ...credentials, displayName: "\u3164" }],
    ["register", { ...credentials, displayName: "A\nda" }],
    ["register", { ...credentials, displayName: "\ud800" }],
    ["sign-in", { ...credentials, former: "ses_" }],
    ["sign-in", { email: credentials.email }],
    ["ticket", {}],
    ["ticket", { room: "arena", accountId: "acc_other" }],
    ["ticket", { room: "a b" }],
    ["ticket", { room: "" }],
  ] as const) {
    const { status, body: reply } = await call("POST", path, { ...player, body });
    expect([status, reply["code"]], `${path} ${JSON.stringify(body)}`).toEqual([400, "REQUEST_INVALID"]);
  }
  expect((await call("GET", "me", player)).body["kind"]).toBe("guest");
});

test("[ACCOUNTS14] a display name is composed and tidied, in any script", async () => {
  for (const [given, shown] of [
    ["  Ada   Lovelace ", "Ada Lovelace"],
    ["Zoe\u0308", "Zoë"],
    ["Ольга", "Ольга"],
    ["二郎", "二郎"],
    ["<b>Ada</b>", "<b>Ada</b>"],
    ["🦊", "🦊"],
  ] as const) {
    const body = { email: anEmail(), password: PASSWORD, displayName: given };
    const { body: reply } = await call("POST", "register", { ...bearer(await aToken()), body });
    expect((reply["account"] as unknown as { displayName: string }).displayName).toBe(shown);
  }
});

test("[ACCOUNTS14] with a cookie the page never sees the token", async () => {
  const guest = await call("POST", "guest", { body: { session: "cookie" } });
  expect(guest.body["token"]).toBeNull();
  expect(guest.cookie).toMatch(/^umpire_session=[a-z2-7]{40}; Expires=[^;]+ GMT; Path=\/; HttpOnly; SameSite=Strict$/);
  const cookie = (guest.cookie ?? "").split(";")[0] ?? "";
  const expires = /Expires=([^;]+)/.exec(guest.cookie ?? "")?.[1] ?? "";
  expect(new Date(expires).getTime()).toBe(clock.now() + 90 * 24 * 60 * 60_000);
  expect(JSON.stringify(guest.body)).not.toContain(cookie.split("=")[1]);
  const body = { email: anEmail(), password: PASSWORD, session: "cookie" };
  const registered = await call("POST", "register", { cookie, body });
  expect(registered.body["token"]).toBeNull();
  expect((await call("GET", "me", { cookie })).status).toBe(401);
  const next = { cookie: (registered.cookie ?? "").split(";")[0] ?? "" };
  expect((await call("GET", "me", next)).body["kind"]).toBe("registered");
  const foreign = await call("POST", "sign-out", { ...next, caller: { origin: "foreign" } });
  expect(foreign.body["code"]).toBe("REQUEST_FOREIGN");
  const out = await call("POST", "sign-out", next);
  expect(out.cookie).toBe("umpire_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict");
  expect((await call("GET", "me", next)).status).toBe(401);
});

test("[ACCOUNTS14] in production the cookie is bound to this host and to https, and no other is taken", async () => {
  const production = open({ isProduction: true });
  const { cookie } = await production("POST", "guest", { body: { session: "cookie" } });
  expect(cookie).toMatch(/^__Host-umpire_session=.+; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  const pair = cookie?.split(";")[0] ?? "";
  expect((await production("GET", "me", { cookie: pair })).status).toBe(200);
  expect((await production("GET", "me", { cookie: pair.replace("__Host-", "") })).status).toBe(401);
  expect((await production("GET", "me", { cookie: `x${pair}` })).status).toBe(401);
});
