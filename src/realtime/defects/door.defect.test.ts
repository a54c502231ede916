import { expect, test } from "vitest";
import { rawHttp } from "../../testing/stacks/raw-http.ts";
import { RawSocket, UpgradeRefused } from "../../testing/stacks/raw-socket.ts";
import type { Reply, Seat, Stack } from "../../testing/stacks/stack.ts";
import { useStack } from "../../testing/stacks/stack-under-test.ts";

const stack = await useStack();
let lane = 0;
const aLane = () => ({ lane: `door-${lane++}` });

const EVIL = { origin: "https://evil.example" };
const SEATS = 16;
const ROOMS_MAX = 20;
const LARGE_BYTES = 8 * 1024 * 1024;
const SECRET_BITS_MIN = 128;
const seatOf = ({ body }: Reply) => body as unknown as Seat;

test("[DEFECT1] L: no answer invites the page of another site in, with or without credentials", async () => {
  const server = await stack();
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/api/accounts/me"],
    ["OPTIONS", "/matchmake/joinOrCreate/yard"],
    ["POST", "/matchmake/joinOrCreate/yard"],
  ] as const) {
    const { headers } = await server.call(method, path, { headers: EVIL });
    const invitations = [...headers].filter(([name]) => name.startsWith("access-control-allow"));
    expect(`${method} ${path}: ${invitations.join("; ")}`).toBe(`${method} ${path}: `);
  }
});

test("[DEFECT1] F11: one caller cannot take all the seats of a room without ever sitting down", async () => {
  const server = await stack();
  const host = await server.join("yard", aLane());
  const attacker = await server.caller();
  for (let seat = 0; seat < SEATS; seat++) {
    await server.matchmake(attacker, "joinById", host.roomId, { room: "yard" });
  }
  const honest = await server.matchmake(await server.caller(), "joinById", host.roomId, { room: "yard" });
  expect({ status: honest.status, body: honest.body }).toMatchObject({ status: 200 });
});

test("[DEFECT1] F12: one caller cannot open rooms without end", async () => {
  const server = await stack();
  const attacker = await server.caller();
  const before = await server.ask<number>("rooms");
  for (let room = 0; room <= ROOMS_MAX; room++) {
    await server.matchmake(attacker, "create", "yard", { options: aLane() });
    await server.matchmake(attacker, "joinOrCreate", "yard", { options: aLane() });
  }
  const opened = (await server.ask<number>("rooms")) - before;
  expect({ opened, isBounded: opened <= ROOMS_MAX }).toEqual({ opened, isBounded: true });
});

test("[DEFECT1] F13: a body of megabytes is refused before it is read", async () => {
  const server = await stack();
  const body = Buffer.from(JSON.stringify({ text: "x".repeat(LARGE_BYTES) }));
  const head = `POST /matchmake/create/yard HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  expect((await rawHttp(server.port, head, body)).split("\r\n", 1)[0]).toBe("HTTP/1.1 413 Payload Too Large");
});

test("[DEFECT1] F14: a page of another site can neither ask for a seat nor open a socket", async () => {
  const server = await stack();
  const caller = await server.caller();
  const foreign = await server.matchmake(caller, "joinOrCreate", "yard", {
    options: "{}",
    headers: { ...EVIL, "content-type": "text/plain" },
  });
  expect(foreign.status).toBeGreaterThanOrEqual(400);
  const { processId, roomId, sessionId } = seatOf(await server.matchmake(caller, "joinOrCreate", "yard"));
  const path = `/${processId}/${roomId}?sessionId=${sessionId}`;
  const dialled = RawSocket.dial({ port: server.port, path, headers: { ...caller.headers, ...EVIL } });
  const status = await dialled.then(
    (socket) => {
      socket.destroy();
      return 101;
    },
    (refusal: unknown) => (refusal instanceof UpgradeRefused ? refusal.status : 0),
  );
  expect({ upgrade: status }).toEqual({ upgrade: 403 });
});

test("[DEFECT1] F15: options with a prototype of their own make nobody an administrator", async () => {
  const server = await stack();
  const caller = await server.caller();
  const { lane: name } = aLane();
  const options = `{"lane":"${name}","__proto__":{"isAdmin":true}}`;
  const reply = await server.matchmake(caller, "joinOrCreate", "yard", { options });
  if (reply.status === 200) {
    const visitor = await server.sit(seatOf(reply), caller);
    visitor.say("facts");
    await expect
      .poll(() => visitor.messages.find(({ type }) => type === "facts")?.payload)
      .toMatchObject({ isAdmin: false });
  }
  const odd = await server.matchmake(await server.caller(), "joinOrCreate", "yard", {
    options: '{"hasOwnProperty":1}',
  });
  expect({ status: odd.status, body: JSON.stringify(odd.body) }).not.toMatchObject({
    body: expect.stringMatching(/is not a function/),
  });
});

test("[DEFECT1] F16: a caller cannot choose its address: a limit by address holds whatever its headers say", async () => {
  const server = await stack();
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 25 && !statuses.includes(429); attempt++)
    statuses.push(await limitedAttempt(server, attempt));
  expect(statuses).toContain(429);
});

/** Asks at a door that counts by address, each time with the headers of another one. */
async function limitedAttempt(server: Stack, attempt: number): Promise<number> {
  const address = `203.0.113.${attempt}`;
  const headers = {
    "x-forwarded-for": address,
    "x-real-ip": address,
    "x-client-ip": address,
    forwarded: `for=${address}`,
  };
  const credentials = { email: `nobody-${attempt}@example.com`, password: "not the password" };
  const [path, body] =
    server.name === "stock" ? ["/matchmake/joinOrCreate/limited", {}] : ["/api/accounts/sign-in", credentials];
  return (await server.call("POST", path, { headers, body })).status;
}

test("[DEFECT1] F17: what claims a seat, and the way back to it, carries 128 bits", async () => {
  const server = await stack();
  const room = await server.joinSdk("yard", aLane());
  const [roomId = "", secret = ""] = room.reconnectionToken.split(":");
  expect(roomId).toBe(room.roomId);
  // 64 letters carry six bits each.
  const bits = { session: room.sessionId.length * 6, wayBack: secret.length * 6 };
  expect(Math.min(bits.session, bits.wayBack)).toBeGreaterThanOrEqual(SECRET_BITS_MIN);
  await room.leave();
});
