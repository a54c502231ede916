import { type SchemaType, schema, t } from "@colyseus/schema";
import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { z } from "zod";
import { closeCodes } from "../../schema/protocol.ts";
import { startTestApp, type TestPlayer, until } from "../testing/app.ts";
import { TIMED } from "../testing/timed.ts";
import { GameRoom } from "./game-room.ts";
import type { Inputs } from "./inputs.ts";
import { message } from "./message.ts";
import type { Guest } from "./seats.ts";

/** A small room that can be told to fail in every way. */
const Walker = schema({ x: t.int32().default(0), connected: t.boolean().default(true) }, "Walker");
const Track = schema({ tick: t.uint32().default(0), fail: t.string().default(""), walkers: t.map(Walker) }, "Track");
type Track = SchemaType<typeof Track>;
const Move = schema({ dx: t.int8().default(0) }, "Move");
type Move = { dx: number };

class TrackRoom extends GameRoom<Track, Move, never, { lane: string; region: string }> {
  readonly tickHz = 40;
  readonly patchEvery = 2;
  readonly input = { type: Move, idle: { dx: 0 }, ranges: { dx: [-1, 1] } } as const;
  override maxClients = 4;

  override messages = {
    echo: message(z.strictObject({ text: z.string().max(10) }), (player, { text }) => ({ slot: player.slot, text })),
    fail: message(z.strictObject({ where: z.string() }), function (this: TrackRoom, _player, { where }) {
      if (where === "handler") throw new Error("secret detail");
      this.state.fail = where;
    }),
  };

  createWorld(): Track {
    return new Track();
  }
  step(world: Track, inputs: Inputs<Move>): void {
    if (world.fail === "step") throw new Error("the step is broken");
    world.tick += 1;
    for (const [slot, walker] of world.walkers) {
      for (const { dx } of inputs.of(Number(slot))) walker.x += dx;
    }
  }
  enter(world: Track, _guest: Guest): number {
    if (world.fail === "enter") throw new Error("nobody may know this");
    let slot = 0;
    while (world.walkers.has(String(slot))) slot += 1;
    world.walkers.set(String(slot), new Walker());
    return slot;
  }
  drop(world: Track, slot: number): void {
    const walker = world.walkers.get(String(slot));
    if (walker !== undefined) walker.connected = false;
  }
  comeBack(world: Track, slot: number): void {
    const walker = world.walkers.get(String(slot));
    if (walker !== undefined) walker.connected = true;
  }
  exit(world: Track, slot: number): void {
    world.walkers.delete(String(slot));
  }
  override afterStep(world: Track): void {
    if (world.fail === "afterStep") throw new Error("afterStep is broken");
  }
}

const app = await startTestApp({
  rooms: {
    track: {
      room: TrackRoom,
      filters: (region) =>
        z.strictObject({ lane: z.string().max(20).default("main"), region: z.literal(region).default(region) }),
    },
  },
  settings: { RECONNECT_SECONDS: "2" },
});
let lane = 0;

type Joined = Room<never, Track> & { welcome: Promise<{ slot: number }> };

/** Joins a lane of its own, so that tests share no room, and waits for the first state. */
async function join(player: TestPlayer, filters: object): Promise<Joined> {
  const room = await app.join<Track>(player, "track", filters);
  room.reconnection.minUptime = 0;
  room.onMessage("error", () => {});
  const welcome = new Promise<{ slot: number }>((resolve) => room.onMessage("welcome", resolve));
  await until(() => room.state?.walkers?.size);
  return Object.assign(room, { welcome }) as Joined;
}
const aLane = () => ({ lane: `lane-${lane++}` });
const closed = (room: Room) => new Promise<number>((resolve) => room.onLeave((code) => resolve(code)));
const walkerOf = (room: Joined, slot: number) => room.state.walkers.get(String(slot));

