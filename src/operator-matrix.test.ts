import { expect, test } from "vitest";
import { z } from "zod";
import { BODY_BYTES_MAX } from "../schema/protocol.ts";
import { type OperatorRoute, type OperatorRule, operatorAct, operatorRead } from "./platform/operator-http.ts";
import { startTestApp } from "./testing/app.ts";
import { sendDeadLetter } from "./testing/dead-letter.ts";
import { signInOperator, type TestOperator } from "./testing/operators.ts";

const catalogue = {
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" } },
  items: { wood: { title: "Wood", kind: "stack" } },
} as const;
const app = await startTestApp({ rooms: {}, catalogue });
const routes = app.operatorRoutes;
const acts = routes.filter(({ kind }) => kind === "act");
const [support, economy, admin] = [
  await signInOperator(app, "support"),
  await signInOperator(app, "economy"),
  await signInOperator(app, "admin"),
];
const roles = { support, economy, admin };
type Role = keyof typeof roles;

/** Who may call what, apart from the code that decides it. */
const MAY: Record<OperatorRule, readonly Role[]> = {
  anyone: ["support", "economy", "admin"],
  operator: ["support", "economy", "admin"],
  support: ["support", "admin"],
  economy: ["economy", "admin"],
  admin: ["admin"],
};

/** A body for every act, with which it succeeds. An act that is not here has not been tried. */
const SAMPLES: Record<string, () => Promise<object>> = {
  "/operator/accounts/ban": async () => ({ accountId: (await app.guest()).accountId, sentence: "No.", days: 7 }),
  "/operator/accounts/unban": async () => {
    const { accountId } = await app.guest();
    await app.operate("ban", accountId, "--reason", "a test");
    return { accountId };
  },
  "/operator/catalogue/activate": async () => ({ version: 1 }),
  "/operator/inventory/grant": async () => ({ accountId: (await app.guest()).accountId, items: { wood: 3 } }),
  "/operator/inventory/take": async () => {
    const { accountId } = await app.guest();
    const gift = { accountId, items: { wood: 3 }, reason: "a test", key: `gift-${++keys}` };
    await act("/operator/inventory/grant", admin, gift);
    return { accountId, goods: [{ item: "wood", quantity: 2 }] };
  },
  "/operator/payments/dead-letters/replay": () => sendDeadLetter(app),
  "/operator/wallet/adjust": async () => {
    const { accountId } = await app.guest();
    return { accountId, currency: "gold", direction: "credit", amount: "5" };
  },
};

let keys = 0;
const named = ({ method, path }: OperatorRoute) => `${method} ${path}`;
const pathOf = ({ path }: OperatorRoute) => path.replace(/:\w+/g, "acc_1");

