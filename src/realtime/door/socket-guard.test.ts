import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { Protocol } from "@colyseus/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { closeCodes, LOADTEST_HEADER, MESSAGE_BYTES_MAX } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp, type TestPlayer, until } from "../../testing/app.ts";
import { askForSeat, type Plain, PlainRoom, seatPath } from "../../testing/plain-room.ts";
import { clientFrame, opcodes, RawSocket } from "../../testing/stacks/raw-socket.ts";
import { TIMED } from "../../testing/timed.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const app = await startTestApp({
  rooms: { plain: { room: PlainRoom, filters: () => z.strictObject({ lane: z.string().max(20).default("main") }) } },
  settings: { LOADTEST_KEY, RECONNECT_SECONDS: "0" },
});
const port = Number(new URL(app.url).port);
let bot = 0;
const apart = () => ({ [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `bot-${bot++}`) });

/** A socket on its way into the room, whose frames the server reads already. */
async function sit(): Promise<RawSocket> {
  const { body } = await askForSeat(app, await app.guest(), { room: "plain", headers: apart() });
  return RawSocket.dial({ port, path: seatPath(body), headers: apart() });
}

interface FrameShape {
  readonly opcode: number;
  readonly payload?: Uint8Array;
  readonly isLast?: boolean;
  /** The three reserved bits, as a number from 0 to 7. */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** What the header says, whatever follows. */
  readonly length?: bigint;
}

/** Any frame, also one that RFC 6455 forbids. */
function frame({
  opcode,
  payload = new Uint8Array(0),
  isLast = true,
  reserved = 0,
  isMasked = true,
  length,
}: FrameShape) {
  const said = length ?? BigInt(payload.length);
  const mask = isMasked ? 0x80 : 0;
  const head = [(isLast ? 0x80 : 0) | (reserved << 4) | opcode];
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(said);
  if (length !== undefined || said > 65_535n) head.push(mask | 127, ...long);
  else if (said > 125n) head.push(mask | 126, ...long.subarray(6));
  else head.push(mask | Number(said));
  return Buffer.concat([Buffer.from(head), Buffer.alloc(isMasked ? 4 : 0), payload]);
}

const bytes = (count: number) => Buffer.alloc(count, 1);
const closing = (code: number, reason: Uint8Array = new Uint8Array(0)) => {
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.set(reason, 2);
  return payload;
};
const BAD_UTF8 = Buffer.from([0xc3, 0x28]);
const { text, binary, close, ping, pong } = opcodes;
const CONTINUED = 0;
const piece = (opcode: number, payload: Uint8Array) => frame({ opcode, payload, isLast: false });

test("[DOOR5] S5: each frame that we do not take ends the connection with the code that names why", async () => {
  const cases: [what: string, sent: readonly Uint8Array[], code: number][] = [
    ["a text frame", [frame({ opcode: text, payload: Buffer.from("hello") })], 1003],
    ["text of broken UTF-8", [frame({ opcode: text, payload: BAD_UTF8 })], 1007],
    ["a message above the limit", [frame({ opcode: binary, payload: bytes(MESSAGE_BYTES_MAX + 1) })], 1009],
    ["a length of 2^40", [frame({ opcode: binary, length: 2n ** 40n })], 1009],
    ["a length of 2^63", [frame({ opcode: binary, length: 2n ** 63n })], 1009],
    ["pieces above the limit", [piece(binary, bytes(4000)), piece(CONTINUED, bytes(97))], 1009],
    ["an unmasked frame", [frame({ opcode: binary, payload: bytes(1), isMasked: false })], 1002],
    ["an unmasked ping", [frame({ opcode: ping, isMasked: false })], 1002],
    ["the first reserved bit", [frame({ opcode: binary, payload: bytes(1), reserved: 4 })], 1002],
    ["the second reserved bit", [frame({ opcode: binary, payload: bytes(1), reserved: 2 })], 1002],
    ["the third reserved bit", [frame({ opcode: binary, payload: bytes(1), reserved: 1 })], 1002],
    ["a reserved bit on a ping", [frame({ opcode: ping, reserved: 4 })], 1002],
    ["opcode 3", [frame({ opcode: 3 })], 1002],
    ["opcode 7", [frame({ opcode: 7 })], 1002],
    ["opcode 11", [frame({ opcode: 11 })], 1002],
    ["opcode 15", [frame({ opcode: 15 })], 1002],
    ["a ping in pieces", [piece(ping, bytes(1))], 1002],
    ["a ping of 126 bytes", [frame({ opcode: ping, payload: bytes(126) })], 1002],
    ["a close frame of 1 byte", [frame({ opcode: close, payload: bytes(1) })], 1002],
    ["a piece of nothing", [frame({ opcode: CONTINUED, payload: bytes(1) })], 1002],
    ["a message inside another", [piece(binary, bytes(1)), frame({ opcode: binary, payload: bytes(1) })], 1002],
    ["close code 999", [frame({ opcode: close, payload: closing(999) })], 1002],
    ["close code 1005", [frame({ opcode: close, payload: closing(1005) })], 1002],
    ["close code 1006", [frame({ opcode: close, payload: closing(1006) })], 1002],
    ["close code 5000", [frame({ opcode: close, payload: closing(5000) })], 1002],
    ["a close reason of broken UTF-8", [frame({ opcode: close, payload: closing(1000, BAD_UTF8) })], 1007],
    [
      "too many pieces",
      [piece(binary, bytes(1)), ...Array.from({ length: 40 }, () => piece(CONTINUED, bytes(1)))],
      1008,
    ],
    ["a proper close", [frame({ opcode: close, payload: closing(1000) })], 1000],
    ["a close without a code", [frame({ opcode: close })], 1005],
  ];
  const codes = await Promise.all(
    cases.map(async ([what, sent]) => {
      const socket = await sit();
      for (const part of sent) socket.sendFramed(part);
      return [what, await socket.closed];
    }),
  );
  expect(codes).toEqual(cases.map(([what, , code]) => [what, code]));
});

