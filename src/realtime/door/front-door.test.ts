import { connect } from "node:net";
import { expect, test } from "vitest";
import { BODY_BYTES_MAX } from "../../../schema/protocol.ts";
import { startTestApp } from "../../testing/app.ts";

const app = await startTestApp({ rooms: {} });

interface Failure {
  code: string;
  message: string;
  details: object;
  errorId: string;
}

/** Sends raw bytes and returns all that comes back until the server closes. */
function raw(text: string): Promise<string> {
  const { port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    let reply = "";
    socket.on("data", (chunk) => (reply += chunk.toString()));
    socket.on("close", () => resolve(reply));
    socket.on("error", reject);
  });
}

test("[PLATFORM8] every failure is JSON with code, message, details and error id", async () => {
  const asked = [
    ["GET", "/api/nothing", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/no-page", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/api//accounts/me", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/api/accounts/me/", 404, "ROUTE_NOT_FOUND"],
    ["DELETE", "/api/accounts/ticket", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/matchmake/joinOrCreate/arena", 404, "ROUTE_NOT_FOUND"],
    ["POST", "/matchmake/joinOrCreate/arena/more", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/api/accounts/me", 401, "UNAUTHENTICATED"],
  ] as const;
  for (const [method, path, status, code] of asked) {
    const reply = await app.call(method, path);
    expect([path, reply.status, (reply.body as Failure).code]).toEqual([path, status, code]);
    expect(Object.keys(reply.body).sort()).toEqual(["code", "details", "errorId", "message"]);
    expect(reply.headers.get("content-type")).toBe("application/json");
  }
});

test("[PLATFORM8] a body that is not JSON, or has other fields, is refused by name", async () => {
  const broken = await app.call("POST", "/api/accounts/sign-in", { body: "{nope" });
  expect(broken).toMatchObject({ status: 400, body: { code: "REQUEST_INVALID" } });
  const extra = await app.call("POST", "/api/accounts/guest", { body: { isAdmin: true, __proto__x: 1 } });
  expect(extra).toMatchObject({ status: 400, body: { code: "REQUEST_INVALID" } });
  expect(JSON.stringify(extra.body)).toContain("isAdmin");
});

test("[PLATFORM9] a body over 64 KB is refused on every door, with and without a declared length", async () => {
  const large = JSON.stringify({ text: "x".repeat(BODY_BYTES_MAX) });
  for (const path of ["/api/accounts/guest", "/matchmake/joinOrCreate/arena"]) {
    const declared = await app.call("POST", path, { body: large });
    expect(declared).toMatchObject({ status: 413, body: { code: "REQUEST_TOO_LARGE" } });
    const chunks = `${(large.length).toString(16)}\r\n${large}\r\n0\r\n\r\n`;
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await raw(head + chunks)).toMatch(/^HTTP\/1\.1 413 .*REQUEST_TOO_LARGE/s);
  }
});

test("[PLATFORM9] a form or plain text, which another site's page could send, is not taken for JSON", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    const reply = await app.call("POST", "/api/accounts/guest", { body: "{}", headers: { "content-type": type } });
    expect(reply).toMatchObject({ status: 415, body: { code: "REQUEST_UNSUPPORTED" } });
  }
});

test("[PLATFORM8] a malformed Host or request line gets an answer and harms nothing", async () => {
  expect(await raw("GET /healthz HTTP/1.1\r\nHost: [[[\r\nConnection: close\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  expect(await raw("GET //evil.example/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 404 /,
  );
  expect((await app.call("GET", "/healthz")).status).toBe(200);
});

test("[PLATFORM10] an answer has the fields its route declares and no others", async () => {
  const player = await app.guest();
  const { body } = await app.call("GET", "/api/accounts/me", { token: player.token });
  expect(JSON.stringify(body)).not.toMatch(/hash|password|session/i);
});

test("[PLATFORM11] a cookie from another site's page may read but not act", async () => {
  const signedIn = await app.call("POST", "/api/accounts/guest", { body: { session: "cookie" } });
  expect(signedIn.body).toMatchObject({ token: null });
  const cookie = signedIn.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(/HttpOnly/i);
  expect(cookie).toMatch(/SameSite=(Lax|Strict)/i);
  const headers = { cookie: cookie.split(";", 1)[0] ?? "" };
  const ticket = (origin: string) =>
    app.call("POST", "/api/accounts/ticket", { body: { room: "arena" }, headers: { ...headers, origin } });
  expect(await ticket("https://evil.example")).toMatchObject({ status: 403, body: { code: "REQUEST_FOREIGN" } });
  expect(await ticket("null")).toMatchObject({ status: 403 });
  expect(await ticket(app.url)).toMatchObject({ status: 200 });
});

test("[PLATFORM12] a caller over its allowance is told when to come back", async () => {
  const signIn = () =>
    app.call("POST", "/api/accounts/sign-in", { body: { email: "a@b.example", password: "wrong horse" } });
  let reply = await signIn();
  for (let count = 0; count < 40 && reply.status !== 429; count++) reply = await signIn();
  expect(reply).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
  expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("[PLATFORM13] the server says that it is alive and ready", async () => {
  expect(await app.call("GET", "/healthz")).toMatchObject({ status: 200, body: { ok: true } });
  expect(await app.call("GET", "/readyz")).toMatchObject({ status: 200, body: { ok: true } });
});

test("[PLATFORM14] no version, no cross-origin invitation, and metrics on the private listener only", async () => {
  const home = await app.call("GET", "/", { headers: { origin: "https://evil.example" } });
  expect(JSON.stringify(home.body)).not.toMatch(/colyseus/i);
  expect([...home.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  expect(home.headers.get("x-powered-by")).toBeNull();
  expect((await app.call("GET", "/metrics")).status).toBe(404);
  expect((await app.call("GET", "/__healthcheck")).status).toBe(404);
  const metrics = await (await fetch(app.metricsUrl)).text();
  expect(metrics).toMatch(/umpire_http_seconds_count\{route="GET \/healthz",status="200"\} [1-9]/);
});
