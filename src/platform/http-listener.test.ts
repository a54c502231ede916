import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { TestClock } from "./clock.ts";
import { createErrorTranslator } from "./errors.ts";
import { createHttpListener, TIMEOUTS } from "./http-listener.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { cryptoRandom } from "./random.ts";

const log = createLog({ level: "silent" });
const translate = createErrorTranslator({ ids: createIds({ clock: new TestClock(), random: cryptoRandom }), log });
/** Whoever is not cut off stays for a minute or for good; a busy machine may take its time over it. */
const CUT_OFF_MS_MAX = 5_000;
/** As the server has them, but a tenth. */
const timeouts = { headersMs: 400, requestMs: 800, stallMs: 400, checkEveryMs: 50 };
let onLargeClosed: (isFinished: boolean) => void = () => {};
const port = await listen();

async function listen(): Promise<number> {
  const server = createHttpListener({ tls: null, translate, timeouts });
  server.on("request", (request, response) => {
    if (request.url === "/large") {
      response.on("close", () => onLargeClosed(response.writableFinished));
      return void response.end(Buffer.alloc(32 * 1024 * 1024));
    }
    request.resume();
    request.on("end", () => response.end("whole"));
    request.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Sends each piece after `everyMs`, over and over, and resolves when the server has closed: what it said, and when. */
function trickle(pieces: readonly string[], everyMs: number): Promise<{ reply: string; ms: number }> {
  const startedMs = performance.now();
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let reply = "";
  let next = 0;
  const timer = setInterval(() => socket.write(pieces[Math.min(next++, pieces.length - 1)] ?? ""), everyMs);
  return new Promise((resolve) => {
    socket.on("data", (chunk) => (reply += chunk.toString()));
    socket.on("error", () => {});
    socket.on("close", () => {
      clearInterval(timer);
      resolve({ reply, ms: performance.now() - startedMs });
    });
  });
}

const bodyOf = (reply: string) => JSON.parse(reply.slice(reply.indexOf("{")));

test("[HTTP7] S7: headers that trickle in are cut off in time, with a coded answer", async () => {
  const { reply, ms } = await trickle(["GET / HTTP/1.1\r\nHost: a\r\n", "X-a: b\r\n"], 20);
  expect(reply).toMatch(/^HTTP\/1\.1 408 .*\r\nconnection: close\r\n/s);
  expect(bodyOf(reply)).toMatchObject({ code: "REQUEST_TIMEOUT", errorId: expect.stringMatching(/^err_/) });
  expect(ms).toBeLessThan(CUT_OFF_MS_MAX);
});

test("[HTTP7] S7: a body that trickles in is cut off in time", async () => {
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n";
  const { reply, ms } = await trickle([head, "x"], 20);
  expect(reply).toMatch(/^HTTP\/1\.1 408 /);
  expect(ms).toBeGreaterThan(timeouts.headersMs);
  expect(ms).toBeLessThan(CUT_OFF_MS_MAX);
});

test("[HTTP7] S7: a connection that never says anything is closed in time", async () => {
  const { ms } = await trickle([""], 10_000);
  expect(ms).toBeLessThan(CUT_OFF_MS_MAX);
});

test("[HTTP7] S7: two hundred slow peers leave an honest one its answer, and all are gone in time", async () => {
  const crowd = Array.from({ length: 200 }, () => trickle(["GET / HTTP/1.1\r\n", "X-a: b\r\n"], 100));
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("whole");
  for (const { reply } of await Promise.all(crowd)) expect(reply).toMatch(/^(HTTP\/1\.1 408 |$)/);
});

test("[HTTP7] S7: a peer that asks for much and reads nothing of it is cut off in time", async () => {
  const startedMs = performance.now();
  const closed = new Promise<boolean>((resolve) => (onLargeClosed = resolve));
  const socket = connect(port, "127.0.0.1", () => socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  onTestFinished(() => void socket.destroy());
  expect(await closed).toBe(false);
  expect(performance.now() - startedMs).toBeLessThan(CUT_OFF_MS_MAX);
});

test("[HTTP7] S7: the server's own timeouts are within what is promised", () => {
  expect(TIMEOUTS.headersMs + TIMEOUTS.checkEveryMs).toBeLessThanOrEqual(5_000);
  expect(TIMEOUTS.requestMs + TIMEOUTS.checkEveryMs).toBeLessThanOrEqual(30_000);
  const server = createHttpListener({ tls: null, translate });
  expect(server).toMatchObject({ headersTimeout: TIMEOUTS.headersMs, requestTimeout: TIMEOUTS.requestMs });
  expect(server.keepAliveTimeout).toBeLessThanOrEqual(5_000);
});

test("[HTTP13] S32: what is no HTTP at all gets a coded answer that tells nothing", async () => {
  const asked = [
    ["nonsense\r\n\r\n", 400, "REQUEST_INVALID"],
    ["GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, "REQUEST_INVALID"],
    ["GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", 400, "REQUEST_INVALID"],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "REQUEST_INVALID"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "REQUEST_INVALID"],
    [`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431, "REQUEST_HEADERS_TOO_LARGE"],
    [`GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(10_000)}\r\n`, 431, "REQUEST_HEADERS_TOO_LARGE"],
  ] as const;
  for (const [bytes, status, code] of asked) {
    const { reply } = await trickle([bytes, ""], 10);
    expect([bytes.slice(0, 60), reply]).toEqual([bytes.slice(0, 60), expect.stringContaining(`HTTP/1.1 ${status} `)]);
    expect(bodyOf(reply)).toMatchObject({ code, details: {} });
    expect(reply).not.toMatch(/HPE_|llhttp|parse error|node/i);
  }
});
