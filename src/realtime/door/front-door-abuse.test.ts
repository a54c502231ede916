import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp } from "../../testing/app.ts";
import { HEADERS_MAX, URL_CHARS_MAX } from "./front-door.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const PARTNER = "https://partner.example";
const app = await startTestApp({
  rooms: {},
  settings: {
    ALLOWED_ORIGINS: PARTNER,
    PUBLIC_URL: "https://play.example",
    TRUSTED_PROXIES: "127.0.0.1",
    LOADTEST_KEY,
  },
});
const host = new URL(app.url).host;
const FOREIGN = [
  "https://evil.example",
  "null",
  `${app.url}.evil.example`,
  `http://sub.${host}`,
  "http://127.0.0.1:1",
  `https://${host}`,
  "https://play.example.evil.example",
  `${PARTNER}:444`,
];
const DOORS = ["/api/accounts/guest", "/api/accounts/sign-in", "/matchmake/joinOrCreate/arena"];

const REFUSED_WITHIN_MS = 50;

/** A test's own address, as a trusted proxy would name it: allowances of one do not reach the others. */
let addresses = 0;
const elsewhere = () => ({ "x-forwarded-for": `198.51.${100 + ++addresses}.1` });

/** Sends bytes, once per item, and returns all that comes back until the server closes, and how long that took. */
function raw(...pieces: readonly (string | Buffer)[]): Promise<{ reply: string; ms: number }> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    let reply = "";
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1", () => {
      for (const piece of pieces) socket.write(piece);
    });
    onTestFinished(() => void socket.destroy());
    socket.on("data", (chunk) => (reply += chunk.toString()));
    // A server that has refused does not read the rest, and the system then resets the connection.
    socket.on("error", () => {});
    socket.on("close", () => resolve({ reply, ms: performance.now() - startedMs }));
  });
}

const head = (method: string, path: string, headers: Record<string, string | number> = {}) => {
  const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
};

test("[HTTP1] S12: no other site's page acts, by whatever name it comes close to ours", async () => {
  for (const origin of FOREIGN) {
    for (const path of DOORS) {
      const headers = { origin, ...elsewhere() };
      const reply = await app.call("POST", path, { body: {}, headers });
      expect([origin, path, reply.status, reply.body]).toMatchObject([origin, path, 403, { code: "REQUEST_FOREIGN" }]);
    }
    expect(await app.call("GET", "/api/accounts/me", { headers: { origin } })).toMatchObject({ status: 403 });
    const preflight = await app.call("OPTIONS", "/api/accounts/guest", { headers: { origin } });
    expect([origin, preflight.status]).toEqual([origin, 403]);
  }
  const own = [app.url, "https://play.example", PARTNER];
  for (const origin of own) {
    const reply = await app.call("POST", "/api/accounts/guest", { body: {}, headers: { origin, ...elsewhere() } });
    expect([origin, reply.status]).toEqual([origin, 200]);
  }
});

