import { createRequire } from "node:module";
import { RoomMessages } from "@colyseus/core/RoomMessages";
import { type SchemaType, schema, t } from "@colyseus/schema";
import type { Room } from "@colyseus/sdk";
import { Packr, unpack } from "msgpackr";
import { expect, test } from "vitest";
import { z } from "zod";
import { closeCodes } from "../../../schema/protocol.ts";
import { startTestApp, until } from "../../testing/app.ts";
import { askForSeat, seatPath } from "../../testing/plain-room.ts";
import { clientFrame, RawSocket } from "../../testing/stacks/raw-socket.ts";
import { GameRoom } from "../game-room.ts";
import type { Inputs } from "../inputs.ts";
import { message } from "../message.ts";
import { REFUSED_EXTENSIONS, refuseExtensions } from "./unpacking.ts";

const Walker = schema({ x: t.int32().default(0), ago: t.int16().default(0) }, "Walker");
const Yard = schema({ tick: t.uint32().default(0), walkers: t.map(Walker) }, "Yard");
type Yard = SchemaType<typeof Yard>;
const Move = schema({ dx: t.int8().default(0) }, "YardMove");
type Move = { dx: number };
const heard: unknown[] = [];

/** Takes anything, keeps what it heard, and passes it on to everyone: what a careless room does. */
class YardRoom extends GameRoom<Yard, Move, never, { lane: string }> {
  readonly tickHz = 40;
  readonly patchEvery = 2;
  readonly input = { type: Move, idle: { dx: 0 }, ranges: { dx: [-1, 1] } } as const;
  override maxClients = 16;
  override messages = {
    anything: message(z.unknown(), function (this: YardRoom, _player, payload) {
      heard.push(payload);
      if (payload !== undefined) this.tell("anything", payload);
      return "heard";
    }),
    // Named by a client, this would be called with a payload as its type.
    "*": () => heard.push("everything else"),
  };

  createWorld(): Yard {
    return new Yard();
  }
  step(world: Yard, inputs: Inputs<Move>): void {
    world.tick += 1;
    for (const [slot, walker] of world.walkers) {
      for (const { dx, viewTick } of inputs.of(Number(slot))) {
        walker.x += dx;
        if (dx !== 0) walker.ago = world.tick - 1 - viewTick;
      }
    }
  }
  enter(world: Yard): number {
    let slot = 0;
    while (world.walkers.has(String(slot))) slot += 1;
    world.walkers.set(String(slot), new Walker());
    return slot;
  }
  drop(): void {}
  comeBack(): void {}
  exit(world: Yard, slot: number): void {
    world.walkers.delete(String(slot));
  }
  override rewinds(world: Yard) {
    return world.walkers as never;
  }
}

const app = await startTestApp({
  rooms: { yard: { room: YardRoom, filters: () => z.strictObject({ lane: z.string().max(20).default("main") }) } },
  settings: { RECONNECT_SECONDS: "5" },
});
const port = Number(new URL(app.url).port);
let lanes = 0;
const aLane = () => ({ lane: `lane-${lanes++}` });

type Joined = Room<never, Yard> & { errors: { code: string }[]; closed: Promise<number> };

/** An honest client in a lane. */
async function join(filters: object): Promise<Joined> {
  const room = await app.join<Yard>(await app.guest(), "yard", filters);
  const errors: { code: string }[] = [];
  room.onMessage("error", (error: { code: string }) => void errors.push(error));
  room.onMessage("anything", () => {});
  room.onMessage("welcome", () => {});
  const closed = new Promise<number>((resolve) => room.onLeave(resolve));
  await until(() => room.state?.walkers?.size);
  return Object.assign(room, { errors, closed }) as Joined;
}

/** A socket that has joined and may send any bytes. */
async function sit(filters: object): Promise<RawSocket & { frames: Buffer[] }> {
  const { body } = await askForSeat(app, await app.guest(), { room: "yard", filters });
  const socket = Object.assign(await RawSocket.dial({ port, path: seatPath(body) }), { frames: [] as Buffer[] });
  socket.onFrame = (frame) => void socket.frames.push(frame);
  await until(() => socket.frames.length > 0);
  socket.send(Uint8Array.of(10));
  await until(() => socket.frames.some((frame) => (frame[0] ?? 0) % 32 === 14));
  return socket;
}

async function metric(name: string, labels: string): Promise<number> {
  const page = await (await fetch(app.metricsUrl)).text();
  return Number(new RegExp(`^${name}\\{room="yard",${labels}\\} (\\d+)$`, "m").exec(page)?.[1] ?? 0);
}

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const ANYTHING = Buffer.concat([Buffer.of(13, 0xa8), Buffer.from("anything")]);
const packr = new Packr();
const messageOf = (payload: unknown) => Buffer.concat([ANYTHING, packr.pack(payload)]);

async function goesOn(room: Joined): Promise<void> {
  const { tick } = room.state;
  await until(() => room.state.tick > tick + 4);
}

