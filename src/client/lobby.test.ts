import { matchMaker } from "@colyseus/core";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { LOADTEST_HEADER } from "../../schema/protocol.ts";
import { signLoadtestName } from "../platform/client-address.ts";
import { FOLLOWERS_PER_ADDRESS_MAX } from "../realtime/matchmaking/lobby-feed.ts";
import { startTestApp, until } from "../testing/app.ts";
import { type Plain, PlainRoom } from "../testing/plain-room.ts";
import { createClient } from "./client.ts";
import { ClientError } from "./errors.ts";
import type { Http } from "./http.ts";
import { Lobby, type LobbyRoom } from "./lobby.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const filters = () =>
  z.strictObject({
    lane: z.string().max(20).default("main"),
    size: z.number().int().min(1).max(8).default(4),
    hidden: z.string().max(20).default("nobody's business"),
  });
const app = await startTestApp({
  rooms: {
    plain: { room: PlainRoom, filters, lobby: ["lane", "size", "map"], invite: "players" as const },
    other: { room: PlainRoom, filters, lobby: ["lane"] },
    secret: { room: PlainRoom, filters },
  },
  settings: { LOADTEST_KEY },
});
let lanes = 0;
const aLane = () => `lane-${lanes++}`;
const make = (lane: string, more: object = {}, name = "plain") =>
  matchMaker.createRoom(name, { lane, size: 4, hidden: "nobody's business", ...more });
const roomOf = (roomId: string) => matchMaker.getLocalRoomById(roomId) ?? expect.fail("the room is gone");
const aClient = () => createClient({ endpoint: app.url, session: "token", random: () => 0 });

interface Page {
  readonly rooms: readonly LobbyRoom[];
  readonly next: string | null;
}
const list = async (query: string, name = "plain") => {
  const reply = await app.call("GET", `/api/rooms/${name}${query}`);
  return { ...reply, body: reply.body as Page & { code?: string } };
};
/** The list is told of changes a few times a second. */
const listed = (query: string, count: number) =>
  expect.poll(async () => (await list(query)).body.rooms.length).toBe(count);

function follow(lane: string) {
  const lobby = aClient().lobby("plain", { lane });
  onTestFinished(() => lobby.close());
  const heard: string[] = [];
  lobby.onAdd(({ roomId }) => heard.push(`+${roomId}`));
  lobby.onChange(({ roomId, players, metadata }) => heard.push(`~${roomId} ${players} ${metadata["map"] ?? ""}`));
  lobby.onRemove(({ roomId }) => heard.push(`-${roomId}`));
  return { lobby, heard };
}

