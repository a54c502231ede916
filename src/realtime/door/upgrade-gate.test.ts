import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { z } from "zod";
import { closeCodes, LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp } from "../../testing/app.ts";
import { askForSeat, PlainRoom, type ReservedSeat, seatPath } from "../../testing/plain-room.ts";
import { opcodes, RawSocket, UpgradeRefused } from "../../testing/stacks/raw-socket.ts";

const FRIEND = "https://friend.example";
const PLAIN_SEATS = 8;
const SOCKETS_PER_ADDRESS = 12;
const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const app = await startTestApp({
  rooms: { plain: { room: PlainRoom, filters: () => z.strictObject({ lane: z.string().max(20).default("main") }) } },
  settings: {
    ALLOWED_ORIGINS: FRIEND,
    SOCKETS_PER_ADDRESS: String(SOCKETS_PER_ADDRESS),
    LOADTEST_KEY,
  },
});
const port = Number(new URL(app.url).port);
let lane = 0;
let bot = 0;
/** Counted by itself, so that what a test does in passing does not use up the address. */
const apart = () => ({ [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `bot-${bot++}`) });

async function aSeat(): Promise<ReservedSeat> {
  const { status, body } = await askForSeat(app, await app.guest(), {
    room: "plain",
    filters: { lane: `lane-${lane++}` },
    headers: apart(),
  });
  expect(status).toBe(200);
  return body;
}

/** Dials as a page or a program would; gives 101 or the status of the refusal. */
async function dial(path: string, headers: Record<string, string> = {}): Promise<number> {
  const dialled = await dialFromHere(path, { ...apart(), ...headers });
  if (typeof dialled === "number") return dialled;
  dialled.destroy();
  return 101;
}

/** The socket, or the status of the refusal. */
async function dialFromHere(path: string, headers: Record<string, string> = {}): Promise<RawSocket | number> {
  try {
    return await RawSocket.dial({ port, path, headers });
  } catch (refusal) {
    if (refusal instanceof UpgradeRefused) return refusal.status;
    throw refusal;
  }
}

/** Sends raw text and resolves with all that came and how long the server kept the connection. */
function rawUntilClosed(text: string): Promise<{ answer: string; lastedMs: number }> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve({ answer, lastedMs: performance.now() - startedMs }));
  });
}

const upgradeHead = (path: string, headers: readonly string[]) =>
  `GET ${path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n${headers.join("\r\n")}\r\n\r\n`;

const openSockets = async () => {
  const metrics = await (await fetch(app.metricsUrl)).text();
  return Number(/^umpire_sockets (\d+)$/m.exec(metrics)?.[1]);
};
const noSockets = async () => {
  for (let looks = 0; looks < 200 && (await openSockets()) > 0; looks++) await new Promise((go) => setTimeout(go, 20));
  expect(await openSockets()).toBe(0);
};

test("[DOOR1] S12: a page of another origin, or one that hides it, is refused before the handshake", async () => {
  for (const origin of [
    "https://evil.example",
    "null",
    "",
    `http://127.0.0.1:${port + 1}`,
    `https://127.0.0.1:${port}`,
    `http://127.0.0.1:${port}.evil.example`,
    `http://127.0.0.1:${port}/`,
    "http://127.0.0.1",
    `${FRIEND}.evil.example`,
    `${FRIEND}:444`,
    "https://evilfriend.example",
    "http://friend.example",
    `${FRIEND} https://evil.example`,
  ]) {
    expect(`${origin}: ${await dial(seatPath(await aSeat()), { origin })}`).toBe(`${origin}: 403`);
  }
});

test("[DOOR1] S12: the server's own page and an allowed one are let in, and a program that claims a seat", async () => {
  expect(await dial(seatPath(await aSeat()), { origin: app.url })).toBe(101);
  expect(await dial(seatPath(await aSeat()), { origin: FRIEND })).toBe(101);
  expect(await dial(seatPath(await aSeat()))).toBe(101);
  // Without an Origin there is no page, and whoever is no page has no cookies.
  expect(await dial(seatPath(await aSeat()), { cookie: "session=x" })).toBe(403);
  expect(await dial(seatPath(await aSeat()), { origin: app.url, cookie: "session=x" })).toBe(101);
});

test("[DOOR2] only the engine's own form of URL reaches the handshake, with one session id of 128 bits and no session token", async () => {
  const { processId, roomId, sessionId } = await aSeat();
  for (const path of [
    "/",
    "/socket",
    `/?sessionId=${sessionId}`,
    `/${roomId}?sessionId=${sessionId}`,
    `/a/${processId}/${roomId}?sessionId=${sessionId}`,
    `/${processId}/${roomId}`,
    `/${processId}/${roomId}/?sessionId=${sessionId}`,
    `/${processId}/${roomId}?sessionId=`,
    `/${processId}/${roomId}?sessionId=short`,
    `/${processId}/${roomId}?sessionId=__proto__`,
    `/${processId}/${roomId}?sessionId=${sessionId}x`,
    `/${processId}/${roomId}?sessionId=${sessionId}&sessionId=${sessionId}`,
    `/${processId}/${roomId}?sessionId=${sessionId}&reconnectionToken=x`,
    `/${processId}/${roomId}%2F..?sessionId=${sessionId}`,
  ]) {
    expect(`${path}: ${await dial(path)}`).toBe(`${path}: 400`);
  }
  const claim = `/${processId}/${roomId}?sessionId=${sessionId}`;
  expect(await dial(`${claim}&_authToken=${(await app.guest()).token}`)).toBe(400);
  expect(await dial(`${claim}&_authToken=${await app.ticket(await app.guest(), "plain")}`)).toBe(101);
});