test("[GUARD2] A S1 S2 S4: what no honest client sends ends its connection, and nobody else notices", async () => {
  const filters = aLane();
  const witness = await join(filters);
  const attacks = [
    ["A: three bytes that make the input ring's decoder loop for ever", "14 00 ff"],
    ["A: a stamp series of four thousand million", "94 ce ffffffff ffffffff"],
    ["A: a stamp without its number", "93"],
    ["S2: a list that contains itself", "0d a8 616e797468696e67 d6 69 00000001 91 d6 70 00000001"],
    ["S1: a list bomb", "0d a8 616e797468696e67 dd ffffffff"],
    ["S4: an input of a field that there is not", "13 85 01"],
    ["an input with a byte more", "13 80 01 80"],
    ["a leave with a byte more", "0c 00"],
    ["a ping with a body", "12 00 00 00"],
    ["a request without a type", "15 01"],
    ["a request with a float as its number", "15 ca 00000000 a1 61"],
    ["a message with a type cut off", "0d aa 61"],
  ] as const;
  const codes = await Promise.all(
    attacks.map(async ([name, hex]) => {
      const attacker = await sit(filters);
      attacker.send(bytesOf(hex));
      return [name, await attacker.closed];
    }),
  );
  expect(codes).toEqual(attacks.map(([name]) => [name, closeCodes.OFFENCE]));
  await until(() => witness.state.walkers.size === 1);
  await goesOn(witness);
  await witness.leave();
});

test("[GUARD2] S2: the engine's own decoder refuses the eight extensions, too: it is the copy that this project holds", () => {
  refuseExtensions();
  const requireOfCore = createRequire(createRequire(import.meta.url).resolve("@colyseus/core"));
  expect(requireOfCore.resolve("msgpackr")).toBe(createRequire(import.meta.url).resolve("msgpackr"));
  const left: unknown[] = [];
  const routed: unknown[] = [];
  const messages = new RoomMessages({ roomId: "a", roomName: "b" } as never);
  messages.on("m", (_client: unknown, payload: unknown) => void routed.push(payload));
  const client = { leave: (code: number) => left.push(code) };
  const receive = (payload: string) => messages.onData(client as never, bytesOf(`0d a16d ${payload}`), { offset: 1 });
  for (const type of REFUSED_EXTENSIONS) receive(`d4 ${type.toString(16)} 00`);
  receive("d6 69 00000001 91 d6 70 00000001");
  expect(left).toEqual(Array(9).fill(closeCodes.FAULT));
  receive("91 01");
  expect(routed).toEqual([[1]]);
});

test("[GUARD1] S3 S22: a payload that is not plain JSON is answered with a code and never reaches its handler", async () => {
  const room = await join(aLane());
  heard.length = 0;
  const unfit = [new Date(0), 5n, Number.NaN, { a: undefined }, "a\0b", "\ud800", JSON.parse('{"__proto__":{"a":1}}')];
  for (const payload of unfit) room.send("anything", payload);
  await until(() => room.errors.length === unfit.length);
  expect(new Set(room.errors.map((error) => error.code))).toEqual(new Set(["ROOM_MESSAGE_INVALID"]));
  await expect(room.request("anything", { at: new Date(0) })).rejects.toMatchObject({
    reason: { code: "ROOM_MESSAGE_INVALID", details: { problems: ["not JSON"] } },
  });
  const fit = [{ a: [1, { b: "ü", c: null }], d: true }, 1e308, [{ x: 1 }, { x: 2 }, { x: 64 }], undefined];
  for (const payload of fit) expect(await room.request("anything", payload)).toBe("heard");
  expect(heard).toEqual(fit);
  expect(({} as { a?: number }).a).toBeUndefined();
  await room.leave();
});

test("[GUARD4] S3: an unknown message or request is answered with a code, also when the engine knows its name", async () => {
  const room = await join(aLane());
  const types = ["no-such", "*", "__proto__", "constructor", "_$banything", "x".repeat(65), 7];
  for (const type of types) {
    await expect(room.request(type as never, 1)).rejects.toMatchObject({ reason: { code: "ROOM_MESSAGE_UNKNOWN" } });
  }
  room.send("no-such" as never, 1);
  room.sendBytes("anything" as never, Uint8Array.of(1, 2, 3));
  await until(() => room.errors.length === 2);
  expect(room.errors.map((error) => error.code)).toEqual(["ROOM_MESSAGE_UNKNOWN", "ROOM_MESSAGE_UNKNOWN"]);
  await room.leave();
});

test("[GUARD4] a client that makes mistakes all the time is let go with a code, counted and logged once", async () => {
  const socket = await sit(aLane());
  const [offences, closed] = [
    await metric("umpire_offences_total", 'offence="not JSON"'),
    await metric("umpire_offenders_closed_total", 'offence="not JSON"'),
  ];
  const lines = app.log.filter((line) => line["msg"] === "offence.closed").length;
  for (let count = 0; count < 130; count++) socket.send(messageOf(new Date(0)));
  expect(await socket.closed).toBe(closeCodes.OFFENCE);
  expect(await metric("umpire_offences_total", 'offence="not JSON"')).toBeGreaterThan(offences + 90);
  expect(await metric("umpire_offenders_closed_total", 'offence="not JSON"')).toBe(closed + 1);
  const written = app.log.filter((line) => line["msg"] === "offence.closed");
  expect(written).toHaveLength(lines + 1);
  expect(written.at(-1)).toMatchObject({
    room: "yard",
    offence: "not JSON",
    accountId: expect.stringMatching(/^acc_/),
  });
  // Answers are rationed: most mistakes in a burst went without one.
  expect(socket.frames.filter((frame) => frame[0] === 13).length).toBeLessThan(25);
});

