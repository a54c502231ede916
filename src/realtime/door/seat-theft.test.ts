import { randomBytes } from "node:crypto";
import { Protocol } from "@colyseus/core";
import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { z } from "zod";
import { closeCodes } from "../../../schema/protocol.ts";
import { startTestApp, until } from "../../testing/app.ts";
import { askForSeat, type Plain, PlainRoom, seatPath } from "../../testing/plain-room.ts";
import { RawSocket } from "../../testing/stacks/raw-socket.ts";
import type { EngineClient } from "../engine.ts";

/** Lets in one player and turns everybody else away. */
class ClosedRoom extends PlainRoom {
  #hasHost = false;

  override enter(): number {
    if (this.#hasHost) throw new Error("a secret reason");
    this.#hasHost = true;
    return super.enter();
  }
}

/** Thinks about everybody who comes in. */
class SlowRoom extends PlainRoom {
  override async onJoin(client: EngineClient): Promise<void> {
    await super.onJoin(client);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ROOMS_PER_ACCOUNT = 3;
const filters = () => z.strictObject({ lane: z.string().max(20).default("main") });
const app = await startTestApp({
  rooms: {
    plain: { room: PlainRoom, filters },
    other: { room: PlainRoom, filters },
    closed: { room: ClosedRoom, filters },
    slow: { room: SlowRoom, filters },
  },
  settings: { ROOMS_PER_ACCOUNT: String(ROOMS_PER_ACCOUNT), LOG_LEVEL: "debug", SOCKETS_PER_ADDRESS: "200" },
});
const port = Number(new URL(app.url).port);
let lane = 0;
const aLane = () => ({ lane: `lane-${lane++}` });

async function join(room = "plain", where: object = aLane()): Promise<Room<never, Plain>> {
  const joined = await app.join<Plain>(await app.guest(), room, where);
  joined.onMessage("*", () => {});
  joined.reconnection.enabled = false;
  await until(() => joined.state?.tick);
  return joined;
}

/** What a socket at this path is told, and the code that it is closed with. */
async function dial(path: string): Promise<{ said: string; code: number }> {
  const socket = await RawSocket.dial({ port, path });
  const frames: Buffer[] = [];
  socket.onFrame = (payload) => void frames.push(payload);
  const code = await socket.closed;
  return { said: Buffer.concat(frames).toString("latin1"), code };
}

const aSecret = () => randomBytes(16).toString("base64url");
const tokenOf = (room: Room) => room.reconnectionToken.split(":")[1] ?? "";
const pathOf = (roomId: string, sessionId: string, more: Record<string, string> = {}) =>
  seatPath({ processId: "process", roomId, sessionId }, more);
const reconnect = (roomId: string, reconnectionToken: string) =>
  app.call("POST", `/matchmake/reconnect/${roomId}`, { body: { reconnectionToken } });
const goesOn = async (room: Room<never, Plain>) => {
  const { tick } = room.state;
  await until(() => room.state.tick > tick + 3);
};

test("[DOOR8] S11: an unknown session id or room ends in a coded close that shows nothing of the inside", async () => {
  const room = await join();
  for (const path of [
    pathOf(room.roomId, aSecret()),
    pathOf("no-such-room", aSecret()),
    pathOf("__proto__", aSecret()),
  ]) {
    const { said, code } = await dial(path);
    expect(code).toBe(closeCodes.FAULT);
    expect(said).toMatch(/ROOM_SEAT_LOST: This seat is no longer kept\. Join again\. \(err_\w+\)/);
  }
  const { said, code } = await dial(pathOf(room.roomId, aSecret(), { reconnectionToken: aSecret() }));
  expect(code).toBe(closeCodes.RECONNECT_FAILED);
  expect(said).toContain("ROOM_SEAT_LOST");
  await room.leave();
});

test("[DOOR8] S11: whoever knows the session id of one who sits, or has dropped, does not get the seat", async () => {
  const victim = await join();
  const { roomId, sessionId } = victim;
  expect((await dial(pathOf(roomId, sessionId))).code).toBe(closeCodes.FAULT);
  expect((await dial(pathOf(roomId, sessionId, { reconnectionToken: aSecret() }))).code).toBe(
    closeCodes.RECONNECT_FAILED,
  );
  await goesOn(victim);
  const token = tokenOf(victim);
  victim.connection.close();
  await until(() => !victim.connection.isOpen);
  expect((await dial(pathOf(roomId, sessionId))).code).toBe(closeCodes.FAULT);
  expect((await dial(pathOf(roomId, sessionId, { reconnectionToken: aSecret() }))).code).toBe(
    closeCodes.RECONNECT_FAILED,
  );
  expect(await reconnect(roomId, token)).toMatchObject({ status: 200, body: { sessionId } });
});

test("[DOOR8] S11: guessed tokens, a token of another room and one of a room that is gone are refused", async () => {
  const [one, two] = [await join(), await join()];
  for (const token of [aSecret(), tokenOf(two), one.sessionId, "__proto__", "constructor", "x".repeat(22)]) {
    expect(`${token}: ${(await reconnect(one.roomId, token)).status}`).toMatch(/: (400|410)$/);
  }
  for (const [roomId, sessionId, token] of [
    [one.roomId, two.sessionId, tokenOf(two)],
    [one.roomId, one.sessionId, tokenOf(two)],
    [two.roomId, one.sessionId, tokenOf(one)],
  ] as const) {
    const { code } = await dial(pathOf(roomId, sessionId, { reconnectionToken: token }));
    expect(code).toBe(closeCodes.RECONNECT_FAILED);
  }
  await Promise.all([goesOn(one), goesOn(two)]);
  const token = tokenOf(one);
  await one.leave();
  expect((await reconnect(one.roomId, token)).status).toBeGreaterThanOrEqual(404);
  await two.leave();
});

test("[DOOR8] S11: after signing out neither ticket nor seat nor token is worth anything", async () => {
  const player = await app.guest();
  const room = await app.join<Plain>(player, "plain", aLane());
  room.onMessage("*", () => {});
  room.reconnection.enabled = false;
  await until(() => room.state?.tick);
  const token = tokenOf(room);
  const ticket = await app.ticket(player, "plain");
  const { body: reserved } = await askForSeat(app, player, { room: "plain", filters: aLane() });
  const left = new Promise<number>((resolve) => room.onLeave((code) => resolve(code)));
  await app.call("POST", "/api/accounts/sign-out", { token: player.token, body: {} });
  expect(await left).toBe(closeCodes.SIGNED_OUT);
  expect((await reconnect(room.roomId, token)).status).toBeGreaterThanOrEqual(404);
  const again = await dial(pathOf(room.roomId, room.sessionId, { reconnectionToken: token }));
  expect(again.code).toBe(closeCodes.RECONNECT_FAILED);
  expect((await dial(seatPath(reserved))).said).toContain("UNAUTHENTICATED");
  const late = await app.call("POST", "/matchmake/joinOrCreate/plain", { token: ticket, body: aLane() });
  expect(late).toMatchObject({ status: 401, body: { code: "ACCOUNTS_TICKET_INVALID" } });
});

test("[DOOR8] S11: a ticket opens rooms of its own name only, by name and by id, and no seat twice", async () => {
  const [plain, player] = [await join(), await app.guest()];
  const foreign = await app.ticket(player, "other");
  const ask = (method: string, target: string, token: string) =>
    app.call("POST", `/matchmake/${method}/${target}`, { token, body: {} });
  for (const method of ["joinOrCreate", "join"]) {
    expect(await ask(method, "plain", foreign)).toMatchObject({ status: 401 });
  }
  expect(await ask("joinById", plain.roomId, foreign)).toMatchObject({ status: 401 });
  const own = await app.ticket(player, "plain");
  const [first, second] = [await ask("joinById", plain.roomId, own), await ask("joinById", plain.roomId, own)];
  expect([first.status, second.status]).toEqual([200, 200]);
  const taken = await RawSocket.dial({ port, path: seatPath(first.body) });
  expect((await dial(seatPath(second.body))).said).toContain("ACCOUNTS_TICKET_INVALID");
  expect(await ask("joinById", plain.roomId, own)).toMatchObject({ status: 401 });
  taken.destroy();
  await plain.leave();
});

test("[DOOR9] a join that the room refuses gives back its ticket, its seat and its place in the quota", async () => {
  const host = await join("closed", { lane: "main" });
  const player = await app.guest();
  const token = await app.ticket(player, "closed");
  for (let tries = 0; tries < 8; tries++) {
    const reply = await app.call("POST", "/matchmake/joinOrCreate/closed", { token, body: {} });
    expect(reply.status).toBe(200);
    const { said, code } = await dial(seatPath(reply.body));
    expect(code).toBe(closeCodes.FAULT);
    expect(said).toContain("INTERNAL");
    expect(said).not.toContain("secret reason");
  }
  await host.leave();
});

test("[DOOR11] S11: a seat that is claimed several times at once is taken once, and counts", async () => {
  const player = await app.guest();
  const sockets: RawSocket[] = [];
  for (let room = 0; room < ROOMS_PER_ACCOUNT; room++) {
    const { body } = await askForSeat(app, player, { room: "slow", filters: aLane() });
    const dialled = await Promise.all(Array.from({ length: 4 }, () => RawSocket.dial({ port, path: seatPath(body) })));
    const joined = Promise.any(
      dialled.map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.onFrame = (frame) => void (frame[0] === Protocol.JOIN_ROOM && resolve());
          }),
      ),
    );
    await until(() => dialled.filter(({ isClosed }) => isClosed).length === 3);
    await joined;
    sockets.push(...dialled);
  }
  const refused = await askForSeat(app, player, { room: "slow", filters: aLane() });
  expect(refused).toMatchObject({ status: 409, body: { code: "ROOM_SEATS_EXCEEDED" } });
  for (const socket of sockets) socket.destroy();
});

