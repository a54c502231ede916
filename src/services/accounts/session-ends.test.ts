import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import type { SessionId } from "../../../schema/ids.ts";
import { closeCodes } from "../../../schema/protocol.ts";
import { createSystemClock, TestClock } from "../../platform/clock.ts";
import type { Principal } from "../../platform/http.ts";
import { createTestAccounts } from "../../testing/accounts.ts";
import { startTestApp, type TestPlayer, until } from "../../testing/app.ts";
import { askForSeat, PlainRoom, seatPath } from "../../testing/plain-room.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { RawSocket } from "../../testing/stacks/raw-socket.ts";
import { TIMED } from "../../testing/timed.ts";

const database = await createTestDatabase();
const { sql } = database;
const app = await startTestApp({
  rooms: { plain: { room: PlainRoom, filters: () => z.strictObject({}) } },
  settings: { DATABASE_URL: database.url },
});
/** The service as another process has it: what it knows of the server's sockets, Postgres tells. */
const elsewhere = createTestAccounts({ db: database.db, clock: new TestClock(createSystemClock().now()) });
const PASSWORD = "correct horse battery";
const { SIGNED_OUT, BANNED } = closeCodes;

const heard = new Set<SessionId>();
/** The server's own listener hears at the same moment as this one. */
await sql.listen("umpire_sessions_ended", (text) => void heard.add(JSON.parse(text)[0]));

let count = 0;

interface Player extends TestPlayer {
  readonly principal: Principal;
  readonly email: string | null;
}

async function known(player: TestPlayer, email: string | null): Promise<Player> {
  const principal = await elsewhere.accounts.principalOf({ authorization: `Bearer ${player.token}` });
  if (principal === null) throw new Error("a player is signed in");
  return { ...player, principal, email };
}

const aGuest = async () => known(await app.guest(), null);

async function aRegistered(): Promise<Player> {
  const guest = await app.guest();
  const email = `player-${++count}@example.com`;
  const body = { email, password: PASSWORD };
  const { body: reply } = await app.call("POST", "/api/accounts/register", { token: guest.token, body });
  return known({ accountId: guest.accountId, token: (reply as { token: string }).token }, email);
}

async function sit(player: Player) {
  const room = await app.join(player, "plain");
  const left = new Promise<number>((resolve) => room.onLeave((code) => resolve(code)));
  return { room, left };
}

/** The code with which the player's socket is closed by `act`, and how long that takes. */
async function closedBy(player: Player, act: () => Promise<unknown>) {
  const { left } = await sit(player);
  await act();
  const actedMs = performance.now();
  const code = await left;
  return { code, withinMs: performance.now() - actedMs };
}

const here = (method: string, path: string, { token }: Player, body: object = {}) =>
  app.call(method, `/api/accounts/${path}`, { token, body });

const ban = ({ principal }: Player) =>
  elsewhere.accounts.ban({ accountId: principal.accountId, reason: "aimbot", sentence: "No.", days: 1 });

async function resetPassword({ email }: Player) {
  if (email === null) throw new Error("a guest has no password");
  await elsewhere.accounts.requestPasswordReset({ email });
  const token = /#password-reset=(\S+)/.exec(await elsewhere.letterTo(email))?.[1] ?? "";
  await elsewhere.accounts.resetPassword({ token, password: "another horse battery" });
}

async function endAllOthers({ email }: Player) {
  const { principal } = await known(await signIn(email), email);
  await elsewhere.accounts.endOtherSessions(principal);
}

async function signIn(email: string | null): Promise<TestPlayer> {
  if (email === null) throw new Error("a guest has no password");
  const { token, account } = await elsewhere.accounts.signIn({ email, password: PASSWORD, label: "", former: null });
  return { token, accountId: account.id };
}

test.each<[string, (player: Player) => Promise<unknown>]>([
  ["signing out", (player) => here("POST", "sign-out", player)],
  ["deletion by the player", (player) => here("DELETE", "me", player, { password: PASSWORD })],
  ["ending one session", (player) => here("DELETE", `sessions?sessionId=${player.principal.sessionId}`, player)],
])("[BAN6] S15: %s closes the socket within two seconds", TIMED, async (_what, act) => {
  const player = await aRegistered();
  const { code, withinMs } = await closedBy(player, () => act(player));
  expect(code).toBe(SIGNED_OUT);
  expect(withinMs).toBeLessThan(2000);
});

test.each<[string, (player: Player) => Promise<unknown>, number]>([
  ["signing out", ({ principal }) => elsewhere.accounts.signOut(principal), SIGNED_OUT],
  ["ending all other sessions", endAllOthers, SIGNED_OUT],
  ["a password reset", resetPassword, SIGNED_OUT],
  ["deletion", ({ principal }) => elsewhere.accounts.deleteAccount(principal.accountId), SIGNED_OUT],
  ["a ban", ban, BANNED],
])("[BAN6] S15: %s in another process closes the socket within two seconds", TIMED, async (_what, act, expected) => {
  const player = await aRegistered();
  const bystander = await sit(await aGuest());
  const { code, withinMs } = await closedBy(player, () => act(player));
  expect(code).toBe(expected);
  expect(withinMs).toBeLessThan(2000);
  expect(bystander.room.connection.isOpen).toBe(true);
  await bystander.room.leave();
});

