import { matchMaker } from "@colyseus/core";
import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { z } from "zod";
import { LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp, type TestPlayer, until } from "../../testing/app.ts";
import { askForSeat, Plain, PlainRoom, type ReservedSeat, seatPath } from "../../testing/plain-room.ts";
import { RawSocket } from "../../testing/stacks/raw-socket.ts";
import { TIMED } from "../../testing/timed.ts";
import { OPEN_SEATS_PER_ACCOUNT, SEAT_SECONDS } from "../door/seat-quota.ts";
import type { WorldSetup } from "../world.ts";

const seen: object[] = [];
class CuriousRoom extends PlainRoom {
  override createWorld({ options }: WorldSetup<object>): Plain {
    seen.push(options);
    return new Plain();
  }
}

/** Takes its time to begin, while others ask for it. */
class TinyRoom extends PlainRoom {
  override maxClients = 2;
  override async onCreate(options: object): Promise<void> {
    super.onCreate(options);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Takes longer to begin than the engine would wait for it. */
class SlowRoom extends PlainRoom {
  override maxClients = 4;
  override async onCreate(options: object): Promise<void> {
    super.onCreate(options);
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    if (slowFails > 0) {
      slowFails -= 1;
      throw new Error("it could not begin");
    }
  }
}

let slowFails = 0;
const SLOW_MS = 1500;
const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const ROOMS_PER_ACCOUNT = 2;
const ROOMS_PER_ADDRESS = 6;
const ROOMS_MAX = 12;
const filters = () =>
  z.strictObject({
    lane: z.string().max(20).default("main"),
    size: z.number().int().min(1).max(8).default(4),
    isRanked: z.boolean().default(false),
  });
const app = await startTestApp({
  rooms: {
    plain: { room: CuriousRoom, filters },
    tiny: { room: TinyRoom, filters },
    slow: { room: SlowRoom, filters },
    club: { room: PlainRoom, filters, create: "registered" },
    staff: { room: PlainRoom, filters, create: "nobody" },
  },
  settings: {
    LOADTEST_KEY,
    ROOMS_PER_ACCOUNT: String(ROOMS_PER_ACCOUNT),
    ROOMS_PER_ADDRESS: String(ROOMS_PER_ADDRESS),
    ROOMS_MAX: String(ROOMS_MAX),
    RECONNECT_SECONDS: "0",
  },
});
const port = Number(new URL(app.url).port);
let lane = 0;
let bot = 0;
const aLane = () => ({ lane: `lane-${lane++}` });
/** An address of its own. */
const apart = () => ({ [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `bot-${bot++}`) });

async function join(player: TestPlayer, room: string, where: object): Promise<Room<never, Plain>> {
  const joined = await app.join<Plain>(player, room, where);
  joined.onMessage("*", () => {});
  joined.reconnection.enabled = false;
  await until(() => joined.state?.tick);
  return joined;
}

/** Takes the seat, and does no more than that. */
async function sit(seat: ReservedSeat): Promise<RawSocket> {
  const socket = await RawSocket.dial({ port, path: seatPath(seat) });
  await new Promise<Buffer>((resolve) => {
    socket.onFrame = resolve;
  });
  return socket;
}

const roomsNow = async () => (await matchMaker.query({})).length;
/** Closes the rooms of the tests before, instead of waiting for their seats to lapse. */
async function noRooms(): Promise<void> {
  const listings = await matchMaker.query({});
  await Promise.all(listings.map(({ roomId }) => matchMaker.getLocalRoomById(roomId)?.disconnect()));
  expect(await roomsNow()).toBe(0);
}

test("[DOOR11] S10: an account has few open seats, which lapse within five seconds, and others get in meanwhile", async () => {
  const [attacker, host] = [await app.guest(), await join(await app.guest(), "plain", { lane: "wanted" })];
  const ask = (player: TestPlayer) =>
    askForSeat(app, player, { room: "plain", method: "joinById", target: host.roomId });
  const replies = await Promise.all(Array.from({ length: 12 }, () => ask(attacker)));
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(OPEN_SEATS_PER_ACCOUNT);
  for (const reply of replies.filter(({ status }) => status !== 200)) {
    expect(reply).toMatchObject({ status: 429, body: { code: "ROOM_SEATS_OPEN" } });
    expect(reply.headers.get("retry-after")).toBe(String(SEAT_SECONDS));
  }
  expect((await ask(await app.guest())).status).toBe(200);
  const reservedMs = performance.now();
  const reserved = async () => (await matchMaker.query({ roomId: host.roomId }))[0]?.clients ?? 0;
  while ((await reserved()) > 1) await new Promise((go) => setTimeout(go, 20));
  expect(performance.now() - reservedMs).toBeLessThan(SEAT_SECONDS * 1000 + 1000);
  expect((await ask(attacker)).status).toBe(200);
  await host.leave();
});

test("[DOOR12] S10: a page that is reloaded, a double click and a rejoin never meet a quota", async () => {
  const player = await app.guest();
  const where = aLane();
  const clicks = await Promise.all([1, 2, 3].map(() => askForSeat(app, player, { room: "plain", filters: where })));
  expect(clicks.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(new Set(clicks.map(({ body }) => body.roomId)).size).toBe(1);
  await Promise.all(clicks.map(({ body }) => sit(body)));
  const elsewhere = await join(player, "plain", aLane());
  let last = await join(player, "plain", where);
  for (let reload = 0; reload < 6; reload++) {
    last.connection.close();
    last = await join(player, "plain", where);
  }
  await Promise.all([last.leave(), elsewhere.leave()]);
});

test("[DOOR11] S10: an account sits in so many rooms and no more, and in another once it has left one", async () => {
  const player = await app.guest();
  const rooms: Room[] = [];
  for (let count = 0; count < ROOMS_PER_ACCOUNT; count++) rooms.push(await join(player, "plain", aLane()));
  const where = aLane();
  const others = await join(await app.guest(), "plain", where);
  const ask = () => askForSeat(app, player, { room: "plain", filters: where });
  expect(await ask()).toMatchObject({ status: 409, body: { code: "ROOM_SEATS_EXCEEDED" } });
  await rooms.pop()?.leave();
  await expect.poll(async () => (await ask()).status).toBe(200);
  await Promise.all([...rooms, others].map((room) => room.leave()));
});

test("[DOOR13] S10: rooms are opened within the quota of account, address and process, which closing gives back", async () => {
  await noRooms();
  const ask = async (player: TestPlayer, headers: Record<string, string> = {}) =>
    askForSeat(app, player, { room: "plain", filters: aLane(), headers });
  const player = await app.guest();
  const guests: Room[] = [];
  // Its rooms are kept open by others, so that leaving them does not make room for more of its own.
  for (let count = 0; count < ROOMS_PER_ACCOUNT; count++) {
    const where = aLane();
    const own = await join(player, "plain", where);
    guests.push(await join(await app.guest(), "plain", where));
    await own.leave();
  }
  const exceeded = { status: 429, body: { code: "ROOM_CREATE_EXCEEDED" } };
  await expect.poll(async () => (await ask(player, apart())).body.code).toBe("ROOM_CREATE_EXCEEDED");
  for (let count = ROOMS_PER_ACCOUNT; count < ROOMS_PER_ADDRESS; count++) {
    expect((await ask(await app.guest())).status).toBe(200);
  }
  const refused = await ask(await app.guest());
  expect(refused).toMatchObject(exceeded);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  for (let count = ROOMS_PER_ADDRESS; count < ROOMS_MAX; count++) {
    expect((await ask(await app.guest(), apart())).status).toBe(200);
  }
  const full = await ask(await app.guest(), apart());
  expect(full).toMatchObject({ status: 503, body: { code: "UNAVAILABLE", details: { reason: "rooms" } } });
  expect(await roomsNow()).toBe(ROOMS_MAX);
  await Promise.all(guests.map((room) => room.leave()));
  await noRooms();
  expect((await ask(player)).status).toBe(200);
});

test("[DOOR13] S10: who may open a room is the room's own word", async () => {
  const guest = await app.guest();
  const credentials = { email: "member@example.org", password: "correct horse battery" };
  const member = await app.guest();
  const registered = await app.call("POST", "/api/accounts/register", { token: member.token, body: credentials });
  expect(registered.status).toBe(200);
  const { token } = registered.body as { token: string };
  const where = aLane();
  const ask = (player: TestPlayer, room: string) => askForSeat(app, player, { room, filters: where });
  const refused = { status: 403, body: { code: "ROOM_CREATE_REFUSED" } };
  expect(await ask(guest, "club")).toMatchObject(refused);
  expect(await ask({ ...member, token }, "club")).toMatchObject({ status: 200 });
  expect(await ask(guest, "club")).toMatchObject({ status: 200 });
  expect(await ask(guest, "staff")).toMatchObject(refused);
  expect(await ask({ ...member, token }, "staff")).toMatchObject(refused);
  await matchMaker.createRoom("staff", { size: 4, isRanked: false, ...where });
  expect(await ask(guest, "staff")).toMatchObject({ status: 200 });
  for (const method of ["create", "constructor", "__proto__", "query", "remoteRoomCall"]) {
    const reply = await app.call("POST", `/matchmake/${method}/plain`, {
      token: await app.ticket(guest, "plain"),
      body: {},
    });
    expect(`${method}: ${reply.status}`).toBe(`${method}: 403`);
  }
});

test("[DOOR14] many who join at once fill room after room, and none is opened that is not needed", async () => {
  await noRooms();
  const where = aLane();
  const players = await Promise.all(Array.from({ length: 10 }, () => app.guest()));
  const replies = await Promise.all(players.map((player) => askForSeat(app, player, { room: "tiny", filters: where })));
  expect(replies.map(({ status }) => status)).toEqual(players.map(() => 200));
  const counts = new Map<string, number>();
  for (const { body } of replies) counts.set(body.roomId, (counts.get(body.roomId) ?? 0) + 1);
  expect([...counts.values()]).toEqual([2, 2, 2, 2, 2]);
});

test("[DOOR14] I5: players who join one after the other share a room to its last seat, each counted once", async () => {
  await noRooms();
  const where = aLane();
  const rooms: string[] = [];
  for (let seat = 0; seat < 9; seat++) {
    rooms.push((await askForSeat(app, await app.guest(), { room: "plain", filters: where })).body.roomId);
  }
  expect(new Set(rooms.slice(0, 8)).size).toBe(1);
  expect(rooms[8]).not.toBe(rooms[0]);
  await noRooms();
});

test(
  "[DOOR14] I: forty who join at once wait for the ten rooms they need, however long these take to begin",
  TIMED,
  async () => {
    await noRooms();
    const where = aLane();
    const players = await Promise.all(Array.from({ length: 40 }, () => app.guest()));
    const join = (player: TestPlayer) => askForSeat(app, player, { room: "slow", filters: where, headers: apart() });
    const startedMs = performance.now();
    const replies = await Promise.all(players.map(join));
    expect(replies.map(({ status }) => status)).toEqual(players.map(() => 200));
    const counts = new Map<string, number>();
    for (const { body } of replies) counts.set(body.roomId, (counts.get(body.roomId) ?? 0) + 1);
    expect([...counts.values()]).toEqual(Array(10).fill(4));
    expect(performance.now() - startedMs).toBeLessThan(2 * SLOW_MS);
    expect(await roomsNow()).toBe(10);
    await noRooms();
    // A room that does not begin costs its maker a failure, and nobody else: of those who wait, one makes the next.
    slowFails = 1;
    const again = await Promise.all(players.slice(0, 4).map(join));
    expect(again.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 500]);
    expect(new Set(again.filter(({ status }) => status === 200).map(({ body }) => body.roomId)).size).toBe(1);
    await noRooms();
  },
);

test("[DOOR15] S22: options that reach for a prototype, give a key twice or bring their own fields are refused", async () => {
  const player = await app.guest();
  const token = await app.ticket(player, "plain");
  const before = await roomsNow();
  for (const body of [
    '{"__proto__":{"isAdmin":true}}',
    '{"lane":"a","__proto__":{"isAdmin":true}}',
    '{"constructor":{"prototype":{"isAdmin":true}}}',
    '{"prototype":{"isAdmin":true}}',
    '{"\\u005f_proto__":{"isAdmin":true}}',
    '{"lane":"a","lane":"b"}',
    '{"isAdmin":true}',
    '{"hasOwnProperty":1}',
    '{"toString":1}',
    '{"sessionId":"x"}',
    '{"private":true}',
    '{"locked":false}',
    '{"maxClients":1000}',
    '{"clients":0}',
    '{"name":"staff"}',
    '{"roomId":"x"}',
    '{"processId":"x"}',
    '{"metadata":{"a":1}}',
    `{"lane":"a","metadata":"${"x".repeat(50_000)}"}`,
    "[]",
    "null",
    '"lane"',
    "1",
  ]) {
    const reply = await app.call("POST", "/matchmake/joinOrCreate/plain", { token, body });
    expect(`${body.slice(0, 60)}: ${reply.status}`).toBe(`${body.slice(0, 60)}: 400`);
  }
  const megabyte = await app.call("POST", "/matchmake/joinOrCreate/plain", {
    token,
    body: `{"metadata":"${"x".repeat(2 ** 20)}"}`,
  });
  expect(megabyte.status).toBe(413);
  expect(await roomsNow()).toBe(before);
  expect(({} as Record<string, unknown>)["isAdmin"]).toBeUndefined();
});

test("[DOOR15] S22: a room's options have their own keys and inherit none", async () => {
  seen.length = 0;
  expect((await askForSeat(app, await app.guest(), { room: "plain", filters: { lane: "bare", size: 2 } })).status).toBe(
    200,
  );
  const [options] = seen;
  expect({ ...options }).toEqual({ lane: "bare", size: 2, isRanked: false });
  expect(Object.getPrototypeOf(options)).toBeNull();
});

test("[DOOR15] S23: a filter takes values of its own type and range and nothing else", async () => {
  const token = await app.ticket(await app.guest(), "plain");
  for (const body of [
    '{"lane":{"$ne":1}}',
    '{"lane":["a"]}',
    '{"lane":null}',
    '{"lane":7}',
    `{"lane":"${"x".repeat(21)}"}`,
    '{"size":"4"}',
    '{"size":{"$gt":0}}',
    '{"size":0}',
    '{"size":9}',
    '{"size":1.5}',
    '{"size":1e400}',
    '{"size":NaN}',
    '{"size":null}',
    '{"isRanked":"true"}',
    '{"isRanked":1}',
  ]) {
    const reply = await app.call("POST", "/matchmake/joinOrCreate/plain", { token, body });
    expect(`${body}: ${reply.status}`).toBe(`${body}: 400`);
  }
});

test("[DOOR15] S23: a filter with no end of values opens no more rooms than the quota has, and leaves nothing behind", async () => {
  await noRooms();
  const players = await Promise.all(Array.from({ length: 10 }, () => app.guest()));
  const codes = new Set<string | undefined>();
  for (let value = 0; value < 60; value++) {
    const player = players[value % players.length] as TestPlayer;
    codes.add((await askForSeat(app, player, { room: "plain", filters: aLane() })).body.code);
  }
  expect(await roomsNow()).toBe(ROOMS_PER_ADDRESS);
  expect([...codes].sort()).toEqual(["ROOM_CREATE_EXCEEDED", undefined]);
  await noRooms();
});

test("[DOOR11] the seat of a join in two steps is there for whoever comes back in time", async () => {
  const { body } = await askForSeat(app, await app.guest(), { room: "plain", filters: aLane() });
  (await sit(body)).destroy();
});