test("[DOOR9] a redial with the right token takes over from a connection that only looks alive", async () => {
  const room = await join();
  const left = new Promise<number>((resolve) => room.onLeave((code) => resolve(code)));
  const socket = await RawSocket.dial({
    port,
    path: pathOf(room.roomId, room.sessionId, { reconnectionToken: tokenOf(room) }),
  });
  const firstFrame = await new Promise<Buffer>((resolve) => {
    socket.onFrame = resolve;
  });
  expect(firstFrame[0]).toBe(Protocol.JOIN_ROOM);
  expect(await left).toBe(closeCodes.REPLACED);
  socket.destroy();
});

test("[DOOR10] S11: what claims a seat is never logged: no session id, ticket or reconnection token", async () => {
  const player = await app.guest();
  const ticket = await app.ticket(player, "plain");
  const reply = await app.call("POST", "/matchmake/joinOrCreate/plain", { token: ticket, body: aLane() });
  const { roomId, sessionId } = reply.body as { roomId: string; sessionId: string };
  const secrets = [player.token, ticket, sessionId];
  await dial(pathOf("gone", sessionId, { _authToken: ticket }));
  const socket = await RawSocket.dial({ port, path: pathOf(roomId, sessionId, { _authToken: ticket }) });
  const [joined] = await Promise.all([new Promise<Buffer>((resolve) => (socket.onFrame = resolve))]);
  const token = joined.toString("latin1", 2, 2 + (joined[1] ?? 0));
  expect(token).toMatch(/^[\w-]{22}$/);
  secrets.push(token);
  await reconnect(roomId, token);
  await reconnect("gone", token);
  await dial(pathOf("gone", sessionId, { reconnectionToken: token }));
  socket.destroy();
  expect(app.log).not.toEqual([]);
  const lines = JSON.stringify(app.log);
  for (const secret of secrets) expect(lines).not.toContain(secret);
});
