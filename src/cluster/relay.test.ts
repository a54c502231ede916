import { createHash, createSecretKey } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Client } from "@colyseus/sdk";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { closeCodes, LOADTEST_HEADER } from "../../schema/protocol.ts";
import { type Caller, signLoadtestName } from "../platform/client-address.ts";
import { createSystemClock, TestClock } from "../platform/clock.ts";
import { createMetrics } from "../platform/metrics.ts";
import { cryptoRandom, secretText } from "../platform/random.ts";
import { startTestApp, until } from "../testing/app.ts";
import { untilAnswered } from "../testing/cluster.ts";
import { askForSeat, PlainRoom, seatPath } from "../testing/plain-room.ts";
import { aPrefix, freePort, testRedisUrl } from "../testing/redis.ts";
import { RawSocket, UpgradeRefused } from "../testing/stacks/raw-socket.ts";
import { TIMED } from "../testing/timed.ts";
import { createHopSeal, HOP_HEADER } from "./hop.ts";
import { OwnerLine } from "./owner-line.ts";
import { type Carried, createRelay, type OwnerOf } from "./relay.ts";
import { splice } from "./splice.ts";

const SECRET = "only-for-tests-only-for-tests-only-for-tests";
const SOCKETS_PER_ADDRESS = 3;
const relayPort = await freePort();
/** The process in which the rooms live. */
const owner = await startTestApp({
  rooms: { plain: { room: PlainRoom, filters: () => z.strictObject({ lane: z.string().max(20).default("main") }) } },
  settings: {
    REDIS_URL: testRedisUrl(),
    REDIS_PREFIX: aPrefix(),
    RELAY_PORT: String(relayPort),
    SERVER_SECRET: SECRET,
    SOCKETS_PER_ADDRESS: String(SOCKETS_PER_ADDRESS),
    LOADTEST_KEY: SECRET,
  },
});
const ownerPort = Number(new URL(owner.url).port);
const secret = createSecretKey(Buffer.from(SECRET));
const clock = createSystemClock();
const seal = createHopSeal({ secret, clock, random: cryptoRandom });
const OWNER = { relay: `127.0.0.1:${relayPort}` };

interface FrontOptions {
  readonly ownerOf?: OwnerOf;
  readonly caller?: Caller;
  readonly isRedial?: boolean;
  readonly heldMax?: number;
  readonly heldMs?: number;
}

