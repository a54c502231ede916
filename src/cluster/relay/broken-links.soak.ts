import { expect, test } from "vitest";
import {
  aMatchAt,
  aSeatAt,
  ask,
  expectToldLater,
  pause,
  seeEachOther,
  untilSo,
  watchMachine,
} from "../../testing/cluster-matches.ts";
import { breaks, heal, type PartedProcess, startPartedCluster } from "../../testing/parted-cluster.ts";
import { seatPath } from "../../testing/plain-room.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { gatherStorm } from "../../testing/reconnect-storm.ts";
import { openUpRedis, startKillableRedis } from "../../testing/redis.ts";
import { RawSocket } from "../../testing/stacks/raw-socket.ts";
import { Visitor } from "../../testing/stacks/stack.ts";

/** The whole rows are in the soak tests beside this: each link in each way, and outages of minutes. */
const [database, killable] = await Promise.all([createTestDatabase(), startKillableRedis()]);
const cluster = await startPartedCluster({ count: 2, redisUrl: killable.url, databaseUrl: database.url });
const [one, two] = cluster as [PartedProcess, PartedProcess];
await untilSo(() => seeEachOther(cluster), 10_000);
/** One of its players is relayed. It goes on through all that follows. */
const match = await aMatchAt(two, one, "main");
const { roomId } = match.seat;
const isFound = (by: PartedProcess) => async () => (await ask(by.stack, match.lane)).roomId === roomId;

test("[DIRECTORY10] T5: Redis is dead for a second: the match goes on, whoever asks is told at once, and soon it is as it was", async () => {
  const askers = await Promise.all(cluster.map(({ stack }) => stack.caller()));
  const [machine, fromMs] = [watchMachine(), performance.now()];
  await killable.kill();
  for (const [index, { stack }] of cluster.entries()) {
    const as = askers[index];
    expectToldLater(await ask(stack, match.lane, as === undefined ? {} : { as }), 1000);
  }
  await pause(1000);
  await killable.start();
  await untilSo(isFound(one), 5000);
  await untilSo(isFound(two), 5000);
  expect(match.longestGapMs(fromMs)).toBeLessThan(machine.patchGapMsMax());
});

test("[DIRECTORY9] T6: a Redis that is emptied in the middle of a match knows the match again, and its process", async () => {
  const [machine, fromMs] = [watchMachine(), performance.now()];
  const redis = await openUpRedis({ url: killable.url });
  await redis.call((client) => client.flushall());
  redis.close();
  await untilSo(isFound(one), 10_000);
  await untilSo(() => seeEachOther(cluster), 5000);
  expect(match.longestGapMs(fromMs)).toBeLessThan(machine.patchGapMsMax());
});

test("[DIRECTORY13] T12: whoever is cut off from Redis gets nobody new, keeps whom it has, and has its room listed again after", async () => {
  const [machine, fromMs] = [watchMachine(), performance.now()];
  breaks.cut(two.links.redis);
  const elsewhere = await ask(one.stack, match.lane);
  expect(elsewhere).toMatchObject({ status: 200, by: one.processId });
  expect(elsewhere.roomId).not.toBe(roomId);
  expectToldLater(await ask(two.stack, match.lane), 1500);
  heal(two.links.redis);
  await untilSo(async () => (await ask(one.stack, "", { roomId })).by === two.processId, 10_000);
  await untilSo(async () => (await ask(two.stack, match.lane)).status === 200, 10_000);
  expect(match.longestGapMs(fromMs)).toBeLessThan(machine.patchGapMsMax());
  expect(two.stack.output).not.toContain("room.fenced");
});

async function aRelayedSdk(name: string) {
  const { lane, seat } = await aSeatAt(two, one, name);
  const room = await one.stack.joinSdk<{ tick: number }>("plain", { lane });
  expect(room.roomId).toBe(seat.roomId);
  await untilSo(async () => room.state?.tick > 0, 5000);
  return room;
}

test("[RELAY12] T12: whose relayed connection breaks, for as long as the link between two processes is down, has its seat again after", async () => {
  const room = await aRelayedSdk("cut");
  const { sessionId, roomId } = room;
  breaks.cut(two.links.relay);
  await untilSo(async () => !room.connection.isOpen, 2000);
  await pause(500);
  heal(two.links.relay);
  const { tick } = room.state;
  await untilSo(async () => room.connection.isOpen && room.state.tick > tick, 6000);
  expect([room.sessionId, room.roomId]).toEqual([sessionId, roomId]);
  await room.leave();
});

test("[RELAY13] T13: a relayed player whose old connection is half open has its seat again, and is there once", async () => {
  const room = await aRelayedSdk("half open");
  const players = await two.stack.ask<number>("players");
  // The connection between the processes stands still, and nobody is told.
  const connection = two.links.relay.statistics().connectionsOpened - 1;
  two.links.relay.stall(Number.POSITIVE_INFINITY, { connection });
  const { roomId, sessionId, reconnectionToken } = room;
  const [, token = ""] = reconnectionToken.split(":");
  const path = seatPath({ processId: two.processId, roomId, sessionId }, { reconnectionToken: token });
  const again = new Visitor(await RawSocket.dial({ port: one.stack.port, path }), roomId);
  await again.seated;
  expect(await two.stack.ask<number>("players")).toBe(players);
  two.links.relay.stall(0, { connection });
  await pause(200);
  expect([again.socket.isClosed, await two.stack.ask<number>("players")]).toEqual([false, players]);
  again.socket.destroy();
});

test("[RELAY14] T22: of fifty whose connections break in one moment all are back within seconds, each once", async () => {
  const storm = await gatherStorm([one.stack, two.stack], 50);
  const seated = async () => (await one.stack.ask<number>("players")) + (await two.stack.ask<number>("players"));
  const before = await seated();
  const { lastMs } = await storm.strike();
  expect(lastMs).toBeLessThan(6000);
  await untilSo(async () => (await seated()) === before, 2000);
  storm.leave();
});
