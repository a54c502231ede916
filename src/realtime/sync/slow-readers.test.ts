import { Protocol } from "@colyseus/core";
import { type Schema, type SchemaType, schema, t } from "@colyseus/schema";
import { Client, type Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { z } from "zod";
import { startNetwork } from "../../../loadtest/network.ts";
import { networkProfiles } from "../../../loadtest/network-profile.ts";
import { closeCodes, LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp, until } from "../../testing/app.ts";
import { askForSeat, seatPath } from "../../testing/plain-room.ts";
import { opcodes, RawSocket } from "../../testing/stacks/raw-socket.ts";
import { GameRoom } from "../game-room.ts";
import { message } from "../message.ts";

const Sheep = schema({ x: t.int32().default(0), name: t.string().optional() }, "Sheep");
const Meadow = schema({ tick: t.uint32().default(0), flock: t.map(Sheep) }, "Meadow");
type Meadow = SchemaType<typeof Meadow> & Schema;
const Nothing = schema({ nothing: t.uint8().default(0) }, "Nothing");

const FLOCK = 16;
/** What a noisy room tells everyone in each step, in bytes. */
const NOISE_BYTES = 16 * 1024;
const noise = "n".repeat(NOISE_BYTES);

/** A room whose whole state changes in every step, and whose flock comes and goes. */
class MeadowRoom extends GameRoom<Meadow, { nothing: number }, never, { isNoisy: boolean }> {
  readonly tickHz = 40;
  readonly patchEvery = 2;
  readonly input = { type: Nothing, idle: { nothing: 0 }, ranges: {} };
  override maxClients = 32;
  #slots = 0;
  #isNoisy = false;

  override messages = {
    /** Tells the caller more in one go than may wait for it. */
    flood: message(z.strictObject({ count: z.int().max(1000) }), function (this: MeadowRoom, { accountId }, { count }) {
      for (let told = 0; told < count; told++) this.tellAccount(accountId, "noise", noise);
    }),
  };

  createWorld({ options }: { options: { isNoisy: boolean } }): Meadow {
    this.#isNoisy = options.isNoisy;
    return new Meadow() as Meadow;
  }
  step(world: Meadow): void {
    world.tick += 1;
    world.flock.delete(`s${world.tick - FLOCK}`);
    world.flock.set(`s${world.tick}`, new Sheep().assign({ x: world.tick, name: "new" }));
    for (const sheep of world.flock.values()) {
      sheep.x += 1000;
      if (sheep.x % 7 === 0) sheep.name = undefined;
    }
  }
  enter(): number {
    return this.#slots++;
  }
  drop(): void {}
  comeBack(): void {}
  exit(): void {}
  override afterStep(): void {
    if (this.#isNoisy) this.tell("noise", noise);
  }
}

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const app = await startTestApp({
  rooms: {
    meadow: { room: MeadowRoom, filters: () => z.strictObject({ isNoisy: z.boolean().default(false) }) },
  },
  settings: { LOADTEST_KEY, RECONNECT_SECONDS: "10" },
});
const port = Number(new URL(app.url).port);
let bots = 0;
const apart = () => ({ [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `bot-${bots++}`) });

/** A client that takes its seat and reads what comes, until told otherwise. */
async function sit(isNoisy: boolean): Promise<RawSocket> {
  const { body } = await askForSeat(app, await app.guest(), { room: "meadow", filters: { isNoisy }, headers: apart() });
  const socket = await RawSocket.dial({ port, path: seatPath(body), headers: apart() });
  let frames = 0;
  socket.onFrame = () => void frames++;
  await until(() => frames > 0, 10_000);
  socket.send(Uint8Array.of(Protocol.JOIN_ROOM));
  await until(() => frames > 2, 10_000);
  return socket;
}

type Joined = Room<never, Meadow>;
async function join(url: string, isNoisy = false): Promise<Joined> {
  const client = new Client(url);
  client.auth.token = await app.ticket(await app.guest(), "meadow");
  const room = (await client.joinOrCreate("meadow", { isNoisy })) as unknown as Joined;
  room.reconnection.minUptime = 0;
  room.onMessage("*", () => {});
  await until(() => room.state?.flock?.size);
  return room;
}

/** Milliseconds between the patches that a player gets. */
function watchGaps(room: Joined): { take(): number[] } {
  let lastMs = performance.now();
  const gaps: number[] = [];
  room.onStateChange(() => {
    const nowMs = performance.now();
    gaps.push(nowMs - lastMs);
    lastMs = nowMs;
  });
  return { take: () => gaps.splice(0) };
}
const p99 = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;

async function figure(name: string): Promise<number> {
  const text = await (await fetch(app.metricsUrl)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(name) && !line.startsWith("#"));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

const PATCH_MS = 50;
const MIB = 1024 * 1024;
const SILENT = 3;
const DECEITFUL = 3;
const NOISY = 12;
const NOT_READING = SILENT + DECEITFUL + NOISY;
/** 16 kbit/s each way, with no more under way than a modem holds. */
const MODEM = { ...networkProfiles.none, bytesPerSecondDown: 2000, bytesPerSecondUp: 2000 };

/** Watches the process until all who do not read have been closed. */
async function watchUntilClosed() {
  const startedMs = performance.now();
  const rssBefore = process.memoryUsage().rss;
  const closedAfterMs: number[] = [];
  let queuedBytes = 0;
  let rssBytes = 0;
  while (closedAfterMs.length < NOT_READING && performance.now() - startedMs < 15_000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    queuedBytes = Math.max(queuedBytes, await figure("umpire_queued_bytes"));
    rssBytes = Math.max(rssBytes, process.memoryUsage().rss - rssBefore);
    const closed = await figure("umpire_slow_readers_closed_total");
    while (closedAfterMs.length < closed) closedAfterMs.push(performance.now() - startedMs);
  }
  return { closedAfterMs, queuedBytes, rssBytes };
}

test("[SYNC8] [SYNC9] T14 S8: who does not read is closed within ten seconds, and neither peers nor memory notice", async () => {
  const target = { host: "127.0.0.1", port };
  const network = await startNetwork({ target, profile: MODEM, seed: 1, bufferBytesMax: 4096 });
  const [peer, noisyPeer] = [await join(app.url), await join(app.url, true)];
  const history = new Map<number, unknown>();
  peer.onStateChange((state) => void history.set(state.tick, state.toJSON()));
  const gaps = [peer, noisyPeer].map(watchGaps);
  const slow = await join(network.url);
  const drops: number[] = [];
  slow.onDrop((code) => void drops.push(code));
  const quiet = await Promise.all(Array.from({ length: SILENT + DECEITFUL }, () => sit(false)));
  const noisy = await Promise.all(Array.from({ length: NOISY }, () => sit(true)));
  const worst = () => Math.max(...gaps.map((gap) => p99(gap.take())));
  worst();
  // The control: the same players with the same traffic, while all of them read.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const controlMs = worst();
  for (const socket of [...quiet, ...noisy]) socket.pause();
  const lies = setInterval(() => {
    for (const socket of quiet.slice(SILENT)) socket.send(Buffer.alloc(4), opcodes.pong);
  }, 300);
  const { closedAfterMs, queuedBytes, rssBytes } = await watchUntilClosed();
  clearInterval(lies);
  const peersMs = worst();
  const said = { peersMs, controlMs, closedAfterMs: closedAfterMs.at(-1), queuedBytes, rssMiB: rssBytes / MIB };
  console.info(JSON.stringify(said));

  expect(closedAfterMs).toHaveLength(NOT_READING);
  expect(closedAfterMs.at(-1)).toBeLessThan(11_000);
  expect(await figure('umpire_slow_readers_closed_total{room="meadow",reason="full"}')).toBe(NOISY);
  expect(queuedBytes).toBeLessThanOrEqual(NOT_READING * MIB);
  expect(rssBytes / NOT_READING).toBeLessThan(2 * MIB);
  // A machine that is busy with other things is so in the control, too.
  expect(peersMs).toBeLessThan(Math.max(2 * PATCH_MS, 2 * controlMs));

  // The slow reader has been in the room all the while, a second or two late, and what it reads is right.
  expect(drops).toEqual([]);
  expect(await figure("umpire_resyncs_total")).toBeGreaterThan(0);
  expect(slow.state.tick).toBeGreaterThan(peer.state.tick - 8 * 40);
  network.setProfile("none");
  const tickThen = peer.state.tick;
  const truth = await until(() => slow.state.tick > tickThen && history.get(slow.state.tick), 10_000);
  expect(slow.state.toJSON()).toEqual(truth);
  await Promise.all([network.stop(), peer.leave(), noisyPeer.leave()]);
}, 40_000);

test("[SYNC7] [SYNC8] T14: an unmodified SDK that is sent to redial comes back into its seat by itself, with the whole state", async () => {
  const [room, peer] = [await join(app.url), await join(app.url)];
  const welcome = await room.request("welcome");
  const drops: number[] = [];
  let returns = 0;
  room.onDrop((code) => void drops.push(code));
  room.onReconnect(() => void returns++);
  // The loop that tells and the loop that reads are one: nothing of this is read before all of it was told.
  room.send("flood", { count: 1000 });
  await until(() => returns === 1, 10_000);
  expect(drops).toEqual([closeCodes.REDIAL]);
  expect(await room.request("welcome")).toEqual(welcome);
  const history = new Map<number, unknown>();
  peer.onStateChange((state) => void history.set(state.tick, state.toJSON()));
  const truth = await until(() => history.get(room.state.tick));
  expect(room.state.toJSON()).toEqual(truth);
  await Promise.all([room.leave(), peer.leave()]);
});
