import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { Room } from "@colyseus/sdk";
import fc from "fast-check";
import { expect, test } from "vitest";
import { catalogue } from "../../rooms/catalogue/index.ts";
import { rooms } from "../../rooms/index.ts";
import { closeCodes } from "../../schema/protocol.ts";
import { ArenaInput, type ArenaWorld, phases, TICK_HZ } from "../../schema/state/arena.ts";
import { startTestApp, until } from "../../src/testing/app.ts";
import { createLightBots, signedName } from "./light.ts";
import { clientFrame, FrameReader, OPCODE } from "./light-frames.ts";
import { inputFrames } from "./light-inputs.ts";
import { LightSocket } from "./light-socket.ts";

const app = await startTestApp({ rooms, catalogue, settings: { BOT_FILL: "0" } });

/** One round of walking in a circle. */
const steps = Array.from({ length: TICK_HZ }, (_, step) => ({
  moveX: Math.round(127 * Math.cos((2 * Math.PI * step) / TICK_HZ)),
  moveY: Math.round(127 * Math.sin((2 * Math.PI * step) / TICK_HZ)),
  aim: step * 1000,
  buttons: 0,
}));
const inputs = inputFrames(ArenaInput, steps, 0x1234_5678);
const aCrowd = (filters = {}) =>
  createLightBots({ endpoint: app.url, room: "arena", filters, inputs, inputHz: TICK_HZ });

test("[LIGHT1] 20 bots join an arena by the front door, and an SDK client in each room sees all of them move", async () => {
  const crowd = aCrowd();
  const here = (await app.join(await app.guest(), "arena")) as Room<never, ArenaWorld>;
  await crowd.join(15);
  await crowd.join(5);
  const there = (await app.join(await app.guest(), "arena")) as Room<never, ArenaWorld>;
  const places = () =>
    [here, there].flatMap((room) =>
      [...(room.state.players?.values() ?? [])].map(({ slot, x, y }) => ({ id: `${room.roomId} ${slot}`, x, y })),
    );
  // At its start a match puts everyone somewhere else; from then on only inputs move a player.
  const isPlaying = ({ state }: typeof here) => state.phase === phases.playing;
  await until(() => places().length === 22 && isPlaying(here) && isPlaying(there), 10_000);
  const before = new Map(places().map(({ id, x, y }) => [id, { x, y }]));
  const moved = new Set<string>();
  await until(() => {
    for (const { id, x, y } of places()) {
      const from = before.get(id);
      if (from !== undefined && Math.hypot(x - from.x, y - from.y) > 0.5) moved.add(id);
    }
    // The two watchers stand still.
    return moved.size === 20;
  });
  const { connected, patches, bytes, inputsSent } = crowd.counts();
  expect(connected).toBe(20);
  expect(patches).toBeGreaterThan(20);
  expect(bytes).toBeGreaterThan(patches);
  expect(inputsSent).toBeGreaterThan(20);
  await crowd.stop();
  await Promise.all([here.leave(), there.leave()]);
});

test("[LIGHT2] a bot that leaves gives its seat up for good, and one whose line is cut is kept a seat", async () => {
  const crowd = aCrowd({ mode: "duel" });
  const watcher = (await app.join(await app.guest(), "arena", { mode: "duel" })) as Room<never, ArenaWorld>;
  const players = () => [...(watcher.state.players?.values() ?? [])];
  const [leaver] = await crowd.join(1);
  await until(() => players().length === 2);
  expect(await leaver?.leave()).toBe(closeCodes.LEFT);
  await until(() => players().length === 1);
  const [dropper] = await crowd.join(1);
  await until(() => players().length === 2);
  dropper?.drop();
  await until(() => players().some(({ connected }) => !connected));
  await crowd.stop();
  await watcher.leave();
});

test("[LIGHT3] frames are found and counted whatever the chunks they arrive in", () => {
  const payloads = fc.array(
    fc.integer({ min: 0, max: 67_000 }).chain((top) => fc.constantFrom(top, top % 200)),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(payloads, fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1 }), (lengths, cuts) => {
      const sent = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const stream = Buffer.concat(sent.map(serverFrame));
      const seen: { length: number; first: number | undefined }[] = [];
      const reader = new FrameReader((_opcode, bytes, start, end) =>
        seen.push({ length: end - start, first: end > start ? bytes[start] : undefined }),
      );
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const chunk = stream.subarray(at, at + (cuts[turn % cuts.length] ?? 1));
        reader.read(chunk, chunk.length);
        at += chunk.length;
      }
      expect(seen).toEqual(sent.map((payload) => ({ length: Math.min(payload.length, 125), first: payload[0] })));
      expect(reader.frames).toBe(sent.length);
      expect(reader.bytes).toBe(stream.length);
    }),
    { numRuns: 50 },
  );
});

