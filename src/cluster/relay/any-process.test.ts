import { createSecretKey } from "node:crypto";
import { Client, type Room } from "@colyseus/sdk";
import { expect, test } from "vitest";
import { closeCodes } from "../../../schema/protocol.ts";
import { cryptoRandom, secretText } from "../../platform/random.ts";
import { reconnectionToken } from "../../realtime/reconnection-token.ts";
import { until } from "../../testing/app.ts";
import { joinAt, metricOf, startBalancer, startServer, untilAnswered } from "../../testing/cluster.ts";
import { seatPath } from "../../testing/plain-room.ts";
import { createTestDatabase } from "../../testing/postgres.ts";
import { aPrefix, testRedisUrl } from "../../testing/redis.ts";
import { RawSocket } from "../../testing/stacks/raw-socket.ts";

const SECRET = "only-for-tests-only-for-tests-only-for-tests";
const { url: databaseUrl } = await createTestDatabase();
const settings = {
  NODE_ENV: "test",
  PORT: "0",
  METRICS_PORT: "0",
  DATABASE_URL: databaseUrl,
  REDIS_URL: testRedisUrl(),
  REDIS_PREFIX: aPrefix(),
  SERVER_SECRET: SECRET,
  DRAIN_SECONDS: "0",
};
/** Three processes that know of one another by Redis alone, and a balancer that knows nothing. */
const servers = await Promise.all([
  startServer(settings),
  startServer(settings),
  startServer({ ...settings, ROLE: "api" }),
]);
const balancer = await startBalancer(servers.map(({ url }) => Number(new URL(url).port)));

interface Arena {
  readonly tick: number;
  readonly phase: number;
  readonly players: ReadonlyMap<string, { readonly name: string; readonly bot: boolean }>;
}

/** Which of the servers has most of it. */
async function whoHas(name: string): Promise<number> {
  const values = await Promise.all(servers.map((server) => metricOf(server, name)));
  return values.indexOf(Math.max(...values));
}

async function plays(room: Room<never, Arena>): Promise<void> {
  const tick = await until(() => room.state?.tick, 10_000);
  await until(() => room.state.tick > tick + 5, 10_000);
}

/** A redial of a player whose process has died with its room. It waits while the others are tested. */
const strandedId = secretText(cryptoRandom, 128);
const strandedSince = performance.now();
const stranded = RawSocket.dial({
  port: Number(new URL(servers[0].url).port),
  path: seatPath(
    { processId: "dead", roomId: "gone", sessionId: strandedId },
    { reconnectionToken: reconnectionToken(createSecretKey(Buffer.from(SECRET)), "gone", strandedId) },
  ),
});

test("[RELAY10][SUPERVISOR7] an unmodified SDK plays through whichever of three processes a plain balancer gives it", async () => {
  const first = await joinAt<Arena>(balancer.url, "arena");
  const others = await Promise.all([0, 1, 2, 3].map(() => joinAt<Arena>(balancer.url, "arena", first)));
  await Promise.all([first, ...others].map(plays));
  // All in one room, which lives at one of them: whoever came in by another is relayed.
  const relayed = await Promise.all(servers.map((server) => metricOf(server, "umpire_relayed_sockets")));
  expect(relayed.reduce((total, count) => total + count, 0)).toBeGreaterThan(0);
  expect(relayed[await whoHas("umpire_rooms")]).toBe(0);
  // The one with the role `api` runs none.
  expect(await metricOf(servers[2], "umpire_rooms")).toBe(0);
  await until(() => [...first.state.players.values()].filter(({ bot }) => !bot).length === 5);
  await Promise.all([first, ...others].map((room) => room.leave()));
});

test("[RELAY11] two in one room by different processes see each other, and one whose process is killed is back by another", async () => {
  const stays = await joinAt<Arena>(servers[0].url, "arena", { filters: { mode: "duel" } });
  await plays(stays);
  const owner = await whoHas("umpire_rooms");
  // One that runs no rooms: whoever came in by it is relayed.
  const dying = 2;
  const entrance = await startBalancer(
    [dying, owner].map((index) => Number(new URL(servers[index]?.url ?? "").port)),
    { isPinned: true },
  );
  const moves = await joinAt<Arena>(entrance.url, "arena", { roomId: stays.roomId });
  await plays(moves);
  await untilAnswered(async () => (await metricOf(servers[dying], "umpire_relayed_sockets")) === 1);
  const people = (room: Room<never, Arena>) => [...room.state.players.values()].filter(({ bot }) => !bot).length;
  await until(() => people(stays) === 2 && people(moves) === 2);
  const { sessionId, roomId } = moves;
  let isBack = false;
  moves.onReconnect(() => {
    isBack = true;
  });
  await servers[dying].kill("SIGKILL");
  await until(() => isBack, 5_000);
  await plays(moves);
  expect([moves.sessionId, moves.roomId]).toEqual([sessionId, roomId]);
  expect(people(stays)).toBe(2);
  // And by HTTP at a process that does not run the room.
  const again = await new Client(servers[1 - owner]?.url ?? "").reconnect<Arena>(moves.reconnectionToken);
  await plays(again as never);
  expect(again.sessionId).toBe(sessionId);
});

test("[RELAY7] a redial whose room nobody runs any more is told so after 8 s, with the code at which an SDK stops", async () => {
  const socket = await stranded;
  expect(await socket.closed).toBe(closeCodes.RECONNECT_FAILED);
  const heldMs = performance.now() - strandedSince;
  expect(heldMs).toBeGreaterThan(7_500);
  expect(heldMs).toBeLessThan(11_000);
});
