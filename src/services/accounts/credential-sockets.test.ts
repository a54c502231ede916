import type { Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { closeCodes } from "../../../schema/protocol.ts";
import { startTestApp, until } from "../../testing/app.ts";
import { startTestSmtp } from "../../testing/smtp.ts";
import { stillRooms } from "../../testing/still-room.ts";

const smtp = await startTestSmtp();
const app = await startTestApp({
  rooms: stillRooms,
  settings: { SMTP_URL: smtp.url, MAIL_FROM: "no-reply@game.test", REGISTRATION: "confirmed" },
});
const PASSWORD = "correct horse battery";
const OTHER = "another horse battery";
let count = 0;

async function call<Reply>(path: string, body: object, token?: string): Promise<Reply> {
  const reply = await app.call("POST", `/api/accounts/${path}`, { body, ...(token !== undefined && { token }) });
  expect(reply.status, JSON.stringify(reply.body)).toBe(200);
  return reply.body;
}

async function mailedToken(email: string): Promise<string> {
  const { text } = await smtp.mailTo(email);
  return /#[a-z-]+=([\w-]{43})/.exec(text)?.[1] ?? "";
}

interface Seat {
  readonly room: Room;
  /** The code that the socket was closed with. */
  closedWith?: number;
}

async function sit(token: string): Promise<Seat> {
  const room = await app.join({ accountId: "", token }, "still");
  room.reconnection.enabled = false;
  const seat: Seat = { room };
  room.onLeave((code) => {
    seat.closedWith = code;
  });
  return seat;
}

/** The server still answers on this socket. */
const answers = async ({ room }: Seat) => expect(await room.request("welcome")).toMatchObject({ tickHz: 40 });

async function aRegistered() {
  const guest = await app.guest();
  const email = `player-${++count}@example.com`;
  await call("register", { email, password: PASSWORD }, guest.token);
  const body = { token: await mailedToken(email), password: PASSWORD };
  const { token } = await call<{ token: string }>("register/confirm", body);
  return { email, token, accountId: guest.accountId };
}

test("[CREDENTIALS9] a match goes on while its guest's registration is confirmed, from wherever that is", async () => {
  const guest = await app.guest();
  const seat = await sit(guest.token);
  const email = `player-${++count}@example.com`;
  await call("register", { email, password: PASSWORD }, guest.token);
  const confirmation = { token: await mailedToken(email), password: PASSWORD };
  const { token } = await call<{ token: string }>("register/confirm", confirmation);
  await answers(seat);
  // The socket belongs to the new session now, and ends with it.
  await call("sign-out", {}, token);
  expect(await until(() => seat.closedWith, 2000)).toBe(closeCodes.SIGNED_OUT);
});

test("[CREDENTIALS7] S15: a reset closes the sockets of the account within two seconds", async () => {
  const { email, token } = await aRegistered();
  const seat = await sit(token);
  const bystander = await sit((await app.guest()).token);
  await call("password/reset", { email });
  const reset = { token: await mailedToken(email), password: OTHER };
  await answers(seat);
  await call("password/reset/confirm", reset);
  expect(await until(() => seat.closedWith, 2000)).toBe(closeCodes.SIGNED_OUT);
  await answers(bystander);
});

test("[CREDENTIALS2] S15: changing the password closes the sockets of every other session, and this one's go on", async () => {
  const { email, token } = await aRegistered();
  const elsewhere = await call<{ token: string }>("sign-in", { email, password: PASSWORD });
  const thief = await sit(elsewhere.token);
  await call("password", { currentPassword: PASSWORD, password: OTHER }, token);
  expect(await until(() => thief.closedWith, 2000)).toBe(closeCodes.SIGNED_OUT);

  const own = await call<{ token: string }>("sign-in", { email, password: OTHER });
  const seat = await sit(own.token);
  await call("password", { currentPassword: OTHER, password: PASSWORD }, own.token);
  await answers(seat);
});
