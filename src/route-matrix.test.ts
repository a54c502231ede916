import { expect, test } from "vitest";
import { z } from "zod";
import { LOADTEST_HEADER } from "../schema/protocol.ts";
import { operate } from "./app.ts";
import { signLoadtestName } from "./platform/client-address.ts";
import { readConfig } from "./platform/config.ts";
import type { Route } from "./platform/http.ts";
import { createLog } from "./platform/log.ts";
import { startTestApp } from "./testing/app.ts";
import { createTestDatabase } from "./testing/postgres.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const database = await createTestDatabase();
const app = await startTestApp({ rooms: {}, settings: { LOADTEST_KEY, DATABASE_URL: database.url } });
const acting = app.routes.filter(({ method }) => method !== "GET");
const forPlayers = app.routes.filter(({ role }) => role === "player");

interface Caller {
  readonly accountId: string;
  readonly token: string;
  readonly sessionId: string;
}

/** Each caller is counted by itself, so that the whole table can be asked of one server. */
let callers = 0;
const freshAddress = () => ({ [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `caller-${++callers}`) });

async function aGuest(): Promise<Pick<Caller, "accountId" | "token">> {
  const guest = await app.call("POST", "/api/accounts/guest", { body: {}, headers: freshAddress() });
  const { token, account } = guest.body as { token: string; account: { id: string } };
  return { accountId: account.id, token };
}

async function aCaller(): Promise<Caller> {
  const { accountId, token } = await aGuest();
  const list = await app.call("GET", "/api/accounts/sessions", { token, headers: freshAddress() });
  const [session] = (list.body as { sessions: { sessionId: string }[] }).sessions;
  return { accountId, token, sessionId: session?.sessionId ?? "" };
}

async function aCookie(): Promise<string> {
  const body = { session: "cookie" };
  const guest = await app.call("POST", "/api/accounts/guest", { body, headers: freshAddress() });
  return guest.headers.get("set-cookie")?.split(";")[0] ?? "";
}

interface Asked {
  readonly token?: string;
  readonly body?: unknown;
  readonly query?: string;
  readonly headers?: Record<string, string>;
}

async function ask(route: Route, { token, body, query = "", headers = {} }: Asked) {
  const path = route.path.replace(/:\w+/g, "acc_1") + query;
  const { status, body: reply } = await app.call(route.method, path, {
    ...(token !== undefined && { token }),
    ...(route.method !== "GET" && { body: body ?? {} }),
    headers: { ...freshAddress(), ...headers },
  });
  return { status, code: (reply as { code?: string } | null)?.code, text: JSON.stringify(reply) };
}

const named = (route: Route) => `${route.method} ${route.path}`;

/** The names of the texts that a route takes in its body, and what stands in each when it is not the one under attack. */
function textFields(route: Route): string[] {
  if (route.body === undefined) return [];
  const schema = z.toJSONSchema(route.body, { io: "input", unrepresentable: "any" }) as {
    properties?: Record<string, { type?: string; enum?: unknown[] }>;
  };
  return Object.keys(schema.properties ?? {});
}

function plausible(field: string): string {
  if (/email/i.test(field)) return `player-${++callers}@example.com`;
  if (/password/i.test(field)) return "correct horse battery staple";
  if (field === "session") return "token";
  return "arena";
}

test("[HTTP11] API1: without a session a route for players says nothing but that one is needed", async () => {
  expect(forPlayers.length).toBeGreaterThan(5);
  for (const route of forPlayers) {
    for (const headers of [{}, { authorization: "Bearer nobody" }, { cookie: "umpire_session=nobody" }]) {
      const { status, code } = await ask(route, { headers: { ...headers } });
      expect([named(route), status, code]).toEqual([named(route), 401, "UNAUTHENTICATED"]);
    }
  }
});

test("[HTTP11] API1: nothing that another player sends touches what is mine, or shows it", async () => {
  const mine = await aCaller();
  for (const route of forPlayers) {
    const other = await aCaller();
    const ids = { accountId: mine.accountId, sessionId: mine.sessionId, id: mine.accountId };
    const fields = Object.fromEntries(textFields(route).map((field) => [field, mine.accountId]));
    const tries: Asked[] = [
      { body: { ...fields, ...ids } },
      { body: fields },
      { query: `?sessionId=${mine.sessionId}` },
      { query: `?accountId=${mine.accountId}` },
    ];
    for (const attempt of tries) {
      const { status, text } = await ask(route, { ...attempt, token: other.token });
      expect([named(route), status < 500]).toEqual([named(route), true]);
      expect([named(route), status < 400 && text.includes(mine.accountId)]).toEqual([named(route), false]);
    }
  }
  const me = await app.call("GET", "/api/accounts/me", { token: mine.token, headers: freshAddress() });
  expect(me).toMatchObject({ status: 200, body: { id: mine.accountId } });
});