test("[ROOM1] the world steps 40 times a second and a patch follows every second step", async () => {
  const room = await join(await app.guest(), aLane());
  const ticks: number[] = [];
  const startedMs = performance.now();
  room.onStateChange((state) => void ticks.push(state.tick));
  await until(() => ticks.length > 40);
  const seconds = (performance.now() - startedMs) / 1000;
  const hz = ((ticks.at(-1) ?? 0) - (ticks[0] ?? 0)) / seconds;
  expect(hz).toBeGreaterThan(35);
  expect(hz).toBeLessThan(45);
  expect(ticks.filter((tick) => tick % 2 !== 0)).toEqual([]);
  await room.leave();
});

test("[ROOM5] a handler registered after the join hears welcome, and a client may ask again", async () => {
  const filters = aLane();
  const [one, two] = [await join(await app.guest(), filters), await join(await app.guest(), filters)];
  expect(await one.welcome).toMatchObject({ slot: 0, tickHz: 40, patchEvery: 2, protocol: 1 });
  expect(await two.welcome).toMatchObject({ slot: 1 });
  expect(await two.request("welcome")).toMatchObject({ slot: 1 });
  await Promise.all([one.leave(), two.leave()]);
});

test("[ROOM3] a client that floods its inputs walks no faster than the tick", async () => {
  const room = await join(await app.guest(), aLane());
  const { slot } = await room.welcome;
  const input = room.input<Move>({ mode: "reliable" });
  const start = room.state.tick;
  input.data.dx = 1;
  // Four inputs for each step: within the limit on messages, and far beyond the allowance of play.
  const flood = setInterval(() => {
    for (let count = 0; count < 4; count++) input.send();
  }, 25);
  await until(() => room.state.tick - start >= 40);
  clearInterval(flood);
  const walked = walkerOf(room, slot)?.x ?? 0;
  expect(walked).toBeGreaterThan(10);
  expect(walked).toBeLessThanOrEqual(room.state.tick - start + 12);
  await room.leave();
});

test("[ROOM7] wrong payloads, unknown types and thrown failures are answered with a typed code", async () => {
  const room = await join(await app.guest(), aLane());
  expect(await room.request("echo", { text: "hello" })).toEqual({ slot: 0, text: "hello" });
  await expect(room.request("echo", { text: "far too long for it" })).rejects.toMatchObject({
    reason: { code: "ROOM_MESSAGE_INVALID" },
  });
  await expect(room.request("fail", { where: "handler" })).rejects.toMatchObject({ reason: { code: "INTERNAL" } });
  const errors: { code: string; message: string }[] = [];
  room.onMessage("error", (error) => void errors.push(error));
  room.send("echo", { text: 5 });
  room.send("no-such-message", {});
  room.send("fail", { where: "handler" });
  await until(() => errors.length === 3);
  expect(errors.map((error) => error.code)).toEqual(["ROOM_MESSAGE_INVALID", "ROOM_MESSAGE_UNKNOWN", "INTERNAL"]);
  expect(JSON.stringify(errors)).not.toContain("secret detail");
  await room.leave();
});

test("[ROOM6] a room that fails goes on, another does not notice, and a broken step closes only its room", async () => {
  const healthy = await join(await app.guest(), aLane());
  const faulty = await join(await app.guest(), aLane());
  faulty.send("fail", { where: "afterStep" });
  const tick = faulty.state.tick;
  await until(() => faulty.state.tick > tick + 20);
  const code = closed(faulty);
  faulty.send("fail", { where: "step" });
  expect(await code).toBe(closeCodes.FAULT);
  const healthyTick = healthy.state.tick;
  await until(() => healthy.state.tick > healthyTick + 20);
  const hooks = new Set(app.log.filter((line) => line["msg"] === "error.answered").map((line) => line["hook"]));
  expect(hooks).toContain("afterStep");
  expect(hooks).toContain("step");
  await healthy.leave();
});

test("[ROOM6] a failing enter refuses that guest with a code and without the reason", async () => {
  const filters = aLane();
  const room = await join(await app.guest(), filters);
  room.send("fail", { where: "enter" });
  await until(() => room.state.fail === "enter");
  const refused = app.join(await app.guest(), "track", filters);
  await expect(refused).rejects.toThrow(/^INTERNAL: /);
  await expect(refused).rejects.not.toThrow(/nobody may know/);
  await room.leave();
});

