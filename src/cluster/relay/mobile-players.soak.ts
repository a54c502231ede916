import type { Room } from "@colyseus/sdk";
import { afterAll, expect, test } from "vitest";
import { startNetwork } from "../../../loadtest/network.ts";
import { redialWithJitter, watchSilence } from "../../client/reconnect.ts";
import { cryptoRandom } from "../../platform/random.ts";
import { aSeatAt, pause, seeEachOther, untilSo } from "../../testing/cluster-matches.ts";
import { type PartedProcess, startPartedCluster } from "../../testing/parted-cluster.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { startKillableRedis } from "../../testing/redis.ts";

const BLACKHOLE_MS = 30_000;
/** What the row allows an unmodified SDK, and our client. */
const LIMITS_MS = { sdk: 6000, ours: 3000 } as const;
type Kind = keyof typeof LIMITS_MS;

const [database, killable] = await Promise.all([createTestDatabase(), startKillableRedis()]);
const cluster = await startPartedCluster({ count: 2, redisUrl: killable.url, databaseUrl: database.url });
const [one, two] = cluster as [PartedProcess, PartedProcess];
const tell = (row: object) => process.stdout.write(`${JSON.stringify(row)}\n`);

/** A player whose room lives in one process, and who plays through the other and a network of its own. */
async function aMobilePlayer(kind: Kind) {
  const target = { host: "127.0.0.1", port: one.stack.port };
  const network = await startNetwork({ target, profile: "none", seed: 1 });
  const { lane, seat } = await aSeatAt(two, one, `${kind} ${seatsAsked++}`);
  const room = await one.stack.joinSdk<{ tick: number }>("plain", { lane }, network.port);
  expect(room.roomId).toBe(seat.roomId);
  let isConnected = true;
  room.onDrop(() => {
    isConnected = false;
  });
  room.onReconnect(() => {
    isConnected = true;
  });
  if (kind === "ours") {
    const now = () => performance.now();
    redialWithJitter(room, { random: () => cryptoRandom.below(1000) / 1000, now });
    afterAll(watchSilence(room as unknown as Room, { isConnected: () => isConnected, now }));
  }
  await untilSo(async () => room.state?.tick > 0, 5000);
  afterAll(() => network.stop());
  return { room, network, isBack: async () => isConnected && room.connection.isOpen };
}
let seatsAsked = 0;

const players = () => two.stack.ask<number>("players");
const steps = async ({ state }: Room<never, { tick: number }>) => {
  const { tick } = state;
  await untilSo(async () => state.tick > tick, 5000);
};

test.each(["sdk", "ours"] as const)(
  "T13: a relayed player (%s) is in its seat again within seconds of half a minute without a network",
  async (kind) => {
    await untilSo(() => seeEachOther(cluster), 10_000);
    const before = await players();
    const { room, network, isBack } = await aMobilePlayer(kind);
    const { sessionId } = room;
    network.stall(BLACKHOLE_MS);
    await pause(BLACKHOLE_MS);
    const healMs = performance.now();
    const { tick } = room.state;
    await untilSo(async () => (await isBack()) && room.state.tick > tick, LIMITS_MS[kind]);
    tell({ fault: "blackhole", kind, backMs: performance.now() - healMs });
    expect(room.sessionId).toBe(sessionId);
    expect(await players()).toBe(before + 1);
    await room.leave();
  },
);

test.each(["sdk", "ours"] as const)(
  "T13: a relayed player (%s) whose address changes has its seat at once, and what its old connection still sends is nothing",
  async (kind) => {
    const before = await players();
    const { room, network, isBack } = await aMobilePlayer(kind);
    const { sessionId } = room;
    // The last that was opened is the player's; the server never hears that it is of no use any more.
    const connection = network.statistics().connectionsOpened - 1;
    network.stall(Number.POSITIVE_INFINITY, { connection });
    const handoverMs = performance.now();
    room.connection.close(4010);
    await untilSo(async () => !(await isBack()), 60_000);
    const droppedMs = performance.now() - handoverMs;
    await untilSo(isBack, LIMITS_MS[kind]);
    tell({ fault: "handover", kind, droppedMs, backMs: performance.now() - handoverMs - droppedMs });
    await steps(room);
    // Late frames of the old connection arrive now.
    network.stall(0, { connection });
    await steps(room);
    expect([room.sessionId, await isBack(), await players()]).toEqual([sessionId, true, before + 1]);
    await room.leave();
  },
);
