import { createSecretKey } from "node:crypto";
import { matchMaker } from "@colyseus/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { LOADTEST_HEADER, ROOM_CODE_ALPHABET } from "../../../schema/protocol.ts";
import { createClient } from "../../client/client.ts";
import type { Match } from "../../client/match.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { createSeededRandom } from "../../platform/random.ts";
import { startTestApp } from "../../testing/app.ts";
import { askForSeat, type Plain, PlainRoom } from "../../testing/plain-room.ts";
import { CODE_LIMIT, drawCode, invitationOf, PASSWORD_LIMIT, readCode, roomIdOf } from "./invitations.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const PASSWORD = "correct horse battery";
const filters = () => z.strictObject({ lane: z.string().max(20).default("main") });
const app = await startTestApp({
  rooms: {
    den: { room: PlainRoom, filters, invite: "players" as const, lobby: ["lane"] },
    club: { room: PlainRoom, filters, invite: "registered" as const },
    open: { room: PlainRoom, filters },
  },
  settings: { LOADTEST_KEY, LOG_LEVEL: "debug", ROOMS_PER_ACCOUNT: "8", ROOMS_PER_ADDRESS: "40" },
});
let callers = 0;
const apart = () => ({ [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `bot-${callers++}`) });
const aClient = async () => {
  const client = createClient({ endpoint: app.url, session: "token" });
  await client.accounts.ensureGuest();
  return client;
};
const codeOf = (match: Match<Plain>) => match.code ?? expect.fail("a room without a code");
const roomIds = (...matches: Match<Plain>[]) => new Set(matches.map(({ room }) => room.roomId)).size;

test("[INVITE1] friends come by the code, however they write it, and nobody comes or looks in without it", async () => {
  const [host, friend] = await Promise.all([aClient(), aClient()]);
  const own = await host.createPrivate<Plain>("den", { lane: "secret" });
  const code = codeOf(own);
  expect(code).toMatch(new RegExp(`^[${ROOM_CODE_ALPHABET}]{6}$`));
  const theirs = await friend.joinByCode<Plain>("den", ` ${code.slice(0, 3).toLowerCase()}-${code.slice(3)}`);
  expect([theirs.room.roomId, theirs.code]).toEqual([own.room.roomId, code]);

  const stranger = await app.guest();
  const found = await askForSeat(app, stranger, { room: "den", filters: { lane: "secret" } });
  expect([found.status, found.body.roomId === own.room.roomId]).toEqual([200, false]);
  const byId = await askForSeat(app, stranger, { room: "den", method: "joinById", target: own.room.roomId });
  const nowhere = await askForSeat(app, stranger, { room: "den", method: "joinById", target: "nowhere" });
  expect(byId).toMatchObject({ status: 404, body: { code: "ROOM_NOT_FOUND" } });
  expect({ ...byId.body, errorId: "" }).toEqual({ ...nowhere.body, errorId: "" });
  const listed = await app.call("GET", "/api/rooms/den");
  expect(JSON.stringify(listed.body)).not.toContain(own.room.roomId);
  // The room it is in has been told nothing of all this, and the engine's listing says that it is private.
  expect((await matchMaker.query({ roomId: own.room.roomId }))[0]).toMatchObject({
    private: true,
    metadata: { lane: "secret" },
  });
  await Promise.all([own.leave(), theirs.leave()]);
});

test("[INVITE1] who was in a private room comes back to it by its token, and by its code while others are there", async () => {
  const [host, friend] = await Promise.all([aClient(), aClient()]);
  const own = await host.createPrivate<Plain>("den");
  const theirs = await friend.joinByCode<Plain>("den", codeOf(own));
  own.room.connection.close();
  const again = await host.rejoin<Plain>(own.reconnectionToken);
  expect([again.slot, again.code]).toEqual([own.slot, codeOf(theirs)]);
  const twice = await host.joinByCode<Plain>("den", codeOf(theirs));
  expect([twice.slot, roomIds(again, twice, theirs)]).toEqual([own.slot, 1]);
  await Promise.all([twice.leave(), theirs.leave()]);
  await expect.poll(async () => matchMaker.query({ roomId: own.room.roomId }).then(({ length }) => length)).toBe(0);
  await expect(host.joinByCode("den", codeOf(theirs))).rejects.toMatchObject({ code: "ROOM_CODE_UNKNOWN" });
});

test("[INVITE2] codes are drawn from all that there are, alike; a code stands for one room of one name", () => {
  const random = createSeededRandom(7);
  const codes = Array.from({ length: 3000 }, () => drawCode(random));
  expect(new Set(codes).size).toBe(3000);
  const letters = Map.groupBy(codes.join(""), (letter) => letter);
  expect([...letters.keys()].toSorted().join("")).toBe(ROOM_CODE_ALPHABET);
  for (const each of letters.values()) expect(Math.abs(each.length - 600)).toBeLessThan(120);
  expect(ROOM_CODE_ALPHABET).not.toMatch(/[01ILOU]/);
  expect(codes.map((code) => readCode(code.toLowerCase()))).toEqual(codes);
  const [secret, other] = ["one", "two"].map((text) => createSecretKey(Buffer.from(text)));
  if (secret === undefined || other === undefined) expect.fail();
  const ids = [
    roomIdOf(secret, { name: "den", code: "ABCDEF" }),
    roomIdOf(secret, { name: "club", code: "ABCDEF" }),
    roomIdOf(secret, { name: "den", code: "ABCDEG" }),
    roomIdOf(other, { name: "den", code: "ABCDEF" }),
  ];
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(id).toMatch(/^[\w-]{16}$/);
});