test("[DOOR5] S5: what is allowed is taken: messages in pieces with a ping between them, empty frames, long lengths", async () => {
  const room = await app.join<Plain>(await app.guest(), "plain");
  room.onMessage("*", () => {});
  const errors: { code: string }[] = [];
  room.onMessage("error", (error) => void errors.push(error));
  const socket = await sit();
  socket.sendFramed(
    Buffer.concat([
      piece(binary, bytes(1)),
      frame({ opcode: ping, payload: bytes(125) }),
      piece(CONTINUED, new Uint8Array(0)),
      frame({ opcode: CONTINUED, payload: bytes(1) }),
      frame({ opcode: binary, payload: bytes(5), length: 5n }),
      frame({ opcode: pong }),
    ]),
  );
  const { tick } = await until(() => room.state);
  await until(() => room.state.tick > tick + 6);
  expect(socket.isClosed).toBe(false);
  socket.destroy();
  await room.leave();
});

test("[DOOR6] S6: a flood of pings or pongs is cut off, and the others in the room do not notice", TIMED, async () => {
  const witness = await app.join<Plain>(await app.guest(), "plain");
  witness.onMessage("*", () => {});
  await until(() => witness.state?.tick);
  const arrivals: number[] = [];
  witness.onStateChange(() => void arrivals.push(performance.now()));
  for (const opcode of [ping, pong]) {
    const socket = await sit();
    const flood = Buffer.concat(Array.from({ length: 10_000 }, () => clientFrame(new Uint8Array(0), opcode)));
    const startedMs = performance.now();
    socket.sendFramed(flood);
    expect(await socket.closed).toBe(closeCodes.OFFENCE);
    expect(performance.now() - startedMs).toBeLessThan(1500);
  }
  const gaps = arrivals.slice(1).map((atMs, index) => atMs - (arrivals[index] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(500);
  await witness.leave();
});

test("[DOOR6] S6: one ping in a while is answered, however long it goes on", async () => {
  const room = await app.join<Plain>(await app.guest(), "plain");
  room.onMessage("*", () => {});
  const { path, socket } = await open();
  expect(path).toContain("sessionId=");
  const pongs: number[] = [];
  socket.on("data", (chunk: Buffer) => {
    if (chunk[0] === (0x80 | pong)) pongs.push(performance.now());
  });
  for (let count = 1; count <= 10; count++) {
    socket.write(clientFrame(new Uint8Array(0), ping));
    await until(() => pongs.length === count);
  }
  socket.destroy();
  await room.leave();
});

/** A connection after its handshake, without a WebSocket client that would answer anything. */
async function open(
  headers: readonly string[] = [],
  player?: TestPlayer,
): Promise<{ path: string; socket: Socket; answer: string }> {
  const { body } = await askForSeat(app, player ?? (await app.guest()), { room: "plain", headers: apart() });
  const path = seatPath(body);
  const own = Object.entries(apart()).map(([name, value]) => `${name}: ${value}`);
  const head = [
    `GET ${path} HTTP/1.1`,
    "Host: a",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ...own,
    ...headers,
  ];
  const socket = connect(port, "127.0.0.1", () => socket.write(`${head.join("\r\n")}\r\n\r\n`));
  socket.on("error", () => {});
  const answer = await new Promise<string>((resolve) =>
    socket.once("data", (chunk) => resolve(chunk.toString("latin1"))),
  );
  return { path, socket, answer };
}

test("[DOOR6] S6: compression is not agreed on, so that no small frame becomes a large one", async () => {
  const { answer, socket } = await open(["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]);
  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  expect(answer).not.toMatch(/sec-websocket-extensions/i);
  socket.destroy();
});

test("[DOOR6] S6: 20 000 unfinished pieces of one byte end the connection and leave no memory behind", async () => {
  const pieces = Buffer.concat([
    piece(binary, bytes(1)),
    ...Array.from({ length: 20_000 }, () => piece(CONTINUED, bytes(1))),
  ]);
  const attack = async () => {
    const socket = await sit();
    socket.sendFramed(pieces);
    expect(await socket.closed).toBe(1008);
  };
  // The first time fills the process's own stores.
  await attack();
  const before = process.memoryUsage().rss;
  await attack();
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(5);
});

test("[DOOR6] S6: a frame that comes in crumbs costs no more than a few", async () => {
  const { socket } = await open();
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  socket.setNoDelay(true);
  const whole = frame({ opcode: binary, payload: bytes(2000) });
  for (let at = 0; at < whole.length && socket.writable; at++) {
    socket.write(whole.subarray(at, at + 1));
    await new Promise((go) => setImmediate(go));
    await new Promise((go) => setImmediate(go));
  }
  await closed;
  expect(received.includes(Buffer.from([0x88, 2, 1008 >> 8, 1008 & 0xff]))).toBe(true);
});

test(
  "[DOOR7] S15: a player who is sent away and does not answer the close frame is cut off within two seconds",
  TIMED,
  async () => {
    const player = await app.guest();
    const { socket } = await open([], player);
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.write(clientFrame(Uint8Array.of(Protocol.JOIN_ROOM)));
    const startedMs = performance.now();
    await app.call("POST", "/api/accounts/sign-out", { token: player.token, body: {} });
    await closed;
    expect(performance.now() - startedMs).toBeLessThan(2000);
  },
);