test("[ROOM6] three bytes that would hang the engine's decoder only cost their sender the seat", async () => {
  const filters = aLane();
  const [attacker, other] = [await join(await app.guest(), filters), await join(await app.guest(), filters)];
  const code = closed(attacker);
  attacker.connection.send(Uint8Array.of(20, 0x00, 0xff));
  expect(await code).toBe(closeCodes.OFFENCE);
  const tick = other.state.tick;
  await until(() => other.state.tick > tick + 10);
  await other.leave();
});

test("[ROOM8] session ids and reconnection tokens carry 128 bits and never appear in the state", async () => {
  const filters = aLane();
  const [one, two] = [await join(await app.guest(), filters), await join(await app.guest(), filters)];
  const secrets = [one, two].flatMap((room) => [room.sessionId, room.reconnectionToken.split(":")[1] ?? ""]);
  for (const secret of secrets) expect(secret).toMatch(/^[\w-]{22}$/);
  expect(new Set(secrets).size).toBe(4);
  expect(JSON.stringify(one.state)).not.toContain(two.sessionId);
  await Promise.all([one.leave(), two.leave()]);
});

test("[ROOM9] a dropped player comes back to its slot, and one that stays away loses it", async () => {
  const filters = aLane();
  const [room, witness] = [await join(await app.guest(), filters), await join(await app.guest(), filters)];
  const { slot } = await room.welcome;
  const back = new Promise<void>((resolve) => room.onReconnect(() => resolve()));
  room.connection.close();
  await until(() => walkerOf(witness, slot)?.connected === false);
  await back;
  await until(() => walkerOf(witness, slot)?.connected === true);
  expect(await room.request("welcome")).toMatchObject({ slot });
  room.reconnection.enabled = false;
  room.connection.close();
  await until(() => walkerOf(witness, slot)?.connected === false);
  await until(() => walkerOf(witness, slot) === undefined);
  await witness.leave();
});

test("[ROOM9] a connection that breaks again before it is acknowledged does not cost the seat", async () => {
  const filters = aLane();
  const [room, witness] = [await join(await app.guest(), filters), await join(await app.guest(), filters)];
  const { slot } = await room.welcome;
  const [roomId, reconnectionToken] = room.reconnectionToken.split(":");
  room.reconnection.enabled = false;
  room.connection.close();
  await until(() => walkerOf(witness, slot)?.connected === false);
  const redial = async () => {
    const reply = await app.call("POST", `/matchmake/reconnect/${roomId}`, { body: { reconnectionToken } });
    const { sessionId, processId } = reply.body as { sessionId: string; processId: string };
    const query = `sessionId=${sessionId}&reconnectionToken=${reconnectionToken}`;
    return new WebSocket(`${app.url.replace("http", "ws")}/${processId}/${roomId}?${query}`);
  };
  const halfWay = await redial();
  await new Promise((resolve) => halfWay.addEventListener("message", resolve, { once: true }));
  halfWay.close();
  await until(() => walkerOf(witness, slot)?.connected === false);
  const back = await redial();
  await new Promise((resolve) => back.addEventListener("message", resolve, { once: true }));
  await until(() => walkerOf(witness, slot)?.connected === true);
  back.close();
  await witness.leave();
});

test("[ROOM10] an account that joins again takes over its slot and the older connection is told so", async () => {
  const filters = aLane();
  const player = await app.guest();
  const [first, witness] = [await join(player, filters), await join(await app.guest(), filters)];
  const { slot } = await first.welcome;
  const code = closed(first);
  const second = await join(player, filters);
  expect(await second.welcome).toMatchObject({ slot });
  expect(await code).toBe(closeCodes.REPLACED);
  expect(witness.state.walkers.size).toBe(2);
  await Promise.all([second.leave(), witness.leave()]);
});