test("[INVITE3] a wrong code, one of another room's name and one whose room has ended are refused alike", async () => {
  const host = await aClient();
  const own = await host.createPrivate<Plain>("den");
  const asked = async (room: string, code: string) => {
    const reply = await askForSeat(app, await app.guest(), { room, method: "joinByCode", filters: { code } });
    return { status: reply.status, body: { ...reply.body, errorId: "" } };
  };
  const refusals = [
    await asked("den", "222222"),
    await asked("club", codeOf(own)),
    await asked("den", ""),
    await asked("den", "000000"),
  ];
  expect(refusals[0]).toMatchObject({ status: 404, body: { code: "ROOM_CODE_UNKNOWN", details: {} } });
  for (const refusal of refusals) expect(refusal).toEqual(refusals[0]);
  for (const body of [{}, { code: 7 }, { code: "x".repeat(17) }, { code: "222222", lane: "a" }, { code: ["222222"] }]) {
    const reply = await askForSeat(app, await app.guest(), { room: "den", method: "joinByCode", filters: body });
    expect(reply).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
  }
  await own.leave();
});

test("[INVITE3] S23: neither an account nor an address tries more than thirty codes in five minutes", async () => {
  const attacker = await app.guest();
  const tryOne = (player = attacker, headers = {}) =>
    askForSeat(app, player, { room: "den", method: "joinByCode", filters: { code: "222222" }, headers });
  const refused = { status: 429, body: { code: "RATE_LIMITED" } };
  // By ever new addresses the account is what counts, and by ever new accounts the address.
  const byAccount: number[] = [];
  for (let turn = 0; turn < CODE_LIMIT.count; turn++) byAccount.push((await tryOne(attacker, apart())).status);
  expect(new Set(byAccount)).toEqual(new Set([404]));
  expect(await tryOne(attacker, apart())).toMatchObject(refused);
  const address = apart();
  const accounts = await Promise.all([1, 2, 3].map(() => app.guest()));
  const byAddress: number[] = [];
  for (let turn = 0; turn < CODE_LIMIT.count; turn++) {
    byAddress.push((await tryOne(accounts[turn % 3], address)).status);
  }
  expect(new Set(byAddress)).toEqual(new Set([404]));
  const last = await tryOne(accounts[0], address);
  expect(last).toMatchObject(refused);
  expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("[INVITE4] S23: a password is asked of whoever has the code, and stands nowhere, neither in the log nor in the directory", async () => {
  const [host, friend] = await Promise.all([aClient(), aClient()]);
  const own = await host.createPrivate<Plain>("den", {}, PASSWORD);
  const code = codeOf(own);
  for (const wrong of [undefined, "Correct horse battery", `${PASSWORD} `]) {
    await expect(friend.joinByCode("den", code, wrong)).rejects.toMatchObject({ code: "ROOM_PASSWORD_WRONG" });
  }
  const theirs = await friend.joinByCode<Plain>("den", code, PASSWORD);
  expect(roomIds(own, theirs)).toBe(1);
  const [listing] = await matchMaker.query({ roomId: own.room.roomId });
  expect(invitationOf(listing)?.passwordHash).toMatch(/^[\w-]{43}$/);
  for (const where of [listing, app.log]) {
    expect(JSON.stringify(where)).not.toMatch(/correct horse/i);
  }
  expect(JSON.stringify(app.log)).not.toContain(code);
  const player = await app.guest();
  const create = (password: unknown) =>
    askForSeat(app, player, { room: "den", method: "create", filters: { password } });
  for (const password of ["", "x".repeat(65), 7, null, { a: 1 }]) {
    expect(await create(password)).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
  }
  await Promise.all([own.leave(), theirs.leave()]);
});

test("[INVITE4] S23: a room's password is tried sixty times a minute at most, by however many", async () => {
  const host = await aClient();
  const own = await host.createPrivate<Plain>("den", {}, PASSWORD);
  const players = await Promise.all([1, 2, 3, 4].map(() => app.guest()));
  const tryOne = async (turn: number) => {
    const player = players[turn % players.length] ?? expect.fail();
    const filters = { code: codeOf(own), password: `guess ${turn}` };
    return askForSeat(app, player, { room: "den", method: "joinByCode", filters, headers: apart() });
  };
  const codes: (string | undefined)[] = [];
  for (let turn = 0; turn < PASSWORD_LIMIT.count; turn++) codes.push((await tryOne(turn)).body.code);
  expect(new Set(codes)).toEqual(new Set(["ROOM_PASSWORD_WRONG"]));
  expect(await tryOne(PASSWORD_LIMIT.count)).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
  await own.leave();
});

test("[INVITE5] S22: who may open a private room is the room's own word, and nobody brings an invitation along", async () => {
  const guest = await app.guest();
  const create = (room: string, filters: object = {}) => askForSeat(app, guest, { room, method: "create", filters });
  expect(await create("open")).toMatchObject({ status: 403, body: { code: "ROOM_METHOD_REFUSED" } });
  expect(await create("club")).toMatchObject({ status: 403, body: { code: "ROOM_CREATE_REFUSED" } });
  expect(await create("den", { lane: "x" })).toMatchObject({ status: 200 });
  for (const forged of [{ invitation: { code: "AAAAAA" } }, { private: false }, { code: "AAAAAA" }, { lane: 7 }]) {
    expect(await create("den", forged)).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
    const joined = await askForSeat(app, guest, { room: "den", filters: forged });
    expect(joined).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
  }
});