test("[HTTP1] S12: where the browser leaves Origin out, its word about the site is enough to refuse", async () => {
  const guest = (site: string) =>
    app.call("POST", "/api/accounts/guest", { body: {}, headers: { "sec-fetch-site": site, ...elsewhere() } });
  expect(await guest("cross-site")).toMatchObject({ status: 403, body: { code: "REQUEST_FOREIGN" } });
  expect(await guest("same-site")).toMatchObject({ status: 403 });
  expect(await guest("same-origin")).toMatchObject({ status: 200 });
  // A link from another site may be followed.
  expect((await app.call("GET", "/healthz", { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(200);
});

test("[HTTP1] S12: behind a proxy that ends TLS the page is judged by the address that players see", async () => {
  const ticket = (origin: string, headers: Record<string, string>) =>
    app.call("POST", "/api/accounts/guest", { body: {}, headers: { origin, ...elsewhere(), ...headers } });
  expect((await ticket(`https://${host}`, { "x-forwarded-proto": "https" })).status).toBe(200);
  expect((await ticket(`http://${host}`, { "x-forwarded-proto": "https" })).status).toBe(403);
  expect((await ticket("https://other.example", { "x-forwarded-host": "other.example" })).status).toBe(403);
});

test("[HTTP3] S13: only an allow-listed origin is invited, with credentials, and every answer varies by Origin", async () => {
  const cors = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith("access-control")).sort();
  for (const origin of [...FOREIGN, app.url, undefined]) {
    for (const method of ["GET", "OPTIONS"]) {
      const { headers } = await app.call(method, "/healthz", { headers: { ...(origin && { origin }) } });
      expect([origin, cors(headers), headers.get("vary")]).toEqual([origin, [], "Origin"]);
    }
  }
  const { headers } = await app.call("GET", "/healthz", { headers: { origin: PARTNER } });
  expect(headers.get("access-control-allow-origin")).toBe(PARTNER);
  expect(headers.get("access-control-allow-credentials")).toBe("true");
  expect(headers.get("vary")).toBe("Origin");
  const refused = await app.call("GET", "/api/accounts/me", { headers: { origin: PARTNER } });
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, PARTNER]);
  const preflight = await app.call("OPTIONS", "/api/accounts/ticket", {
    headers: { origin: PARTNER, "access-control-request-method": "POST", "access-control-request-headers": "x-any" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-methods")).toBe("GET, POST, DELETE");
  expect(preflight.headers.get("access-control-allow-headers")).toMatch(/^authorization, content-type/);
  expect(Number(preflight.headers.get("access-control-max-age"))).toBeGreaterThan(0);
});

test("[HTTP4] S12: what a page can send without being asked first is no way in, with the player's cookie or without", async () => {
  const guest = await app.call("POST", "/api/accounts/guest", { body: { session: "cookie" }, headers: elsewhere() });
  const cookie = guest.headers.get("set-cookie")?.split(";")[0] ?? "";
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]) {
    for (const path of DOORS) {
      const asked = { "content-type": type, cookie, ...elsewhere() };
      const foreign = await app.call("POST", path, {
        body: "{}",
        headers: { ...asked, origin: "https://evil.example" },
      });
      expect([type, path, foreign.status]).toEqual([type, path, 403]);
      const hidden = await app.call("POST", path, { body: "{}", headers: { ...asked, origin: app.url } });
      expect([type, path, hidden.status]).toEqual([type, path, 415]);
    }
  }
  const ticket = (headers: Record<string, string>) =>
    app.call("POST", "/api/accounts/ticket", {
      body: { room: "arena" },
      headers: { cookie, ...elsewhere(), ...headers },
    });
  expect(await ticket({})).toMatchObject({ status: 403, body: { code: "REQUEST_FOREIGN" } });
  expect(await ticket({ "sec-fetch-site": "none" })).toMatchObject({ status: 403 });
  expect(await ticket({ origin: "https://evil.example" })).toMatchObject({ status: 403 });
  expect(await ticket({ origin: app.url })).toMatchObject({ status: 200 });
  expect(await ticket({ "sec-fetch-site": "same-origin" })).toMatchObject({ status: 200 });
});

test("[HTTP5] S16: what another site's page sends takes nothing from its visitor's allowance at a route", async () => {
  const visitor = elsewhere();
  const signIn = (origin: string) =>
    app.call("POST", "/api/accounts/sign-in", { body: {}, headers: { origin, ...visitor } });
  for (let sent = 0; sent < 200; sent++) expect((await signIn("https://evil.example")).status).toBe(403);
  expect((await signIn(app.url)).status).toBe(400);
});

test("[HTTP5] S16: behind a trusted proxy each client has its own allowance, and its network a larger one", async () => {
  const body = { email: "a@b.example", password: "wrong horse" };
  const signIn = async (client: string) =>
    (await app.call("POST", "/api/accounts/sign-in", { body, headers: { "x-forwarded-for": client } })).status;
  const countUntilLimited = async (client: (attempt: number) => string) => {
    let attempts = 0;
    while (attempts < 400 && (await signIn(client(attempts))) !== 429) attempts++;
    return attempts;
  };
  const alone = await countUntilLimited(() => "203.0.113.1");
  expect(alone).toBeGreaterThan(0);
  expect(alone).toBeLessThan(100);
  expect(await signIn("203.0.113.2")).not.toBe(429);
});

test("[HTTP5] a body is not waited for when the allowance is used up", async () => {
  const headers = elsewhere();
  const guest = () => app.call("POST", "/api/accounts/guest", { body: {}, headers });
  let reply = await guest();
  for (let count = 0; count < 300 && reply.status !== 429; count++) reply = await guest();
  expect(reply).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
  expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
  const type = { "Content-Type": "application/json", "Content-Length": 60_000 };
  const unfinished = await raw(head("POST", "/api/accounts/guest", { ...headers, ...type }));
  expect(unfinished.reply).toMatch(/^HTTP\/1\.1 429 .*retry-after: \d+/s);
  const bot = { ...headers, [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, "bot-1") };
  expect((await app.call("POST", "/api/accounts/guest", { body: {}, headers: bot })).status).toBe(200);
  expect(app.log.filter(({ msg }) => msg === "loadtest.allowed")).toMatchObject([{ level: "warn" }]);
  const forged = { [LOADTEST_HEADER]: signLoadtestName("another key of the same length or so", "bot-1") };
  expect(await app.call("GET", "/healthz", { headers: forged })).toMatchObject({
    status: 403,
    body: { code: "LOADTEST_REFUSED" },
  });
});

test("[HTTP5] matchmaking and addresses where nothing is are limited like routes", async () => {
  const statusesOf = async (count: number, ask: () => Promise<{ status: number }>) => {
    const statuses = new Set<number>();
    for (let sent = 0; sent < count && !statuses.has(429); sent++) statuses.add((await ask()).status);
    return [...statuses];
  };
  const headers = elsewhere();
  const join = () => app.call("POST", "/matchmake/joinOrCreate/nowhere", { body: {}, headers });
  expect(await statusesOf(300, join)).toEqual([404, 429]);
  expect((await app.call("GET", "/api/nothing", { headers })).status).toBe(404);
});

test("[HTTP6] S9: 64 MB, gzip, too many headers and too long an address are refused at once, and memory stays flat", async () => {
  const json = { "Content-Type": "application/json", Connection: "close" };
  const megabytes = Buffer.alloc(64 * 1024 * 1024, "x");
  const packed = gzipSync(Buffer.alloc(1024 * 1024));
  const control = head("GET", "/healthz", { Connection: "close" });
  const before = process.memoryUsage().rss;
  const cases = [
    ["declared", 413, head("POST", DOORS[0] ?? "", { ...json, "Content-Length": megabytes.length }), megabytes],
    [
      "chunked",
      413,
      head("POST", DOORS[0] ?? "", { ...json, "Transfer-Encoding": "chunked" }),
      "4000000\r\n",
      megabytes,
    ],
    ["matchmaking", 413, head("POST", DOORS[2] ?? "", { ...json, "Content-Length": megabytes.length }), megabytes],
    [
      "gzip",
      415,
      head("POST", DOORS[0] ?? "", { ...json, "Content-Encoding": "gzip", "Content-Length": packed.length }),
      packed,
    ],
    ["10 k headers", 431, `GET /healthz HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(10_000)}\r\n`],
    ["101 headers", 431, `GET /healthz HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(HEADERS_MAX)}\r\n`],
    ["16 KB address", 431, head("GET", `/${"x".repeat(16 * 1024)}`, json)],
    ["4 KB address", 414, head("GET", `/${"x".repeat(URL_CHARS_MAX)}`, json)],
  ] as const;
  for (const [name, status, ...pieces] of cases) {
    const tail = name === "101 headers" ? [control] : [];
    /** How much longer than an honest request it takes, at best of three: the machine may be busy with something else. */
    let extraMs = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 3 && extraMs > REFUSED_WITHIN_MS; attempt++) {
      const honest = await raw(control);
      const refused = await raw(...pieces, ...tail);
      expect(honest.reply).toMatch(/^HTTP\/1\.1 200 /);
      expect([name, refused.reply.slice(0, 200)]).toEqual([name, expect.stringContaining(`HTTP/1.1 ${status} `)]);
      extraMs = Math.min(extraMs, refused.ms - honest.ms);
    }
    expect([name, extraMs < REFUSED_WITHIN_MS]).toEqual([name, true]);
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
});

test("[HTTP8] S9 S22: deep JSON, keys twice and keys that name a prototype are refused on every door", async () => {
  const bodies = [
    `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
    `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
    '{"session":"token","session":"cookie"}',
    '{"session":"token","\\u0073ession":"cookie"}',
    '{"__proto__":{"isAdmin":true}}',
    '{"\\u005f_proto__":{"isAdmin":true}}',
    '{"constructor":{"prototype":{"isAdmin":true}}}',
    '{"a":{"b":[{"prototype":1}]}}',
  ];
  for (const path of DOORS) {
    for (const body of bodies) {
      const reply = await app.call("POST", path, { body, headers: elsewhere() });
      expect([path, body.slice(0, 40), reply.status]).toEqual([path, body.slice(0, 40), 400]);
      expect(reply.body).toMatchObject({ code: "REQUEST_INVALID" });
    }
  }
  expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
  const twice = await app.call("DELETE", `/api/accounts/sessions?sessionId=a&sessionId=b`, {
    token: (await app.guest()).token,
  });
  expect(twice).toMatchObject({ status: 400, body: { code: "REQUEST_INVALID" } });
});

test("[HTTP9] S32: answers of the API may do nothing as a page, and every answer is closed to other sites", async () => {
  for (const path of ["/healthz", "/api/nothing", "/no-page", "/matchmake/x"]) {
    const { headers } = await app.call("GET", path);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "strict-transport-security": "max-age=31536000",
      "cache-control": "no-store",
    });
    expect(headers.get("x-powered-by")).toBeNull();
    expect(headers.get("server")).toBeNull();
  }
});

