import { createSecretKey } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { Protocol } from "@colyseus/core";
import { Client } from "@colyseus/sdk";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { closeCodes, LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { type Caller, signLoadtestName } from "../../platform/client-address.ts";
import { createSystemClock, TestClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { cryptoRandom, secretText } from "../../platform/random.ts";
import { startTestApp, until } from "../../testing/app.ts";
import { untilAnswered } from "../../testing/cluster.ts";
import { askForSeat, PlainRoom, seatPath } from "../../testing/plain-room.ts";
import { aPrefix, freePort, testRedisUrl } from "../../testing/redis.ts";
import { RawSocket, UpgradeRefused } from "../../testing/stacks/raw-socket.ts";
import { TIMED } from "../../testing/timed.ts";
import { createHopSeal, HOP_HEADER } from "./hop.ts";
import { type Carried, createRelay, type OwnerOf } from "./relay.ts";
import { TRUNK_REQUEST } from "./trunk-opening.ts";
import { createTrunks } from "./trunks.ts";

const SECRET = "only-for-tests-only-for-tests-only-for-tests";
const SOCKETS_PER_ADDRESS = 3;
const relayPort = await freePort();
const filters = () => z.strictObject({ lane: z.string().max(20).default("main") });
/** Says more in each step than a connection takes that nobody reads. */
class NoisyRoom extends PlainRoom {
  override afterStep(): void {
    this.tell("noise", NOISE);
  }
}
const NOISE = "n".repeat(200_000);

/** The process in which the rooms live. */
const owner = await startTestApp({
  rooms: { plain: { room: PlainRoom, filters }, noisy: { room: NoisyRoom, filters } },
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
const log = createLog({ level: "silent" });
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
  const relay = createRelay({ ownerOf, isHere: () => false, seal, clock, log, metrics, ...limits });
  const outcomes: (Carried | unknown)[] = [];
  const sockets: Duplex[] = [];
  const http = createServer().listen(0, "127.0.0.1");
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    sockets.push(socket);
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
  const cut = () => sockets.forEach((socket) => void socket.destroy());
  return { port, relay, outcomes, metric, cut };
}
let next = 0;
let lane = 0;

async function aSeat(room = "plain") {
  const { status, body } = await askForSeat(owner, await owner.guest(), { room, filters: { lane: `lane-${lane++}` } });
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
  expect(await front.metric("umpire_relay_trunks")).toMatchObject([{ value: 1 }]);
  let isBack = false;
  room.onReconnect(() => {
    isBack = true;
  });
  front.cut();
  await until(() => isBack);
  const tick = room.state.tick;
  await until(() => room.state.tick > tick + 3);
  expect(room.sessionId).toBe(sessionId);
  await room.leave();
  await untilAnswered(async () => (await front.metric("umpire_relayed_sockets"))[0]?.value === 0);
  expect(front.outcomes).toEqual(["carried", "carried"]);
});

const trunks = createTrunks({ seal, clock, log, metrics: createMetrics() });
afterAll(() => trunks.stop());

/** The status with which a request is answered on a trunk, in these very words. */
async function askByTrunk(head: string): Promise<number> {
  const trunk = await trunks.to(OWNER.relay);
  if (typeof trunk === "string") throw new Error(`the trunk is ${trunk}`);
  const channel = trunk.open(Buffer.from(head));
  if (channel === null) throw new Error("the trunk is over");
  return new Promise((resolve, reject) => {
    channel.ear = {
      data: (lent) => resolve(Number(/^HTTP\/1\.1 (\d{3}) /.exec(lent.toString())?.[1])),
      end: () => reject(new Error("ended")),
      room() {},
      broken: (how) => reject(new Error(how)),
    };
  }).finally(() => channel.break()) as Promise<number>;
}

const upgradeOf = (path: string, header?: string) => {
  const key = Buffer.alloc(16).toString("base64");
  const lines = ["Host: a", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
  if (header !== undefined) lines.push(`${HOP_HEADER}: ${header}`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
};

/** What nobody of ours has sealed for this request line, just now and once. */
function forgedHops(line: string): (string | undefined)[] {
  const caller: Caller = { address: "203.0.113.9", isLoadTest: false, scheme: "http" };
  const foreign = createHopSeal({ secret: createSecretKey(Buffer.from("another")), clock, random: cryptoRandom });
  const old = new TestClock(clock.now() - 11_000);
  const [payload = "", signed = ""] = seal.seal(caller, line).split(".");
  const other = Buffer.from(JSON.stringify({ ...caller, address: "203.0.113.10" })).toString("base64url");
  return [
    undefined,
    "nonsense",
    foreign.seal(caller, line),
    createHopSeal({ secret, clock: old, random: cryptoRandom }).seal(caller, line),
    seal.seal(caller, `${line}x`),
    `${other}.${signed}`,
    `${payload}.${"A".repeat(43)}`,
  ];
}

test("[RELAY2] S39: a hop header that no process of ours has sealed, for this request, just now and once, is refused", async () => {
  const path = seatPath(await aSeat());
  const line = `GET ${path} HTTP/1.1`;
  const caller: Caller = { address: "203.0.113.9", isLoadTest: false, scheme: "http" };
  for (const forged of forgedHops(line)) expect(await askByTrunk(upgradeOf(path, forged))).toBe(403);
  // The room's process knows nothing of those: the true one is let in, and no second time.
  const sealed = seal.seal(caller, line);
  expect(await askByTrunk(upgradeOf(path, sealed))).toBe(101);
  expect(await askByTrunk(upgradeOf(path, sealed))).toBe(403);
  // Nor does it answer anything else there, or to a player who does not come by a trunk.
  expect(await askByTrunk("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")).toBe(403);
  expect((await fetch(`http://127.0.0.1:${relayPort}/healthz`)).status).toBe(403);
  expect(await dial(relayPort, path, { [HOP_HEADER]: seal.seal(caller, line) })).toBe(403);
});

test("[TRUNK1] S39: a trunk that no process of ours has sealed, just now and once, is refused, and so is one within another", async () => {
  const nobody: Caller = { address: "trunk", isLoadTest: false, scheme: "http" };
  const at = (header?: string) => dial(relayPort, "/trunk", header === undefined ? {} : { [HOP_HEADER]: header });
  for (const forged of forgedHops(TRUNK_REQUEST)) expect(await at(forged)).toBe(403);
  const sealed = seal.seal(nobody, TRUNK_REQUEST);
  opened(await at(sealed)).destroy();
  expect(await at(sealed)).toBe(403);
  expect(await askByTrunk(upgradeOf("/trunk", seal.seal(nobody, TRUNK_REQUEST)))).toBe(403);
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
  expect(await askByTrunk(upgradeOf(path, header))).toBe(421);
  // Which the first process takes for a room that lives there no more, and looks again.
  const front = await startFront({ isRedial: true, heldMs: 200 });
  await dial(front.port, path);
  expect(front.outcomes).toEqual(["lost"]);
});

/** A player who comes by another process, and reads what comes. */
async function sitBy(front: { readonly port: number }, room: string) {
  const socket = opened(await dial(front.port, seatPath(await aSeat(room))));
  const heard = { frames: 0, longestGapMs: 0 };
  let lastMs = performance.now();
  socket.onFrame = () => {
    heard.frames += 1;
    heard.longestGapMs = Math.max(heard.longestGapMs, performance.now() - lastMs);
    lastMs = performance.now();
  };
  await until(() => heard.frames > 0);
  socket.send(Uint8Array.of(Protocol.JOIN_ROOM));
  await until(() => heard.frames > 3);
  heard.longestGapMs = 0;
  return { socket, heard };
}

test(
  "[RELAY9] [TRUNK4] T14: a relayed player who does not read is sent away as any other, and nobody on the same trunk notices",
  TIMED,
  async () => {
    const front = await startFront();
    const [slow, peer] = [await sitBy(front, "noisy"), await sitBy(front, "plain")];
    slow.socket.pause();
    const text = async () => (await fetch(owner.metricsUrl)).text();
    const closed = /^umpire_slow_readers_closed_total{room="noisy",reason="full"} (\d+)/m;
    const before = Number(closed.exec(await text())?.[1] ?? 0);
    let queuedBytes = 0;
    peer.heard.longestGapMs = 0;
    await untilAnswered(async () => {
      const now = await text();
      queuedBytes = Math.max(queuedBytes, Number(/^umpire_queued_bytes (\d+)/m.exec(now)?.[1]));
      return Number(closed.exec(now)?.[1] ?? 0) === before + 1;
    }, 10_000);
    expect(queuedBytes).toBeLessThanOrEqual(2 ** 20);
    // What waited for it at the process that it came in by is gone, too.
    await untilAnswered(async () => (await front.metric("umpire_relayed_sockets"))[0]?.value === 1, 5_000);
    expect(peer.heard.longestGapMs).toBeLessThan(500);
    expect(peer.socket.isClosed).toBe(false);
    for (const { socket } of [slow, peer]) socket.destroy();
  },
);