test("[ROOM11] signing out closes the socket within two seconds and frees the seat", TIMED, async () => {
  const filters = aLane();
  const [player, witness] = [await app.guest(), await join(await app.guest(), filters)];
  const room = await join(player, filters);
  const spare = await app.ticket(player, "track");
  const code = closed(room);
  const startedMs = performance.now();
  await app.call("POST", "/api/accounts/sign-out", { token: player.token, body: {} });
  expect(await code).toBe(closeCodes.SIGNED_OUT);
  await until(() => witness.state.walkers.size === 1);
  expect(performance.now() - startedMs).toBeLessThan(2000);
  const late = await app.call("POST", "/matchmake/joinOrCreate/track", { token: spare, body: {} });
  expect(late).toMatchObject({ status: 401, body: { code: "ACCOUNTS_TICKET_INVALID" } });
  await witness.leave();
});

test("[ROOM11] registering in the middle of a match keeps the socket, and signing out then still closes it", async () => {
  const player = await app.guest();
  const room = await join(player, aLane());
  const credentials = { email: "grace@example.org", password: "correct horse" };
  const registered = await app.call("POST", "/api/accounts/register", { token: player.token, body: credentials });
  const { token } = registered.body as { token: string };
  const { tick } = room.state;
  await until(() => room.state.tick > tick + 10);
  const code = closed(room);
  await app.call("POST", "/api/accounts/sign-out", { token, body: {} });
  expect(await code).toBe(closeCodes.SIGNED_OUT);
});

test("[ROOM11] signing out while dropped frees the seat at once", async () => {
  const filters = aLane();
  const [player, witness] = [await app.guest(), await join(await app.guest(), filters)];
  const room = await join(player, filters);
  room.reconnection.enabled = false;
  room.connection.close();
  await until(() => [...witness.state.walkers.values()].some((walker) => !walker.connected));
  await app.call("POST", "/api/accounts/sign-out", { token: player.token, body: {} });
  await until(() => witness.state.walkers.size === 1, 1000);
  await witness.leave();
});

test("[ROOM12] nobody joins without a session or a ticket for this room, and a ticket takes one seat only", async () => {
  const player = await app.guest();
  const ask = (token?: string) =>
    app.call("POST", "/matchmake/joinOrCreate/track", { ...(token !== undefined && { token }), body: aLane() });
  expect(await ask()).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
  expect(await ask(`${player.token}x`)).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
  expect((await ask(player.token)).status).toBe(200);
  expect(await ask(await app.ticket(player, "another-room"))).toMatchObject({ status: 401 });
  const { Client } = await import("@colyseus/sdk");
  const client = new Client(app.url);
  client.auth.token = await app.ticket(player, "track");
  const filters = aLane();
  const room = await client.joinOrCreate("track", filters);
  await expect(client.joinOrCreate("track", filters)).rejects.toMatchObject({
    code: 401,
    message: expect.stringMatching(/spent/),
  });
  await room.leave();
});

test("[ROOM13] an omitted filter takes the default and a forged or unknown one is refused", async () => {
  const [plain, named] = [
    await join(await app.guest(), {}),
    await join(await app.guest(), { lane: "main", region: "local" }),
  ];
  expect(named.roomId).toBe(plain.roomId);
  const elsewhere = await join(await app.guest(), aLane());
  expect(elsewhere.roomId).not.toBe(plain.roomId);
  const token = await app.ticket(await app.guest(), "track");
  for (const body of [
    { region: "moon" },
    { lane: 7 },
    { lane: { $ne: 1 } },
    { locked: false },
    { __proto__x: 1 },
    [],
  ]) {
    const reply = await app.call("POST", "/matchmake/joinOrCreate/track", { token, body });
    expect(reply).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
  }
  expect(await app.call("POST", "/matchmake/create/track", { token, body: {} })).toMatchObject({
    status: 403,
    body: { code: "ROOM_METHOD_REFUSED" },
  });
  expect(await app.call("POST", "/matchmake/joinOrCreate/nowhere", { token, body: {} })).toMatchObject({
    status: 404,
    body: { code: "ROOM_NOT_FOUND" },
  });
  expect(await app.call("POST", "/matchmake/joinById/nowhere", { token, body: {} })).toMatchObject({
    status: 404,
    body: { code: "ROOM_NOT_FOUND" },
  });
  await Promise.all([plain.leave(), named.leave(), elsewhere.leave()]);
});