test("[HTTP13] S32: no monitor, no playground, no metrics and no other description of the API is served", async () => {
  const paths = ["/colyseus", "/monitor", "/playground", "/metrics", "/__healthcheck", "/api/reference", "/__apidocs"];
  paths.push("/colyseus/api/room/call", "/playground/rooms", "/matchmake/", "/matchmake/create/arena", "/.env");
  for (const path of paths) {
    expect([path, (await app.call("GET", path)).status]).toEqual([path, 404]);
  }
});

test("[HTTP13] S32: whatever goes wrong, an answer is coded and shows nothing of the inside", async () => {
  const asked = [
    ["TRACE", "/api/accounts/me", {}],
    ["PATCH", "/healthz", {}],
    ["GET", "/api/accounts/me?%ff=%zz", {}],
    ["GET", "/api/%2e%2e/%00", {}],
    ["GET", "/%c0%ae%c0%ae/etc/passwd", {}],
    ["GET", "//etc/passwd", {}],
    ["GET", "http://evil.example/", {}],
    ["GET", "/api/accounts/me", { Host: "256.256.256.256" }],
    ["GET", "/api/accounts/me", { host: "another.example" }],
    ["GET", "/healthz", { Expect: "the-unexpected" }],
    ["GET", "/healthz", { Cookie: "umpire_session=\u00ff" }],
    ["GET", "/api/accounts/me", { Authorization: "Bearer ' OR 1=1 --" }],
    ["POST", "/api/accounts/guest", { "Content-Type": "application/json", "Content-Length": "nonsense" }],
    ["GET", "/", { Upgrade: "h2c", Connection: "Upgrade" }],
  ] as const;
  const latin = Buffer.from('{"session":"\xff"}', "latin1");
  const type = { "Content-Type": "application/json", "Content-Length": latin.length, Connection: "close" };
  expect((await raw(head("POST", "/api/accounts/guest", type), latin)).reply).toMatch(/^HTTP\/1\.1 400 .*not UTF-8/s);
  for (const [method, path, headers] of asked) {
    const { reply } = await raw(head(method, path, { Connection: "close", ...headers }));
    expect([path, reply]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 [234]\d\d /)]);
    expect(reply).not.toMatch(/node_modules|\.ts:|at \w+ \(|colyseus|postgres|select |HPE_|express/i);
    if (!reply.startsWith("HTTP/1.1 2")) expect(reply).toMatch(/"code":"[A-Z_]+".*"errorId":"err_/);
  }
});