interface Asked {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

async function ask(route: OperatorRoute, { token, body = {}, headers = {} }: Asked = {}) {
  const given = await app.callOperator(route.method, pathOf(route), {
    headers,
    ...(token !== undefined && { token }),
    ...(route.method !== "GET" && { body }),
  });
  return { status: given.status, code: (given.body as { code?: string }).code, body: given.body as object };
}

async function act(path: string, by: TestOperator, body: object) {
  const { status, body: reply } = await app.callOperator("POST", path, { token: by.token, body });
  return { status, body: reply as Record<string, string> };
}

async function auditOf(query = "") {
  const { body } = await app.callOperator("GET", `/operator/audit${query}`, { token: admin.token });
  return (body as { rows: { seq: string; actor: string; action: string; subject: string; reason: string }[] }).rows;
}

test("[OPERATORS7] API5: nobody and no player gets anything but 401 from any route", async () => {
  const player = await app.guest();
  expect(routes.length).toBeGreaterThan(8);
  for (const route of routes.filter(({ operator }) => operator !== "anyone")) {
    for (const asked of [
      {},
      { token: player.token },
      { token: "uop_nobody" },
      { token: `uop_${"x".repeat(43)}` },
      { headers: { cookie: `umpire_session=${admin.token}; operator=${admin.token}` } },
      { headers: { authorization: `Basic ${admin.token}` } },
    ]) {
      const { status, code } = await ask(route, { ...asked, body: { reason: "" } });
      expect([named(route), asked, status, code]).toEqual([named(route), asked, 401, "UNAUTHENTICATED"]);
    }
  }
});

test("[OPERATORS7] S29, API5: each role reaches its own routes and no others, whatever the rest of the call", async () => {
  for (const route of routes.filter(({ path }) => path !== "/operator/sign-out")) {
    for (const [role, { token }] of Object.entries(roles) as [Role, TestOperator][]) {
      const { status, code } = await ask(route, { token, body: { actor: "shell", reason: 1 } });
      const isLetIn = status !== 401 && status !== 403;
      expect([named(route), role, isLetIn]).toEqual([named(route), role, MAY[route.operator].includes(role)]);
      if (!isLetIn) expect([named(route), role, code]).toEqual([named(route), role, "OPERATORS_FORBIDDEN"]);
      expect([named(route), role, status < 500]).toEqual([named(route), role, true]);
    }
  }
});

test("[OPERATORS7] a route without a rule does not compile, and everything that is served has one", () => {
  const reply = z.object({});
  // @ts-expect-error it does not say whose it is
  operatorRead({ path: "/operator/secret", reply }, async () => ({}));
  // @ts-expect-error nobody is an operator without a session
  operatorRead({ path: "/operator/secret", operator: "anyone", reply }, async () => ({}));
  // @ts-expect-error an act says whose it is, too
  operatorAct({ path: "/operator/secret", body: z.strictObject({}), reply }, async () => ({}));
  for (const route of routes) {
    expect([named(route), Object.keys(MAY).includes(route.operator)]).toEqual([named(route), true]);
    expect(route.path).toMatch(/^\/operator\//);
  }
  const open = routes.filter(({ operator }) => operator === "anyone").map(named);
  expect(open).toEqual(["POST /operator/sign-in"]);
});

test("[OPERATORS8] S30: whatever is no reading is an act, but coming in and going out", () => {
  const others = routes.filter(({ kind, method }) => kind !== "act" && method !== "GET");
  expect(others.map(named)).toEqual(["POST /operator/sign-in", "POST /operator/sign-out"]);
  expect(routes.filter(({ kind, method }) => kind === "act" && method === "GET")).toEqual([]);
  expect(Object.keys(SAMPLES).sort()).toEqual(acts.map(({ path }) => path).sort());
});

test("[OPERATORS8] S30: every act leaves one row with its caller and its reason, once for each key", async () => {
  for (const route of acts) {
    const body = { ...(await SAMPLES[route.path]?.()), reason: `for ${route.path}`, key: `sample-${++keys}` };
    const [before] = await auditOf("?limit=1");
    const first = await act(route.path, admin, body);
    expect([named(route), first.status]).toEqual([named(route), 200]);
    expect(await act(route.path, admin, body)).toEqual(first);
    const [row, ...rest] = (await auditOf()).filter(({ seq }) => Number(seq) > Number(before?.seq));
    expect([named(route), row, rest]).toMatchObject([
      named(route),
      { actor: admin.operatorId, reason: body.reason },
      [],
    ]);
    const other = await act(route.path, admin, { ...body, reason: "something else" });
    expect([named(route), other.status, other.body["code"]]).toEqual([named(route), 409, "IDEMPOTENCY_CONFLICT"]);
  }
});

test("[OPERATORS8] S30: without a reason, without a key, or with an actor of its own, no act is done", async () => {
  for (const route of acts) {
    const good = { ...(await SAMPLES[route.path]?.()), reason: "a test", key: `bad-${++keys}` };
    const [before] = await auditOf("?limit=1");
    for (const changes of [
      { reason: undefined },
      { reason: "" },
      { reason: " \n " },
      { reason: "x".repeat(501) },
      { key: undefined },
      { key: "" },
      { key: "x".repeat(129) },
      { reason: "a\0b" },
      { reason: "a\ud800b" },
      { key: "a\0b" },
      { key: "schlüssel" },
      { actor: "shell" },
      { operatorId: support.operatorId },
    ]) {
      const { status, code } = await ask(route, { token: admin.token, body: { ...good, ...changes } });
      expect([named(route), changes, status, code]).toEqual([named(route), changes, 400, "REQUEST_INVALID"]);
    }
    expect(await auditOf("?limit=1")).toEqual([before]);
  }
});

test("[OPERATORS9] S29: no page of another site and no cookie gets anything from the private listener", async () => {
  for (const route of routes) {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: app.url },
      { "sec-fetch-site": "cross-site" },
    ]) {
      const { status, code } = await ask(route, { token: admin.token, headers });
      expect([named(route), headers, status, code]).toEqual([named(route), headers, 403, "REQUEST_FOREIGN"]);
    }
  }
});