/** The part of another process that a client comes in by: it knows of no room. */
async function startFront({ ownerOf = async () => OWNER, caller, isRedial = false, ...limits }: FrontOptions = {}) {
  const metrics = createMetrics();
  const relay = createRelay({ ownerOf, isHere: () => false, seal, clock, metrics, ...limits });
  const outcomes: (Carried | unknown)[] = [];
  const http = createServer().listen(0, "127.0.0.1");
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    const roomId = /^\/[^/]+\/([^?]+)/.exec(request.url ?? "")?.[1] ?? "";
    const from: Caller = caller ?? { address: `198.51.100.${next++ % 250}`, isLoadTest: false, scheme: "http" };
    relay.carry({ request, socket, head, roomId, caller: from, isRedial }).then(
      (carried) => {
        outcomes.push(carried);
        if (carried === "lost") socket.destroy();
      },
      (thrown: unknown) => {
        outcomes.push(thrown);
        socket.destroy();
      },
    );
  });
  await once(http, "listening");
  afterAll(() => {
    relay.stop();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  const metric = async (name: string) => (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
  return { port, relay, outcomes, metric };
}
let next = 0;
let lane = 0;

async function aSeat(filters = { lane: `lane-${lane++}` }) {
  const { status, body } = await askForSeat(owner, await owner.guest(), { room: "plain", filters });
  expect(status).toBe(200);
  return body;
}

async function dial(port: number, path: string, headers: Record<string, string> = {}) {
  try {
    return await RawSocket.dial({ port, path, headers });
  } catch (refusal) {
    if (refusal instanceof UpgradeRefused) return refusal.status;
    throw refusal;
  }
}

const opened = (dialled: RawSocket | number): RawSocket => {
  if (typeof dialled === "number") throw new Error(`refused with ${dialled}`);
  return dialled;
};

/** Counted by itself, so that what a test does in passing does not use up the address. */
const apart = (name: string) => ({ [LOADTEST_HEADER]: signLoadtestName(SECRET, name) });

test("[RELAY1] an unmodified SDK plays through a process that its room does not live on, and comes back the same way", async () => {
  const front = await startFront();
  const client = new Client(`http://127.0.0.1:${front.port}`);
  const room = await client.consumeSeatReservation<{ tick: number }>({ ...(await aSeat()), name: "plain" } as never);
  room.reconnection.minUptime = 0;
  await until(() => room.state.tick > 3);
  const sessionId = room.sessionId;
  expect(await front.metric("umpire_relayed_sockets")).toMatchObject([{ value: 1 }]);
  let isBack = false;
  room.onReconnect(() => {
    isBack = true;
  });
  front.relay.stop();
  await until(() => isBack);
  const tick = room.state.tick;
  await until(() => room.state.tick > tick + 3);
  expect(room.sessionId).toBe(sessionId);
  await room.leave();
  await untilAnswered(async () => (await front.metric("umpire_relayed_sockets"))[0]?.value === 0);
  expect(front.outcomes).toEqual(["carried", "carried"]);
});

test("[RELAY2] S39: a hop header that no process of ours has sealed, for this request, just now and once, is refused", async () => {
  const path = seatPath(await aSeat());
  const line = `GET ${path} HTTP/1.1`;
  const caller: Caller = { address: "203.0.113.9", isLoadTest: false, scheme: "http" };
  const at = (header?: string) => dial(relayPort, path, header === undefined ? {} : { [HOP_HEADER]: header });
  const foreign = createHopSeal({ secret: createSecretKey(Buffer.from("another")), clock, random: cryptoRandom });
  const old = new TestClock(clock.now() - 11_000);
  const [payload = "", signed = ""] = seal.seal(caller, line).split(".");
  const other = Buffer.from(JSON.stringify({ ...caller, address: "203.0.113.10" })).toString("base64url");
  expect(await at()).toBe(403);
  expect(await at("nonsense")).toBe(403);
  expect(await at(foreign.seal(caller, line))).toBe(403);
  expect(await at(createHopSeal({ secret, clock: old, random: cryptoRandom }).seal(caller, line))).toBe(403);
  expect(await at(seal.seal(caller, `${line}x`))).toBe(403);
  expect(await at(`${other}.${signed}`)).toBe(403);
  expect(await at(`${payload}.${"A".repeat(43)}`)).toBe(403);
  // The room's process knows nothing of those: the true one is let in, and no second time.
  const sealed = seal.seal(caller, line);
  const socket = opened(await at(sealed));
  expect(await at(sealed)).toBe(403);
  socket.destroy();
  // Nor does it answer anything else there.
  expect((await fetch(`http://127.0.0.1:${relayPort}/healthz`)).status).toBe(403);
});

test("[RELAY3] a hop header from outside counts for nothing: the client's address is the one it came from", async () => {
  const forged = seal.seal({ address: "203.0.113.77", isLoadTest: true, scheme: "https" }, "GET / HTTP/1.1");
  const front = await startFront({ caller: { address: "203.0.113.1", isLoadTest: false, scheme: "http" } });
  const headers = { [HOP_HEADER]: forged, "x-forwarded-for": "203.0.113.78", "x-real-ip": "203.0.113.79" };
  const sockets: RawSocket[] = [];
  for (let count = 0; count < SOCKETS_PER_ADDRESS; count++)
    sockets.push(opened(await dial(front.port, seatPath(await aSeat()), headers)));
  // All of them were counted as one address, whatever they claimed: it has no place left.
  expect(await dial(front.port, seatPath(await aSeat()), headers)).toBe(429);
  for (const socket of sockets) socket.destroy();
});

test("[RELAY4] the sockets that an address may hold are counted by its own address, relayed or not, each once", async () => {
  const address = "127.0.0.1";
  const front = await startFront({ caller: { address, isLoadTest: false, scheme: "http" } });
  const before = opened(await dial(ownerPort, seatPath(await aSeat())));
  const relayed = [
    opened(await dial(front.port, seatPath(await aSeat()))),
    opened(await dial(front.port, seatPath(await aSeat()))),
  ];
  const seat = await aSeat();
  expect(await dial(ownerPort, seatPath(seat))).toBe(429);
  expect(await dial(front.port, seatPath(seat))).toBe(429);
  const elsewhere = await startFront({ caller: { address: "203.0.113.2", isLoadTest: false, scheme: "http" } });
  opened(await dial(elsewhere.port, seatPath(seat))).destroy();
  for (const socket of [before, ...relayed]) socket.destroy();
});

test("[RELAY5] FAULTS class 2: a redial whose room has no owner waits until there is one, and is relayed to it", async () => {
  const seat = await aSeat();
  let looks = 0;
  const ownerOf: OwnerOf = async () => {
    looks += 1;
    // First nobody, then Redis is away, then one that has just died.
    if (looks < 4) return null;
    if (looks < 6) throw new Error("redis is away");
    return looks < 8 ? { relay: `127.0.0.1:${await freePort()}` } : OWNER;
  };
  const front = await startFront({ ownerOf, isRedial: true });
  const sinceMs = performance.now();
  const socket = opened(await dial(front.port, seatPath(seat)));
  expect(performance.now() - sinceMs).toBeGreaterThan(200);
  expect(front.outcomes).toEqual(["carried"]);
  expect(await front.metric("umpire_relay_held_total")).toMatchObject([{ labels: { outcome: "carried" }, value: 1 }]);
  socket.destroy();
});

test(
  "[RELAY6] those who wait are bounded in number and time, share their looks, and one who hangs up waits no more",
  TIMED,
  async () => {
    let looks = 0;
    const ownerOf: OwnerOf = async () => {
      looks += 1;
      return null;
    };
    const front = await startFront({ ownerOf, isRedial: true, heldMax: 20, heldMs: 500 });
    const path = "/dead/room?sessionId=x";
    const sinceMs = performance.now();
    const dials = Array.from({ length: 21 }, () => dial(front.port, path));
    const impatient = connect(front.port, "127.0.0.1", () => impatient.resetAndDestroy());
    await Promise.all(dials);
    expect(performance.now() - sinceMs).toBeLessThan(2_500);
    await until(() => front.outcomes.length >= 21);
    expect(front.outcomes.filter((outcome) => outcome === "lost")).toHaveLength(20);
    expect(front.outcomes.filter((outcome) => outcome !== "lost" && outcome !== "gone")).toMatchObject([
      { code: "UNAVAILABLE" },
    ]);
    // Twenty that wait for the same room ask hardly more often than one.
    expect(looks).toBeLessThan(60);
  },
);

test("[RELAY6] a first join of a room without owner does not wait: only who has sat there may", TIMED, async () => {
  const front = await startFront({ ownerOf: async () => null });
  const sinceMs = performance.now();
  await dial(front.port, "/dead/room?sessionId=x");
  expect(performance.now() - sinceMs).toBeLessThan(400);
  // The same at a whole process, for a token that is not the true one.
  const untrue = { reconnectionToken: secretText(cryptoRandom, 128) };
  const sessionId = secretText(cryptoRandom, 128);
  const path = seatPath({ processId: "dead", roomId: "gone", sessionId }, untrue);
  const socket = opened(await dial(ownerPort, path, apart("liar")));
  expect(await socket.closed).toBe(closeCodes.RECONNECT_FAILED);
  expect(performance.now() - sinceMs).toBeLessThan(3_000);
});

test("[RELAY8] nothing goes in circles: a process passes on nothing that was passed on to it", async () => {
  const seat = { ...(await aSeat()), roomId: "nowhere" };
  const path = seatPath(seat);
  const header = seal.seal({ address: "203.0.113.3", isLoadTest: false, scheme: "http" }, `GET ${path} HTTP/1.1`);
  expect(await dial(relayPort, path, { [HOP_HEADER]: header })).toBe(421);
  // Which the first process takes for a room that lives there no more, and looks again.
  const front = await startFront({ isRedial: true, heldMs: 200 });
  await dial(front.port, path);
  expect(front.outcomes).toEqual(["lost"]);
});

/** Two joined connections, seen from outside: what a client holds and what an owner holds. */
async function aSplice() {
  const [clientSide, client] = await aPair((place) => connect({ ...place, allowHalfOpen: true }));
  const lines: OwnerLine[] = [];
  const [, ownerSide] = await aPair((place) => {
    lines.push(new OwnerLine(place));
    return lines[0]?.socket as Socket;
  });
  let reason: string | null = null;
  const joined = splice({ client, owner: lines[0] as OwnerLine }, (why) => {
    reason = why;
  });
  return { client: clientSide, owner: ownerSide, joined, reason: () => reason };
}

async function aPair(dial: (place: { port: number; host: string }) => Socket): Promise<[Socket, Socket]> {
  const server = createNetServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = dial({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  for (const socket of [near, far]) {
    socket.on("error", () => {});
    afterAll(() => void socket.destroy());
  }
  return [near, far];
}

test("[RELAY9] T14: whoever does not read stops the other from being read, and nothing is lost when it reads again", async () => {
  const { client, owner, joined } = await aSplice();
  const [written, arrived] = [createHash("sha1"), createHash("sha1")];
  let sent = 0;
  // What the kernel takes on loopback is some megabytes; beyond that the sender has to wait.
  const pump = () => {
    while (sent < 64 * 2 ** 20) {
      const chunk = Buffer.alloc(64 * 1024, `${sent}`);
      sent += chunk.length;
      written.update(chunk);
      if (!owner.write(chunk)) return;
    }
  };
  pump();
  owner.on("drain", pump);
  let passed = -1;
  // Nobody reads: what has passed comes to a stop, far from everything.
  await until(() => {
    const isStill = joined.bytes() === passed && passed > 0;
    passed = joined.bytes();
    return isStill && passed;
  });
  expect(passed).toBeLessThan(32 * 2 ** 20);
  let read = 0;
  client.on("data", (bytes: Buffer) => {
    read += bytes.length;
    arrived.update(bytes);
  });
  await until(() => sent >= 64 * 2 ** 20 && read === sent);
  expect(arrived.digest("hex")).toBe(written.digest("hex"));
});

test("[RELAY9] half a connection that ends is half that ends; one that breaks breaks the other", async () => {
  const half = await aSplice();
  half.client.end("last words");
  const heard: string[] = [];
  half.owner.on("data", (bytes: Buffer) => heard.push(bytes.toString()));
  await once(half.owner, "end");
  expect(heard.join("")).toBe("last words");
  const answer = once(half.client, "data");
  half.owner.end("and mine");
  expect(String((await answer)[0])).toBe("and mine");
  await until(() => half.reason() === "client");

  const broken = await aSplice();
  broken.client.resume();
  const ended = once(broken.client, "end");
  broken.owner.resetAndDestroy();
  await ended;
  await until(() => broken.reason() === "owner lost");
});