test("[HTTP11] API1: a banned player's session opens no route", async () => {
  const banned = await aCaller();
  const config = readConfig({ NODE_ENV: "test", DATABASE_URL: database.url, SERVER_SECRET: LOADTEST_KEY });
  const catalogue = { levels: { base: 100, growth: 50, max: 100 } };
  const words = ["ban", banned.accountId, "--reason", "a test"];
  await operate({ catalogue, config, log: createLog({ level: "silent" }) }, words);
  for (const route of forPlayers) {
    const { status } = await ask(route, { token: banned.token });
    expect([named(route), [401, 403].includes(status)]).toEqual([named(route), true]);
  }
});

test("[HTTP11] S12: no route acts for a cookie that comes without word of its page", async () => {
  const cookie = await aCookie();
  for (const route of acting) {
    const { status, code } = await ask(route, { headers: { cookie } });
    expect([named(route), status, code]).toEqual([named(route), 403, "REQUEST_FOREIGN"]);
  }
});

test("[HTTP11] S12: no route answers a page of another site, whatever token it has got hold of", async () => {
  const { token } = await aCaller();
  for (const route of app.routes) {
    for (const origin of ["https://evil.example", "null", `${app.url}.evil.example`]) {
      const { status, code } = await ask(route, { token, headers: { origin } });
      expect([named(route), origin, status, code]).toEqual([named(route), origin, 403, "REQUEST_FOREIGN"]);
    }
  }
});

test("[HTTP11] every route has a limit that is worth its name", () => {
  for (const { limit, ...route } of app.routes) {
    expect([route.path, limit.count > 0, limit.count / limit.perSeconds <= 10]).toEqual([route.path, true, true]);
  }
});

const SLEEP_MS = 5000;
/** What breaks out of a quoted value, what breaks out of an escaped one and is felt, and what Postgres cannot store. */
const INJECTIONS = ["' OR '1'='1", `\\'; SELECT pg_sleep(${SLEEP_MS / 1000}); --`, "x\u0000y", "\ud800"];

/** Every text that a route reads, one at a time hostile and the others plausible, so that the call gets as far as it can. */
function attacksOn(route: Route, injection: string): Asked[] {
  const fields = textFields(route);
  const encoded = encodeURIComponent(injection.toWellFormed());
  const inBody = fields.map((attacked) => {
    const values = fields.map((field) => [field, field === attacked ? injection : plausible(field)]);
    return { body: Object.fromEntries(values) };
  });
  const parameters = route.method === "POST" ? [] : ["sessionId", "before", "after", "limit", "sort"];
  return [...inBody, ...parameters.map((name) => ({ query: `?${name}=${encoded}` }))];
}

/** Credentials are read alike for all routes, before any of them sees the call. */
function attacksByHeader(injection: string): Asked[] {
  const encoded = encodeURIComponent(injection.toWellFormed());
  return [
    { headers: { authorization: `Bearer ${encoded}`, "user-agent": encoded } },
    { headers: { cookie: `umpire_session=${encoded}` } },
  ];
}

test("[HTTP12] S24: no text in a body, a query or a header reaches the database as anything but a value", async () => {
  const reader = await aGuest();
  const check = async (route: Route, attack: Asked) => {
    const askedMs = performance.now();
    const { status, text } = await ask(route, attack);
    expect([named(route), attack, status === 500]).toEqual([named(route), attack, false]);
    expect(performance.now() - askedMs).toBeLessThan(SLEEP_MS);
    expect(text).not.toMatch(/syntax error|relation "|PostgresError|drizzle|umpire\.\w+|select .* from/i);
  };
  for (const injection of INJECTIONS) {
    for (const route of app.routes) {
      for (const attack of attacksOn(route, injection)) {
        // A call that succeeds may have ended its session.
        const { token } = route.method === "GET" ? reader : await aGuest();
        await check(route, { ...attack, token });
      }
    }
    for (const attack of attacksByHeader(injection)) {
      for (const route of forPlayers.slice(0, 2)) await check(route, attack);
    }
  }
  const count = await database.sql<{ tables: number }[]>`
    select count(*)::int as tables from information_schema.tables where table_schema = 'umpire'`;
  expect(count[0]?.tables).toBeGreaterThan(3);
  expect(app.log.filter(({ msg }) => msg === "error.answered")).toEqual([]);
}, 60_000);
