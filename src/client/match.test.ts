import { matchMaker, Protocol } from "@colyseus/core";
import { type SchemaType, schema, t } from "@colyseus/schema";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { closeCodes, PROTOCOL_VERSION } from "../../schema/protocol.ts";
import type { EngineClient } from "../realtime/engine.ts";
import { GameRoom } from "../realtime/game-room.ts";
import { message } from "../realtime/message.ts";
import type { Guest } from "../realtime/seats.ts";
import { startTestApp, until } from "../testing/app.ts";
import { TIMED } from "../testing/timed.ts";
import { createClient } from "./client.ts";
import { ClientError } from "./errors.ts";
import { addLatency } from "./latency.ts";
import type { Match } from "./match.ts";
import { measureMatch } from "./stats.ts";

/** A room where people only sit, and talk. */
const Sitter = schema({ slot: t.uint8(), name: t.string(), connected: t.boolean().default(true) }, "Sitter");
type Sitter = SchemaType<typeof Sitter>;
const Bench = schema({ tick: t.uint32().default(0), sitters: t.map(Sitter) }, "Bench");
type Bench = SchemaType<typeof Bench>;
const Nothing = schema({ still: t.uint8().default(0) }, "Nothing");

class BenchRoom extends GameRoom<Bench, { still: number }, never, { mood: string }> {
  readonly tickHz = 40;
  readonly patchEvery = 2;
  readonly input = { type: Nothing, idle: { still: 0 }, ranges: { still: [0, 0] } } as const;
  override maxClients = 4;
  override messages = {
    say: message(z.strictObject({ line: z.number() }), function (this: BenchRoom, { slot }, { line }) {
      this.clients.find((client) => this.playerOf(client)?.slot === slot)?.send("said", line);
      return line;
    }),
  };

  createWorld(): Bench {
    return new Bench();
  }
  step(world: Bench): void {
    world.tick += 1;
  }
  enter(world: Bench, guest: Guest): number {
    let slot = 0;
    while (world.sitters.has(String(slot))) slot += 1;
    world.sitters.set(String(slot), new Sitter().assign({ slot, name: guest.name }));
    return slot;
  }
  drop(world: Bench, slot: number): void {
    world.sitters.get(String(slot))?.assign({ connected: false });
  }
  comeBack(world: Bench, slot: number): void {
    world.sitters.get(String(slot))?.assign({ connected: true });
  }
  exit(world: Bench, slot: number): void {
    world.sitters.delete(String(slot));
  }
}

/** Lets nobody in. */
class ClosedRoom extends BenchRoom {
  override enter(): number {
    throw new Error("nobody may know this");
  }
}

/** Speaks a protocol of the future. */
class FutureRoom extends BenchRoom {
  static exits = 0;
  override exit(world: Bench, slot: number): void {
    super.exit(world, slot);
    FutureRoom.exits += 1;
  }
  override onJoin(client: EngineClient): void {
    const send = client.send.bind(client);
    client.send = (type: unknown, payload?: object) =>
      send(type as string, { ...payload, protocol: PROTOCOL_VERSION + 1 });
    super.onJoin(client);
  }
}

const filters = (region: string) =>
  z.strictObject({ mood: z.string().max(20).default("calm"), region: z.literal(region).default(region) });
const app = await startTestApp({
  rooms: {
    bench: { room: BenchRoom, filters },
    closed: { room: ClosedRoom, filters },
    future: { room: FutureRoom, filters },
  },
});

let moods = 0;
const matches: Match<Bench>[] = [];
afterEach(async () => {
  await Promise.all(matches.splice(0).map((match) => match.leave()));
});

const aClient = () => createClient({ endpoint: app.url, session: "token", random: () => 0 });

/** A guest alone in a room of its own. */
async function sit(mood = `mood-${moods++}`) {
  const client = aClient();
  await client.accounts.ensureGuest();
  const match = await client.join<Bench>("bench", { mood });
  matches.push(match);
  return { client, match, mood };
}

const serverRoom = (match: Match<Bench>) => {
  const room = matchMaker.getLocalRoomById(match.room.roomId);
  if (room === undefined) throw new Error("the room is gone");
  return room as unknown as { state: Bench; clients: { ref: { terminate(): void } }[] };
};
const cut = (match: Match<Bench>) => serverRoom(match).clients[0]?.ref.terminate();
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => Promise.reject(new Error("it went through")),
    (thrown: unknown) => (thrown instanceof ClientError ? thrown : Promise.reject(thrown)),
  );

test("[CLIENT8] what the room said before anybody listened is heard by whoever listens first", async () => {
  const { match } = await sit();
  match.send("say", { line: 1 });
  await match.request("say", { line: 2 });
  const heard: number[] = [];
  match.on<number>("said", (line) => void heard.push(line));
  match.on<number>("said", (line) => void heard.push(-line));
  expect(heard).toEqual([1, 2]);
  await match.request("say", { line: 3 });
  expect(heard).toEqual([1, 2, 3, -3]);
  await match.leave();
});