test("[OPERATORS9] bodies, addresses and errors have the form and the limits of the game's door", async () => {
  const signIn = (body: string, headers = {}) => app.callOperator("POST", "/operator/sign-in", { body, headers });
  expect((await signIn(`{"name":"${"x".repeat(BODY_BYTES_MAX)}"}`)).status).toBe(413);
  expect((await signIn("name=ada", { "content-type": "application/x-www-form-urlencoded" })).status).toBe(415);
  expect((await signIn('{"name":"a","name":"b"}')).status).toBe(400);
  expect((await signIn('{"name":')).status).toBe(400);
  for (const path of [
    "/",
    "/operator",
    "/operator/",
    "/operator/nothing",
    "/api/accounts/me",
    "/healthz",
    "/metrics/",
  ]) {
    const { status, body, headers } = await app.callOperator("GET", path, { token: admin.token });
    const shape = { code: "ROUTE_NOT_FOUND", message: expect.any(String), errorId: expect.stringMatching(/^err_/) };
    expect([path, status, body]).toEqual([path, 404, { ...shape, details: {} }]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  }
  expect((await app.callOperator("GET", "/operator/audit?subject=%00", { token: admin.token })).status).toBe(400);
  expect((await app.callOperator("GET", `/operator/audit?limit=1&limit=2`, { token: admin.token })).status).toBe(400);
  expect((await app.callOperator("GET", `/${"x".repeat(5000)}`)).status).toBe(414);
});

test("[OPERATORS9] S29: nothing of it is at the game's door, and an operator's session is nothing there", async () => {
  for (const route of routes) {
    const body = route.method === "GET" ? {} : { body: {} };
    const { status } = await app.call(route.method, pathOf(route), { token: admin.token, ...body });
    expect([named(route), status]).toEqual([named(route), 404]);
  }
  expect((await app.call("GET", "/api/accounts/me", { token: admin.token })).status).toBe(401);
});

test("[OPERATORS10] accounts are found by id or exact address, banned, unbanned, and all of it is in the log", async () => {
  const { accountId, token } = await app.guest();
  const email = "Grace.Hopper@example.com";
  const registration = { email, password: "correct horse battery staple" };
  const registered = await app.call("POST", "/api/accounts/register", { token, body: registration });
  const session = (registered.body as { token: string }).token;
  const find = async (query: string) => {
    const { body } = await app.callOperator("GET", `/operator/accounts?${query}`, { token: support.token });
    return (body as { accounts: { id: string }[] }).accounts.map(({ id }) => id);
  };
  expect(await find(`id=${accountId}`)).toEqual([accountId]);
  expect(await find(`email=${encodeURIComponent(email)}`)).toEqual([accountId]);
  expect(await find("email=hopper@example.com")).toEqual([]);
  const all = await find("limit=3");
  expect(await find(`limit=2&before=${all[0]}`)).toEqual(all.slice(1));

  const order = { accountId, sentence: "No aimbots.", days: null, reason: "three reports", key: "case-1" };
  const { body: banned } = await act("/operator/accounts/ban", support, order);
  expect(JSON.stringify(banned)).not.toContain(accountId);
  expect((await app.call("GET", "/api/accounts/me", { token: session })).status).toBe(401);
  const bans = await app.callOperator("GET", `/operator/accounts/bans?accountId=${accountId}`, {
    token: support.token,
  });
  expect(bans.body).toMatchObject({ bans: [{ id: banned["banId"], reason: "three reports", liftedAt: null }] });

  const lift = { accountId, reason: "a mistake", key: "case-2" };
  expect(await act("/operator/accounts/unban", support, lift)).toEqual({
    status: 200,
    body: { banId: banned["banId"] },
  });
  const again = await act("/operator/accounts/unban", support, { ...lift, key: "case-3" });
  expect(again).toMatchObject({ status: 409, body: { code: "ACCOUNTS_NOT_BANNED" } });
  const rows = await auditOf(`?subject=${accountId}`);
  expect(rows.map(({ actor, action, reason }) => [actor, action, reason])).toEqual([
    [support.operatorId, "accounts.unban", "a mistake"],
    [support.operatorId, "accounts.ban", "three reports"],
  ]);
  const verdict = await app.callOperator("GET", "/operator/audit/verify", { token: admin.token });
  const [latest] = await auditOf("?limit=1");
  expect(verdict.body).toEqual({ upto: { seq: latest?.seq, hash: expect.any(String) }, broken: null });
});

test("[OPERATORS10] whoever signs out is nobody at once, and metrics need nobody", async () => {
  const leaving = await signInOperator(app, "support");
  const me = () => app.callOperator("GET", "/operator/me", { token: leaving.token });
  expect((await me()).body).toMatchObject({ id: leaving.operatorId, role: "support" });
  expect((await app.callOperator("POST", "/operator/sign-out", { token: leaving.token, body: {} })).status).toBe(200);
  expect((await me()).status).toBe(401);
  expect(await (await fetch(app.metricsUrl)).text()).toContain("umpire_http_seconds");
});