// A process has to start, on a machine that may be busy.
const STARTING = { ...TIMED, timeout: 60_000 };

test("[BAN6] S15: an operator's process bans a player in a room of a server that runs", STARTING, async () => {
  const player = await aRegistered();
  const { code, withinMs } = await closedBy(player, () =>
    operate("ban", player.accountId, "--reason", "aimbot", "--sentence", "No aimbots.", "--days", "7"),
  );
  expect(code).toBe(BANNED);
  expect(withinMs).toBeLessThan(2000);
  const attempt = () => here("POST", "sign-in", player, { email: player.email, password: PASSWORD });
  const details = { sentence: "No aimbots.", until: expect.stringMatching(/^20/) };
  expect(await attempt()).toMatchObject({ status: 403, body: { code: "ACCOUNTS_BANNED", details } });
  expect(JSON.stringify(await attempt())).not.toContain('aimbot"');
  await elsewhere.accounts.unban(player.principal.accountId);
  expect(await attempt()).toMatchObject({ status: 200 });
});

/** Runs `npm run operator -- …` as a process of its own, and gives what it printed. */
async function operate(...words: string[]): Promise<unknown> {
  const root = join(import.meta.dirname, "../../..");
  const preflight = join(root, "src/preflight.mjs");
  const child = spawn(process.execPath, ["--import", preflight, join(root, "src/main.ts"), "operator", ...words], {
    env: { PATH: process.env["PATH"], DATABASE_URL: database.url, SERVER_SECRET: "s".repeat(32), LOG_LEVEL: "silent" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  return JSON.parse(printed);
}

test("[BAN6] a registration elsewhere keeps the socket, and signing out there then closes it", async () => {
  const guest = await aGuest();
  const { room, left } = await sit(guest);
  const registration = { email: `player-${++count}@example.com`, password: PASSWORD, label: "" };
  const signedIn = await elsewhere.accounts.register(guest.principal, registration);
  const { principal } = await known({ ...guest, token: signedIn?.token ?? "" }, null);
  await elsewhere.accounts.endSession(principal, principal.sessionId);
  expect(await left).toBe(SIGNED_OUT);
  expect(room.connection.isOpen).toBe(false);
});

test("[BAN6] a banned player has no way back to a seat that was kept, nor to one that was promised", async () => {
  const players = [await aGuest(), await aGuest()] as const;
  const kept = await Promise.all(players.map(dropped));
  const promised = await Promise.all(players.map((player) => askForSeat(app, player, { room: "plain" })));
  const [banned, other] = players;
  await ban(banned);
  await until(() => heard.has(banned.principal.sessionId));
  const comeBack = kept.map(({ roomId, reconnectionToken }) =>
    app.call("POST", `/matchmake/reconnect/${roomId}`, { body: { reconnectionToken } }),
  );
  expect((await Promise.all(comeBack)).map(({ status }) => status)).toEqual([410, 200]);
  const said = await Promise.all(promised.map(({ body }) => firstWords(seatPath(body))));
  expect(said).toEqual([expect.stringContaining("UNAUTHENTICATED"), expect.not.stringContaining("UNAUTHENTICATED")]);
  expect((await here("POST", "ticket", banned, { room: "plain" })).status).toBe(401);
  expect((await here("POST", "ticket", other, { room: "plain" })).status).toBe(200);
});

/** A player whose connection is gone and whose seat is kept. */
async function dropped(player: Player) {
  const { room } = await sit(player);
  const [, reconnectionToken = ""] = room.reconnectionToken.split(":");
  room.reconnection.enabled = false;
  room.connection.close(closeCodes.REDIAL);
  return { roomId: room.roomId, reconnectionToken };
}

/** What a socket at this path is told first. */
async function firstWords(path: string): Promise<string> {
  const socket = await RawSocket.dial({ port: Number(new URL(app.url).port), path });
  const words = await new Promise<Buffer>((resolve) => {
    socket.onFrame = resolve;
  });
  socket.destroy();
  return words.toString("latin1");
}

test("[BAN7] what a server could not hear is made up for as soon as it hears again", TIMED, async () => {
  const [player, later] = [await aGuest(), await aGuest()];
  const [seat, laterSeat] = [await sit(player), await sit(later)];
  // As if its notification had come while nobody listened.
  await sql`delete from umpire.account_sessions where id = ${player.principal.sessionId}`;
  await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where application_name = 'umpire listener' and datname = current_database()`;
  const lostMs = performance.now();
  expect(await seat.left).toBe(SIGNED_OUT);
  expect(performance.now() - lostMs).toBeLessThan(2000);
  expect(laterSeat.room.connection.isOpen).toBe(true);
  await ban(later);
  expect(await laterSeat.left).toBe(BANNED);
});
