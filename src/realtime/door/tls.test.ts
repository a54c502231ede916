import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { type AddressInfo, connect as connectPlain, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Client, type Room } from "@colyseus/sdk";
import { generate } from "selfsigned";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { readTlsFiles } from "../../platform/tls-files.ts";
import { startTestApp, until } from "../../testing/app.ts";
import { PlainRoom } from "../../testing/plain-room.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { aPrefix, testRedisUrl } from "../../testing/redis.ts";
import { type Seat, Stack } from "../../testing/stacks/stack.ts";

const folder = await mkdtemp(join(tmpdir(), "umpire-tls-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const pair = await generate([{ name: "commonName", value: "game.example" }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "game.example" }] }],
});
const files = { TLS_CERT_FILE: join(folder, "cert.pem"), TLS_KEY_FILE: join(folder, "key.pem") };
await writeFile(files.TLS_CERT_FILE, pair.cert);
await writeFile(files.TLS_KEY_FILE, pair.private, { mode: 0o600 });

const database = await createTestDatabase();
/** Of two processes that are one game; the other one speaks plain HTTP, as behind a proxy. */
const shared = {
  DATABASE_URL: database.url,
  REDIS_URL: testRedisUrl(),
  REDIS_PREFIX: aPrefix(),
  SERVER_SECRET: "only-for-tests-only-for-tests-only-for-tests",
};
const app = await startTestApp({
  rooms: {
    plain: {
      room: PlainRoom,
      filters: (region) =>
        z.strictObject({ lane: z.string().max(20).default("main"), region: z.literal(region).default(region) }),
    },
  },
  settings: { ...shared, ...files },
});
const port = Number(new URL(app.url).port);
/** Who checks the certificate finds it to be the one that was set. */
const trusted = { host: "127.0.0.1", port, servername: "game.example", ca: pair.cert };

interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: Record<string, unknown>;
}

function call(method: string, path: string, headers: Record<string, string>, body?: object): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...trusted, method, path, headers: { host: "game.example", ...headers } }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk.toString()));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }),
      );
    });
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A plain port whose connections go on with TLS, for clients that would not trust the certificate. */
async function openTunnel(): Promise<number> {
  const tunnel = createServer((plain) => {
    const secure = connect(trusted);
    plain.pipe(secure).pipe(plain);
    plain.on("error", () => secure.destroy());
    secure.on("error", () => plain.destroy());
  });
  await new Promise<void>((resolve) => tunnel.listen(0, "127.0.0.1", resolve));
  afterAll(() => void tunnel.close());
  return (tunnel.address() as AddressInfo).port;
}

test("[HTTP10] with a certificate the listener speaks https, and browsers are told to insist on it", async () => {
  const { status, headers } = await call("GET", "/healthz", {});
  expect(status).toBe(200);
  expect(headers["strict-transport-security"]).toBe("max-age=31536000");
});

test("[HTTP10] S12: over https a page is ours by scheme, host and port", async () => {
  const json = { "content-type": "application/json" };
  const guest = (origin: string) => call("POST", "/api/accounts/guest", { ...json, origin }, {});
  expect(await guest("https://game.example")).toMatchObject({ status: 200 });
  expect(await guest("http://game.example")).toMatchObject({ status: 403, body: { code: "REQUEST_FOREIGN" } });
  expect(await guest("https://game.example:444")).toMatchObject({ status: 403 });
});

const tunnel = await openTunnel();

/** An SDK that may ask for one seat through wss. */
async function aPlayer(): Promise<Client> {
  const json = { "content-type": "application/json" };
  const { body: guest } = await call("POST", "/api/accounts/guest", json, {});
  const bearer = { ...json, authorization: `Bearer ${guest["token"]}` };
  const { body } = await call("POST", "/api/accounts/ticket", bearer, { room: "plain" });
  const client = new Client(`http://127.0.0.1:${tunnel}`);
  client.auth.token = String(body["ticket"]);
  return client;
}

/** Until a process has told of itself, and where the draw falls on another, rooms are made elsewhere. */
async function aSeatAt(stack: Stack): Promise<Seat> {
  const processId = await stack.ask<string>("processId");
  for (let lane = 0; lane < 60; lane++) {
    const options = { lane: `lane-${lane}` };
    const { body } = await stack.matchmake(await stack.caller(), "joinOrCreate", "plain", { options });
    const seat = body as unknown as Seat;
    if (seat.processId === processId) return seat;
  }
  throw new Error(`none of sixty rooms was made at ${processId}`);
}

async function playsAndLeaves(room: Room<never, { tick: number }>): Promise<void> {
  await until(() => room.state?.tick > 5);
  await room.leave();
}

test("[HTTP10] a player joins and stays in a match through wss", async () => {
  await playsAndLeaves(await (await aPlayer()).joinOrCreate<{ tick: number }>("plain"));
});

test("[RELAY1] who comes in by wss plays in a room of another process, as whoever comes in plainly does", async () => {
  const other = await Stack.start("cluster", { settings: shared });
  try {
    const { roomId } = await aSeatAt(other);
    await playsAndLeaves((await (await aPlayer()).joinById(roomId)) as never);
  } finally {
    await other.stop();
  }
});

test("[HTTP10] without TLS there is no way in", async () => {
  const reply = await new Promise<string>((resolve) => {
    let text = "";
    const socket = connectPlain(port, "127.0.0.1", () => socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
  expect(reply).not.toContain('"ok"');
  const old = connect({ ...trusted, maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" });
  await expect(
    new Promise((resolve, reject) => old.on("secureConnect", resolve).on("error", reject)),
  ).rejects.toThrow();
});

test("[HTTP10] files that are no certificate and its key end the start with one plain message", async () => {
  const wrong = [
    { ...files, TLS_KEY_FILE: join(folder, "missing.pem") },
    { ...files, TLS_KEY_FILE: files.TLS_CERT_FILE },
  ];
  for (const settings of wrong) {
    await expect(readTlsFiles(settings)).rejects.toThrow(/TLS_CERT_FILE and TLS_KEY_FILE must be a certificate/);
  }
  expect(await readTlsFiles({ TLS_CERT_FILE: null, TLS_KEY_FILE: null })).toBeNull();
});
