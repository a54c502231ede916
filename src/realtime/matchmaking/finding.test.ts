import { matchMaker } from "@colyseus/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp, type TestPlayer } from "../../testing/app.ts";
import { askForSeat, PlainRoom } from "../../testing/plain-room.ts";
import { TIMED } from "../../testing/timed.ts";
import { kind, level } from "./server-filters.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const WAIT_MS = 1000;
/** What the server has found out about its players. */
const skills = new Map<string, number>();
let slowestMs = 0;

class FourRoom extends PlainRoom {
  override maxClients = 4;
  override async onCreate(options: object): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, slowestMs));
    super.onCreate(options);
  }
}

/** Tells something of itself. */
class MapRoom extends PlainRoom {
  override onCreate(options: object): void {
    super.onCreate(options);
    void this.setMetadata({ map: "canyon" } as never);
  }
}

const filters = () =>
  z.strictObject({
    lane: z.string().max(20).default("main"),
    map: z.enum(["canyon", "any"]).default("any"),
  });
const skilled = {
  filters,
  server: { skill: ({ accountId }: { accountId: string }) => skills.get(accountId) ?? 0 },
  near: { skill: 5 },
  wider: [{ afterSeconds: WAIT_MS / 1000, without: ["skill"] }],
};
const app = await startTestApp({
  rooms: {
    duel: { room: FourRoom as never, ...skilled },
    newest: { room: PlainRoom, filters, order: "newest" as const },
    staff: { room: PlainRoom, ...skilled, create: "nobody" as const },
    map: { room: MapRoom, filters, server: { level, kind } },
  },
  settings: { LOADTEST_KEY, ROOMS_PER_ACCOUNT: "4" },
});
let lanes = 0;
let players = 0;
const aLane = () => ({ lane: `lane-${lanes++}` });

interface Skilled extends TestPlayer {
  readonly headers: Record<string, string>;
}

async function aPlayer(skill: number): Promise<Skilled> {
  const headers = { [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `player-${players++}`) };
  const { body } = await app.call("POST", "/api/accounts/guest", { body: {}, headers });
  const { token, account } = body as { token: string; account: { id: string } };
  skills.set(account.id, skill);
  return { accountId: account.id, token, headers };
}

async function ask(player: Skilled, where: object, room = "duel", method = "joinOrCreate") {
  const fromMs = performance.now();
  const reply = await askForSeat(app, player, { room, method, filters: where, headers: player.headers });
  return { ...reply, ms: performance.now() - fromMs };
}

const roomOf = async (player: Skilled, where: object, room = "duel") => (await ask(player, where, room)).body.roomId;

test("[FIND2] S23: a player who sends what the server says of players is refused, and makes no room", async () => {
  const player = await aPlayer(50);
  const before = (await matchMaker.query({})).length;
  for (const skill of [50, 0, "50", null, { $gt: 0 }]) {
    const reply = await ask(player, { skill });
    expect(reply).toMatchObject({
      status: 400,
      body: { code: "ROOM_FILTER_REFUSED", details: { filters: ["skill"] } },
    });
  }
  expect(await ask(player, { rank: 1 })).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
  expect((await matchMaker.query({})).length).toBe(before);
});

test("[FIND3] a room is near whose maker was no further away than the width, and the order says which of them", async () => {
  const where = aLane();
  const ten = await roomOf(await aPlayer(10), where);
  expect(await roomOf(await aPlayer(15), where)).toBe(ten);
  expect(await roomOf(await aPlayer(5), where)).toBe(ten);
  const newest = aLane();
  const first = await roomOf(await aPlayer(0), newest, "newest");
  const made = await matchMaker.createRoom("newest", { map: "any", ...newest });
  expect(await roomOf(await aPlayer(0), newest, "newest")).toBe(made.roomId);
  expect(first).not.toBe(made.roomId);
});