test("[LIGHT4] client frames are masked, and unmask to what was put in", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 0xffff_ffff }), (payload, key) => {
      const frame = clientFrame(OPCODE.binary, payload, key);
      expect(frame[0]).toBe(0x82);
      expect((frame[1] ?? 0) & 0x80).toBe(0x80);
      const maskAt = ((frame[1] ?? 0) & 0x7f) === 126 ? 4 : 2;
      const mask = frame.subarray(maskAt, maskAt + 4);
      const body = frame.subarray(maskAt + 4).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      expect(Uint8Array.from(body)).toEqual(payload);
    }),
  );
});

test("[LIGHT4] inputs are byte for byte what the engine's own client writes, round after round", () => {
  const written: Buffer[] = [];
  const room = new Room("none");
  room.connection = { isOpen: true, send: (bytes: Uint8Array) => written.push(Buffer.from(bytes)) } as never;
  const input = room.input({ type: ArenaInput });
  for (const step of [...steps, ...steps, ...steps]) {
    Object.assign(input.data, step);
    input.send();
  }
  const { first, cycle } = inputs;
  const unmasked = [...first, ...cycle, ...cycle].map((frame) => unmask(frame));
  expect(unmasked.map((bytes) => bytes.toString("hex"))).toEqual(written.map((bytes) => bytes.toString("hex")));
});

test("[LIGHT5] a refusal at any step of the way in is the join's error, in the server's words", async () => {
  const nowhere = createLightBots({ endpoint: app.url, room: "nowhere", inputs, inputHz: TICK_HZ });
  await expect(nowhere.join(1)).rejects.toThrow("ROOM_NOT_FOUND");
  await nowhere.stop();
  const port = Number(new URL(app.url).port);
  const seatless = LightSocket.open({ host: "127.0.0.1", port, path: "/x/y?sessionId=z", headers: {} }, () => {});
  expect(await seatless.then((socket) => socket.closed).catch((error: Error) => error.message)).not.toBe(1000);
});

test("[LIGHT6] a bot answers a ping with its payload, and a close before it ends the connection", async () => {
  const heard: Buffer[] = [];
  let sendClose = () => {};
  const server = createServer((socket) => {
    socket.once("data", (head) => {
      const [, key = ""] = /sec-websocket-key: (\S+)/i.exec(head.toString()) ?? [];
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      const ping = serverFrame(Buffer.from("are you there"), OPCODE.ping);
      socket.write(
        `HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      );
      socket.write(ping);
      socket.on("data", (bytes) => heard.push(bytes));
      sendClose = () => socket.write(serverFrame(Buffer.of(0x0f, 0xa1), OPCODE.close));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const light = await LightSocket.open({ host: "127.0.0.1", port, path: "/", headers: {} }, () => {});
  await until(() => heard.length > 0);
  const pong = Buffer.concat(heard.splice(0));
  expect([pong[0], unmask(pong).toString()]).toEqual([0x80 | OPCODE.pong, "are you there"]);
  sendClose();
  expect(await light.closed).toBe(0x0fa1);
  await until(() => heard.length > 0);
  const answer = Buffer.concat(heard);
  expect([answer[0], unmask(answer)]).toEqual([0x80 | OPCODE.close, Buffer.of(0x0f, 0xa1)]);
  server.close();
});

test("[LIGHT7] a bot's name is signed with the server's key", () => {
  const [name, signature] = signedName("bot-7", "a key of the load test").split(".");
  expect(name).toBe("bot-7");
  expect(signature).toMatch(/^[\w-]{43}$/);
  expect(signedName("bot-7", "another key")).not.toContain(signature);
});

/** The payload of a short client frame. */
function unmask(frame: Buffer): Buffer {
  const mask = frame.subarray(2, 6);
  return Buffer.from(frame.subarray(6).map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}

function serverFrame(payload: Uint8Array, opcode: number = OPCODE.binary): Buffer {
  const { length } = payload;
  const header =
    length < 126
      ? Buffer.of(0x80 | opcode, length)
      : length < 65_536
        ? Buffer.of(0x80 | opcode, 126, length >> 8, length & 0xff)
        : Buffer.concat([Buffer.of(0x80 | opcode, 127), bigEndian64(length)]);
  return Buffer.concat([header, payload]);
}

function bigEndian64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