test("[GUARD4] frames of no use, of unknown kinds or with unknown modifiers, are dropped and held against the sender", async () => {
  const socket = await sit(aLane());
  const stray = [[], [0], [9], [11], [14, 1], [15, 1, 2], [16], [22, 1, 0], [31], [13 | 0x80, 0xa1, 0x61], [18 | 0x40]];
  for (let round = 0; round < 20 && !socket.isClosed; round++) {
    for (const frame of stray) socket.send(Uint8Array.from(frame));
  }
  expect(await socket.closed).toBe(closeCodes.OFFENCE);
});

const inputOf = (dx: number) => Uint8Array.of(19, 128, dx & 0xff);
const walkerOf = async (room: Joined, others: readonly string[] = []) =>
  until(() => [...room.state.walkers].find(([slot]) => !others.includes(slot))?.[1]);

test("[GUARD6] after a stall of nine seconds an honest client is not let go: its play arrives all at once", async () => {
  const filters = aLane();
  const witness = await join(filters);
  const stalled = await sit(filters);
  const bunch = Array.from({ length: 9 * 40 }, (_, index) => clientFrame(inputOf(index % 2)));
  const talk = Array.from({ length: 9 * 20 }, () => clientFrame(messageOf({ text: "hello" })));
  stalled.sendFramed(Buffer.concat([...bunch, ...talk]));
  heard.length = 0;
  await until(() => heard.length === talk.length);
  await goesOn(witness);
  expect(stalled.isClosed).toBe(false);
  stalled.destroy();
  await witness.leave();
});

test("[GUARD6] J S36: ten times the inputs walk no faster than the tick, move nobody else, and end the connection", async () => {
  const filters = aLane();
  const witness = await join(filters);
  const others = [...witness.state.walkers.keys()];
  const cheater = await sit(filters);
  const walker = await walkerOf(witness, others);
  const start = witness.state.tick;
  const tenfold = Buffer.concat(Array.from({ length: 10 }, () => clientFrame(inputOf(1))));
  let far = 0;
  witness.onStateChange(() => {
    far = Math.max(far, walker.x - (witness.state.tick - start));
  });
  const flood = setInterval(() => cheater.sendFramed(tenfold), 25);
  expect(await cheater.closed).toBe(closeCodes.OFFENCE);
  clearInterval(flood);
  expect(walker.x).toBeGreaterThan(10);
  expect(far).toBeLessThanOrEqual(14);
  // An input names no entity: it moves the one of its sender's seat, whoever sends it.
  for (const slot of others) expect(witness.state.walkers.get(slot)?.x).toBe(0);
  await witness.leave();
});

test("[GUARD5] S36: replayed inputs are inputs like any other, and their stamps give no sight of future or distant past", async () => {
  const filters = aLane();
  const witness = await join(filters);
  const others = [...witness.state.walkers.keys()];
  const cheater = await sit(filters);
  const walker = await walkerOf(witness, others);
  const stamped = (delta: number, dx: number) => {
    const frame = Buffer.of(0x93, 0xd2, 0, 0, 0, 0, 128, dx);
    frame.writeInt32LE(delta, 2);
    return frame;
  };
  // A minute ahead, then the same frame again: two minutes ahead.
  cheater.send(stamped(60_000, 1));
  await until(() => walker.x === 1);
  expect(walker.ago).toBe(0);
  cheater.send(stamped(60_000, 1));
  await until(() => walker.x === 2);
  expect(walker.ago).toBe(0);
  await until(() => witness.state.tick > 45);
  cheater.send(stamped(-119_999, 1));
  await until(() => walker.x === 3);
  expect(walker.ago).toBe(20);
  // Before the room began: no client's clock says so.
  cheater.send(stamped(-120_000, 1));
  expect(await cheater.closed).toBe(closeCodes.OFFENCE);
  await witness.leave();
});

test("[GUARD6] coming back on a new connection fills no budget", async () => {
  const filters = aLane();
  const room = await join(filters);
  room.reconnection.minUptime = 0;
  const mistakes = () => {
    for (let count = 0; count < 60; count++) room.connection.send(messageOf(new Date(0)));
  };
  const back = new Promise<void>((resolve) => room.onReconnect(() => resolve()));
  mistakes();
  await until(() => room.errors.length > 0);
  room.connection.close();
  await back;
  mistakes();
  expect(await room.closed).toBe(closeCodes.OFFENCE);
});

test("[GUARD1] the SDK's own packing is what this file packs with", () => {
  expect(unpack(messageOf({ a: 1 }).subarray(ANYTHING.length))).toEqual({ a: 1 });
});