test("[LOBBY1] a list shows what is declared of each room that may be shown, and nothing else", async () => {
  const lane = aLane();
  const { roomId } = await make(lane, { size: 7 });
  const hidden = [await make(lane), await make(lane)];
  await roomOf(hidden[0]?.roomId ?? "").setPrivate(true);
  await roomOf(hidden[1]?.roomId ?? "").setMatchmaking({ unlisted: true });
  await make(lane, {}, "other");
  const host = aClient();
  await host.accounts.ensureGuest();
  const own = await host.createPrivate<Plain>("plain", { lane });
  await listed(`?lane=${lane}`, 1);
  const { body } = await list(`?lane=${lane}`);
  expect(body.rooms).toEqual([
    { roomId, players: 0, seats: 8, isOpen: true, createdMs: expect.any(Number), metadata: { lane, size: 7 } },
  ]);
  await roomOf(roomId).setMetadata({ map: "canyon", secret: "x", size: "x".repeat(65) } as never);
  await expect.poll(async () => (await list(`?lane=${lane}`)).body.rooms[0]?.metadata).toEqual({ lane, map: "canyon" });
  await roomOf(roomId).lock();
  await expect.poll(async () => (await list(`?lane=${lane}`)).body.rooms[0]?.isOpen).toBe(false);
  expect(JSON.stringify((await list("")).body)).not.toMatch(/nobody's business|secret/);
  await own.leave();
});

test("[LOBBY1] a list is read page by page, the newest first, and by what it shows alone", async () => {
  const lane = aLane();
  const made: string[] = [];
  for (let room = 0; room < 5; room++) made.push((await make(lane, { size: (room % 2) + 1 })).roomId);
  await listed(`?lane=${lane}`, 5);
  const seen: string[] = [];
  for (let before: string | null = ""; before !== null; ) {
    const page: Page = (await list(`?lane=${lane}&limit=2${before === "" ? "" : `&before=${before}`}`)).body;
    expect(page.rooms.length).toBeLessThanOrEqual(2);
    seen.push(...page.rooms.map(({ roomId }) => roomId));
    before = page.next;
  }
  expect([seen.length, seen.toSorted()]).toEqual([5, made.toSorted()]);
  const ages = (await list(`?lane=${lane}`)).body.rooms.map(({ createdMs }) => createdMs);
  expect(ages).toEqual(ages.toSorted((one, other) => other - one));
  expect((await list(`?lane=${lane}&size=1`)).body.rooms).toHaveLength(3);
  expect((await list(`?lane=${lane}&size=01`)).body.rooms).toHaveLength(0);
  for (const query of ["?hidden=x", "?roomId=x", "?private=true", "?invitation=x"]) {
    expect([query, await list(query)]).toMatchObject([query, { status: 400, body: { code: "ROOM_OPTIONS_INVALID" } }]);
  }
  for (const query of ["?limit=0", "?limit=101", "?before=x", `?lane=${"x".repeat(65)}`, "?lane=a&lane=b"]) {
    expect([query, await list(query)]).toMatchObject([query, { status: 400, body: { code: "REQUEST_INVALID" } }]);
  }
  for (const name of ["secret", "nothing", "__proto__"]) {
    expect(await list("", name)).toMatchObject({ status: 404, body: { code: "ROOM_NOT_FOUND" } });
  }
});

test("[LOBBY2] a lobby tells the rooms there are, and then what changes, for those who see it alone", async () => {
  const [lane, elsewhere] = [aLane(), aLane()];
  const first = await make(lane);
  const [{ lobby, heard }, away] = [follow(lane), follow(elsewhere)];
  await until(() => heard.length === 1);
  const client = aClient();
  await client.accounts.ensureGuest();
  const match = await client.joinById<Plain>(first.roomId);
  await until(() => heard.length === 2);
  const second = await make(lane);
  await until(() => heard.length === 3);
  await roomOf(second.roomId).setMetadata({ map: "canyon" } as never);
  await until(() => heard.length === 4);
  // A room that changes out of sight is gone here, and is new where it can be seen now.
  await roomOf(second.roomId).setMetadata({ lane: elsewhere } as never);
  await until(() => heard.length === 5 && away.heard.length === 1);
  await match.leave();
  await until(() => heard.length >= 6);
  expect(heard).toEqual([
    `+${first.roomId}`,
    `~${first.roomId} 1 `,
    `+${second.roomId}`,
    `~${second.roomId} 0 canyon`,
    `-${second.roomId}`,
    `-${first.roomId}`,
  ]);
  expect(away.heard).toEqual([`+${second.roomId}`]);
  expect([lobby.rooms.size, away.lobby.rooms.get(second.roomId)?.metadata["lane"]]).toEqual([0, elsewhere]);
});

test("[LOBBY2] many who follow cost one watch, and a change that nobody may see costs nobody a word", async () => {
  const lane = aLane();
  const { roomId } = await make(lane);
  const followers = Array.from({ length: 6 }, () => follow(lane));
  await until(() => followers.every(({ heard }) => heard.length === 1));
  await roomOf(roomId).setMetadata({ hidden: "changed" } as never);
  await make(aLane());
  await roomOf(roomId).setMetadata({ map: "canyon" } as never);
  await until(() => followers.every(({ heard }) => heard.length > 1));
  for (const { heard } of followers) expect(heard).toEqual([`+${roomId}`, `~${roomId} 0 canyon`]);
});

test("[LOBBY3] an address follows sixteen lists at most, gets its places back, and a name without a list has no feed", async () => {
  const headers = { [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, "follower") };
  const hangUp = new AbortController();
  const open = (signal: AbortSignal, name = "plain") => fetch(`${app.url}/api/rooms/${name}/feed`, { headers, signal });
  const feeds = await Promise.all(Array.from({ length: FOLLOWERS_PER_ADDRESS_MAX }, () => open(hangUp.signal)));
  expect(feeds.map(({ status }) => status)).toEqual(feeds.map(() => 200));
  expect(feeds[0]?.headers.get("content-type")).toBe("text/event-stream");
  expect(feeds[0]?.headers.get("access-control-allow-origin")).toBeNull();
  const signal = AbortSignal.timeout(5000);
  const refused = await open(signal);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "10"]);
  hangUp.abort();
  await expect.poll(async () => (await open(signal)).status).toBe(200);
  for (const name of ["secret", "nothing"]) expect((await open(signal, name)).status).toBe(404);
  const wrong = await fetch(`${app.url}/api/rooms/plain/feed?hidden=x`, { headers, signal });
  expect([wrong.status, ((await wrong.json()) as { code: string }).code]).toEqual([400, "ROOM_OPTIONS_INVALID"]);
  const posted = await fetch(`${app.url}/api/rooms/plain/feed`, { method: "POST", headers, signal });
  expect(posted.status).toBe(404);
});