test("[DOOR2] S12: a malformed Host, a second one or none is refused", async () => {
  const path = seatPath(await aSeat());
  for (const host of [["Host: [[["], ["Host: a b"], ["Host: user@127.0.0.1"], ["Host: a", "Host: b"], []]) {
    const { answer } = await rawUntilClosed(upgradeHead(path, host));
    expect(`${host.join()}: ${answer.slice(0, 12)}`).toBe(`${host.join()}: HTTP/1.1 400`);
  }
});

test("[DOOR2] a refusal of an upgrade has the form of every other, and shows nothing of the inside", async () => {
  const { answer } = await rawUntilClosed(
    upgradeHead("/", [`Host: 127.0.0.1:${port}`, "Origin: https://evil.example"]),
  );
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.1 403 Forbidden\r\ncontent-type: application\/json\r\n/);
  expect(JSON.parse(body)).toMatchObject({ code: "REQUEST_FOREIGN", errorId: expect.stringMatching(/^err_/) });
});

test("[DOOR2] a socket for hot reload is not left hanging where nobody reloads", async () => {
  for (const protocol of ["vite-hmr", "vite-ping"]) {
    expect(await dial("/", { "sec-websocket-protocol": protocol })).toBe(400);
  }
});

test("[DOOR3] S7: one address holds so many sockets and no more, and gets its places back", async () => {
  await noSockets();
  const seats = await Promise.all(Array.from({ length: SOCKETS_PER_ADDRESS + 4 }, aSeat));
  const dialled = await Promise.all(seats.slice(1).map((seat) => dialFromHere(seatPath(seat))));
  expect(dialled.filter((result) => typeof result === "number")).toEqual([429, 429, 429]);
  for (const socket of dialled) if (typeof socket !== "number") socket.destroy();
  await noSockets();
  const [last] = seats;
  const late = await dialFromHere(seatPath(last as ReservedSeat));
  expect(late).toBeInstanceOf(RawSocket);
  (late as RawSocket).destroy();
});

const TIME_ALLOWED_MS = 5_000;

test("[DOOR4] S7: silence, half an upgrade and a join that is never finished are each over within five seconds", async () => {
  const ask = async (options: object) =>
    askForSeat(app, await app.guest(), { room: "plain", headers: apart(), ...options });
  const filters = { lane: "given-back" };
  const witness = await app.join(await app.guest(), "plain", filters);
  const seats = await Promise.all(Array.from({ length: PLAIN_SEATS - 1 }, () => ask({ filters })));
  expect(await ask({ method: "joinById", target: witness.roomId })).toMatchObject({ body: { code: "ROOM_FULL" } });
  const [unfinished, withFrames, ...others] = await Promise.all(
    seats.map(({ body }) => RawSocket.dial({ port, path: seatPath(body), headers: apart() })),
  );
  const startedMs = performance.now();
  const lastedMs = async (closed: Promise<unknown>) => {
    await closed;
    return performance.now() - startedMs;
  };
  // Frames and pings are no acknowledgement, however many of them there are.
  const chatter = setInterval(() => {
    withFrames?.send(Uint8Array.of(13, 0));
    withFrames?.send(new Uint8Array(0), opcodes.ping);
  }, 500);
  const half = upgradeHead("/a/b", ["Host: a"]).slice(0, -2);
  const all = await Promise.all([
    ...Array.from({ length: 40 }, async () => (await rawUntilClosed("")).lastedMs),
    ...Array.from({ length: 10 }, async () => (await rawUntilClosed(half)).lastedMs),
    ...[unfinished, withFrames, ...others].map((socket) => lastedMs(socket?.closed ?? Promise.reject())),
  ]);
  clearInterval(chatter);
  expect(Math.max(...all)).toBeLessThan(TIME_ALLOWED_MS);
  expect(await unfinished?.closed).toBe(closeCodes.LATE);
  expect(await withFrames?.closed).toBe(closeCodes.LATE);
  // Their seats are free again.
  for (let seat = 1; seat < PLAIN_SEATS; seat++) {
    expect(await ask({ method: "joinById", target: witness.roomId })).toMatchObject({ status: 200 });
  }
  await witness.leave();
  await noSockets();
});

test("[DOOR3] S7: one address that dials again and again is told to wait, and others are not", async () => {
  const unknown = `/process/room?sessionId=${randomBytes(16).toString("base64url")}`;
  let refused: unknown;
  for (let dials = 0; dials < SOCKETS_PER_ADDRESS * 5 && typeof refused !== "number"; dials++) {
    refused = await dialFromHere(unknown);
    if (refused instanceof RawSocket) await refused.closed;
  }
  expect(refused).toBe(429);
  const { answer } = await rawUntilClosed(upgradeHead(unknown, [`Host: 127.0.0.1:${port}`]));
  expect(answer).toMatch(/^HTTP\/1\.1 429 .*\r\nretry-after: [1-9]/s);
  expect(await dial(unknown)).toBe(101);
  await noSockets();
});