test("[CLIENT8] a join yields slot, step and a whole state in which the player finds itself", async () => {
  const { match, mood } = await sit();
  expect(match.slot).toBe(0);
  expect(match).toMatchObject({ tickHz: 40, stepMs: 25, patchMs: 50, isConnected: true });
  const other = await sit(mood);
  expect(other.match.slot).toBe(1);
  expect(other.match.self<Sitter>(other.match.state.sitters)?.slot).toBe(1);
  expect(other.match.state.sitters.size).toBe(2);
  await until(() => match.state.sitters.size === 2);
});

test("[CLIENT8] a refused join says why by code: nobody, no such room, unknown filter, a fault at the door", async () => {
  const client = aClient();
  expect(await refusal(client.join("bench"))).toMatchObject({ code: "UNAUTHENTICATED", status: 401 });
  await client.accounts.ensureGuest();
  expect(await refusal(client.join("attic"))).toMatchObject({ code: "ROOM_NOT_FOUND", status: 404 });
  expect(await refusal(client.join("bench", { mood: 7 }))).toMatchObject({ code: "ROOM_OPTIONS_INVALID", status: 400 });
  const unknown = await refusal(client.join("bench", { cheat: true }));
  expect(unknown.code).toBe("ROOM_OPTIONS_INVALID");
  expect(unknown.details["problems"]).toEqual([expect.stringContaining("cheat")]);
  const fault = await refusal(client.join("closed"));
  expect(fault).toMatchObject({ code: "INTERNAL", status: 500, errorId: expect.stringMatching(/^err_/) });
});

test("[CLIENT9] a room of another protocol version is left again with the advice to update", async () => {
  const client = aClient();
  await client.accounts.ensureGuest();
  const error = await refusal(client.join("future"));
  expect(error).toMatchObject({ code: "PROTOCOL", details: { cure: "update", server: PROTOCOL_VERSION + 1 } });
  await until(() => FutureRoom.exits === 1);
});

test("[CLIENT1] a room's refusals keep their codes, as answers and as messages", async () => {
  const { match } = await sit();
  expect(await match.request<number>("say", { line: 1 })).toBe(1);
  const error = await refusal(match.request("say", { line: "one" }));
  expect(error).toMatchObject({ code: "ROOM_MESSAGE_INVALID", status: 400, errorId: expect.stringMatching(/^err_/) });
  expect(await refusal(match.request("sing"))).toMatchObject({ code: "ROOM_MESSAGE_UNKNOWN", status: 404 });
  const errors: string[] = [];
  match.onError(({ code }) => errors.push(code));
  match.send("say", {});
  match.send("sing");
  await until(() => errors.length === 2);
  expect(errors).toEqual(["ROOM_MESSAGE_INVALID", "ROOM_MESSAGE_UNKNOWN"]);
});

test("[CLIENT10] a client a moment old comes back to its seat after redials that failed, and hears of it once", async () => {
  const { match } = await sit();
  const { connection } = match.room;
  const heard: string[] = [];
  match.onDropped(() => heard.push("dropped"));
  match.onBack(() => heard.push(`back to ${match.self<Sitter>(match.state.sitters)?.connected}`));
  const address = connection.url ?? "";
  connection.url = "ws://127.0.0.1:9/nobody";
  let dials = 0;
  const dial = connection.reconnect.bind(connection);
  connection.reconnect = (parameters) => {
    if (++dials === 3) connection.url = address;
    dial(parameters);
  };
  // The third dial gets through, and breaks again in the moment in which the state should come.
  let states = 0;
  const hear = connection.events.onmessage;
  connection.events.onmessage = (event: { data: ArrayBuffer }) => {
    const isState = ((new Uint8Array(event.data)[0] ?? 0) & 0x1f) === Protocol.ROOM_STATE;
    if (isState && ++states === 1) connection.close(closeCodes.REDIAL);
    else hear?.(event);
  };
  const tokenBefore = match.reconnectionToken;
  cut(match);
  await until(() => !match.isConnected);
  expect((await refusal(match.request("say", { line: 1 }))).code).toBe("NETWORK");
  await until(() => match.isConnected);
  expect([dials, states]).toEqual([4, 2]);
  expect(heard).toEqual(["dropped", "back to true"]);
  expect(match.slot).toBe(0);
  expect(match.reconnectionToken).toBe(tokenBefore);
  expect(await match.request<number>("say", { line: 2 })).toBe(2);
});