test(
  "[FIND4] whoever finds only a room further away waits for a better one, no longer than declared",
  TIMED,
  async () => {
    const where = aLane();
    const maker = await ask(await aPlayer(10), where);
    // Where there is none at all nobody waits.
    expect(maker.ms).toBeLessThan(WAIT_MS / 2);
    const far = ask(await aPlayer(90), where);
    const lucky = ask(await aPlayer(200), where);
    // Somebody opens a room that is nearer to one of the two.
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS / 4));
    const better = await matchMaker.createRoom("duel", { map: "any", skill: 203, ...where });
    expect((await lucky).body.roomId).toBe(better.roomId);
    expect((await lucky).ms).toBeLessThan(WAIT_MS);
    const late = await far;
    expect(late.ms).toBeGreaterThan(WAIT_MS * 0.9);
    expect(late.ms).toBeLessThan(WAIT_MS + 900);
    expect([maker.body.roomId, better.roomId]).toContain(late.body.roomId);
  },
);

test(
  "[FIND5] I: forty of all skills who come at once make the ten rooms they need, however picky they are",
  TIMED,
  async () => {
    slowestMs = 150;
    const where = aLane();
    const players = await Promise.all(Array.from({ length: 40 }, (_, turn) => aPlayer((turn * 37) % 100)));
    const replies = await Promise.all(players.map((player) => ask(player, where)));
    slowestMs = 0;
    expect(replies.map(({ status }) => status)).toEqual(players.map(() => 200));
    const counts = new Map<string, number>();
    for (const { body } of replies) counts.set(body.roomId, (counts.get(body.roomId) ?? 0) + 1);
    expect([...counts.values()]).toEqual(Array(10).fill(4));
    expect(Math.max(...replies.map(({ ms }) => ms))).toBeLessThan(WAIT_MS + 3000);
  },
);

test("[FIND6] whoever hangs up while it waits takes no seat, and those who wait hold nobody up", TIMED, async () => {
  const where = aLane();
  const players = await Promise.all(Array.from({ length: 70 }, () => aPlayer(90)));
  const tickets = await Promise.all(players.map((player) => app.ticket(player, "duel")));
  const [host, other] = [await aPlayer(10), await aPlayer(10)];
  const sitting = await app.join(host, "duel", where);
  sitting.onMessage("*", () => {});
  const { roomId } = sitting;
  const seats = async () => (await matchMaker.query({ roomId }))[0]?.clients;
  const hangUp = new AbortController();
  const waiting = players.map(({ headers }, turn) =>
    fetch(`${app.url}/matchmake/joinOrCreate/duel`, {
      method: "POST",
      signal: hangUp.signal,
      headers: { ...headers, authorization: `Bearer ${tickets[turn]}`, "content-type": "application/json" },
      body: JSON.stringify(where),
    }).then(
      () => "answered",
      () => "gone",
    ),
  );
  // More than may be in their turn at once: each has given it back to wait.
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS / 4));
  const admitted = await ask(other, where);
  expect(admitted.body.roomId).toBe(roomId);
  expect(admitted.ms).toBeLessThan(WAIT_MS / 2);
  hangUp.abort();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["gone"]));
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  expect(await seats()).toBe(2);
  await sitting.leave();
});

test("[FIND7] where only the game makes rooms, a player waits as long as declared, and is refused with a code", async () => {
  const where = aLane();
  const player = await aPlayer(10);
  const [refused, none] = await Promise.all([ask(player, where, "staff"), ask(player, where, "duel", "join")]);
  expect(refused).toMatchObject({ status: 403, body: { code: "ROOM_CREATE_REFUSED" } });
  expect(refused.ms).toBeGreaterThan(WAIT_MS * 0.9);
  expect(none).toMatchObject({ status: 404, body: { code: "ROOM_NOT_FOUND" } });
  const later = ask(player, where, "staff");
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS / 4));
  const { roomId } = await matchMaker.createRoom("staff", { map: "any", skill: 8, ...where });
  expect((await later).body.roomId).toBe(roomId);
});

test("[FIND8] a room that tells something of itself is still found, and by what it says now", async () => {
  const where = aLane();
  const player = await aPlayer(0);
  const roomId = await roomOf(player, where, "map");
  expect(await roomOf(player, { map: "canyon", ...where }, "map")).toBe(roomId);
  expect((await matchMaker.query({ roomId }))[0]?.metadata).toEqual({
    map: "canyon",
    level: 1,
    kind: "guest",
    ...where,
  });
});