test("[LOBBY4] a lobby that the server does not have says so once and ends", async () => {
  const lobby = aClient().lobby("secret");
  const errors: string[] = [];
  lobby.onError(({ code }) => errors.push(code));
  await until(() => errors.length > 0);
  expect(errors).toEqual(["ROOM_NOT_FOUND"]);
});

const aRoom = (roomId: string, more: object = {}) => ({
  roomId,
  players: 0,
  seats: 4,
  isOpen: true,
  createdMs: 0,
  metadata: {},
  ...more,
});

test("[LOBBY4] a lobby whose connection breaks comes back, and tells only what has changed meanwhile", async () => {
  const encoder = new TextEncoder();
  const wholes = [
    [aRoom("a"), aRoom("b", { metadata: { map: "Höhle" } })],
    [aRoom("b", { metadata: { map: "Höhle" }, players: 1 }), aRoom("c")],
  ];
  let dials = 0;
  const stream = async (): Promise<ReadableStream<Uint8Array>> => {
    const changed = wholes[dials++];
    if (changed === undefined) throw new ClientError({ code: "ROOM_NOT_FOUND", message: "gone", status: 404 });
    const bytes = encoder.encode(
      `:\n\ndata: ${JSON.stringify({ isWhole: true, changed, removed: [] })}\n\ndata: {"isW`,
    );
    return new ReadableStream({
      start(controller) {
        // Byte by byte, as a slow network may bring them; it ends in the middle of a word.
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
  };
  const lobby = new Lobby({ http: { stream } as unknown as Http, random: () => 0 }, "plain", {});
  const heard: string[] = [];
  lobby.onAdd(({ roomId, metadata }) => heard.push(`+${roomId}${metadata["map"] ?? ""}`));
  lobby.onChange(({ roomId, players }) => heard.push(`~${roomId}${players}`));
  lobby.onRemove(({ roomId }) => heard.push(`-${roomId}`));
  lobby.onError(({ code }) => heard.push(code));
  await until(() => heard.includes("ROOM_NOT_FOUND"));
  expect(heard).toEqual(["+a", "+bHöhle", "-a", "~b1", "+c", "ROOM_NOT_FOUND"]);
  expect([...lobby.rooms.keys()]).toEqual(["b", "c"]);
});