test("[CLIENT10] a reloaded page takes up its seat by its token, and learns when the seat is gone", async () => {
  const { client, match } = await sit();
  const { slot, reconnectionToken } = match;
  match.room.reconnection.enabled = false;
  match.room.connection.close();
  await until(() => match.end);
  const again = await client.rejoin<Bench>(reconnectionToken);
  expect(again.slot).toBe(slot);
  expect(again.self<Sitter>(again.state.sitters)?.connected).toBe(true);
  const { sitters } = serverRoom(again).state;
  expect(sitters.size).toBe(1);
  await again.leave();
  expect(["ROOM_SEAT_LOST", "ROOM_NOT_FOUND"]).toContain((await refusal(client.rejoin(reconnectionToken))).code);
  expect((await refusal(client.rejoin("no token at all"))).code).toBe("ROOM_SEAT_LOST");
});

test("[CLIENT11] a session that is ended elsewhere ends its matches by that name", async () => {
  const client = aClient();
  const credentials = { email: `${crypto.randomUUID()}@example.com`, password: "correct horse" };
  const { id } = await client.accounts.register(credentials);
  const match = await client.join<Bench>("bench", { mood: `mood-${moods++}` });
  const elsewhere = aClient();
  expect(await elsewhere.accounts.signIn(credentials)).toMatchObject({ id, kind: "registered" });
  expect((await elsewhere.accounts.sessions()).map(({ isCurrent }) => isCurrent)).toEqual([true, false]);
  expect(await elsewhere.accounts.endOtherSessions()).toBe(1);
  const end = await until(() => match.end);
  expect(end).toEqual({ code: 4020, reason: "SIGNED_OUT" });
  const late: unknown[] = [];
  match.onEnded((told) => late.push(told));
  expect(late).toEqual([end]);
  expect((await refusal(client.accounts.me())).code).toBe("UNAUTHENTICATED");
});

test("[CLIENT11] leaving gives the seat up", async () => {
  const { match, mood } = await sit();
  const other = await sit(mood);
  await other.match.leave();
  expect(other.match.end).toEqual({ code: 4000, reason: "LEFT" });
  await until(() => match.state.sitters.size === 1);
});

test("[CLIENT11] leaving while the connection is down resolves at once, and the room hears of it", TIMED, async () => {
  const { match, mood } = await sit();
  const watcher = await sit(mood);
  cut(match);
  await until(() => !match.isConnected);
  const startedMs = performance.now();
  await match.leave();
  expect(performance.now() - startedMs).toBeLessThan(100);
  expect(match.end?.reason).toBe("LEFT");
  await until(() => watcher.match.state.sitters.size === 1);
  expect(match.isConnected).toBe(false);
});

test("[CLIENT15] artificial latency delays both ways, keeps the order, and leaves no trace when it is off", async () => {
  const { match } = await sit();
  const { connection } = match.room;
  const plain = { send: connection.send, hear: connection.events.onmessage };
  // Every second frame would overtake the one before it.
  let draws = 0;
  const latency = addLatency(match, { random: () => (draws++ % 2 === 0 ? 0.9 : 0.1) });
  expect(connection.send).toBe(plain.send);
  latency.set({ delayMs: 40, jitterMs: 40 });
  const said: number[] = [];
  match.on<number>("said", (line) => said.push(line));
  const startedMs = performance.now();
  for (let line = 0; line < 20; line++) match.send("say", { line });
  await until(() => said.length === 20);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(80);
  expect(said).toEqual(Array.from({ length: 20 }, (_, line) => line));
  // The engine builds both of these in the same bytes.
  const unknown: unknown[] = [];
  match.onError(({ details }) => unknown.push(details["type"]));
  match.send("sing");
  match.send("whistle");
  await until(() => unknown.length === 2);
  expect(unknown).toEqual(["sing", "whistle"]);
  latency.set({ delayMs: 0, jitterMs: 0 });
  expect(connection.send).toBe(plain.send);
  expect(connection.events.onmessage).toBe(plain.hear);
});

test("[CLIENT15] the figures show the patches, their bytes, the server's tick, and a network that has become worse", async () => {
  const { match } = await sit();
  const stats = measureMatch(match);
  const input = match.room.input<{ still: number }>({ mode: "reliable" });
  const latency = addLatency(match);
  let dueMs = performance.now();
  const sendUntil = (isEnough: () => boolean) =>
    until(() => {
      for (; dueMs <= performance.now(); dueMs += match.stepMs) input.send();
      return isEnough();
    });
  const startedMs = performance.now();
  await sendUntil(() => performance.now() - startedMs > 1000 && stats.read().rttMs > 0);
  const before = stats.read();
  expect(before.patchesPerSecond).toBeGreaterThan(5);
  expect(before.patchesPerSecond).toBeLessThan(25);
  expect(before.patchBytes).toBeGreaterThan(8);
  expect(before.bytesPerSecond).toBeGreaterThan(before.patchesPerSecond * 8);
  // More than four times the round trip so far, which the engine by itself would take for outliers for ever.
  const delayMs = Math.ceil(before.rttMs * 3);
  latency.set({ delayMs, jitterMs: 0 });
  await sendUntil(() => stats.read().rttMs > 2 * delayMs);
  expect(Math.abs(stats.read().serverTick - serverRoom(match).state.tick)).toBeLessThan(8);
});
