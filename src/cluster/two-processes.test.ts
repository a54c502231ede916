import { afterAll, expect, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { aPrefix, openUpRedis, startKillableRedis } from "../testing/redis.ts";
import { type Seat, Stack } from "../testing/stacks/stack.ts";

const [database, killable] = await Promise.all([createTestDatabase(), startKillableRedis()]);
const prefix = aPrefix();
const settings = { DATABASE_URL: database.url, REDIS_URL: killable.url, REDIS_PREFIX: prefix, ROOMS_PER_ADDRESS: "1" };
const [one, two] = await Promise.all([Stack.start("cluster", { settings }), Stack.start("cluster", { settings })]);
const redis = await openUpRedis({ url: killable.url, prefix });
afterAll(() => Promise.all([one.stop(), two.stop(), redis.close()]));
const oneId = await one.ask<string>("processId");
const twoId = await two.ask<string>("processId");
const caller = await one.caller();
const seatOf = async (by: Stack, room: string, lane: string): Promise<Seat> => {
  const { body, status } = await by.matchmake(await by.caller(), "joinOrCreate", room, { options: { lane } });
  expect({ status, body }).toMatchObject({ status: 200 });
  return body as unknown as Seat;
};
/** A seat in a room that runs in the other process than the one that was asked. */
const remoteSeat = async (lane: string) => {
  for (let tries = 0; ; tries++) {
    const seat = await seatOf(one, "plain", `${lane}${tries}`);
    if (seat.processId === twoId) return { seat, lane: `${lane}${tries}` };
  }
};
const refusals = async (stack: Stack) => {
  const metrics = await stack.ask<string>("metrics");
  return Object.fromEntries(
    [...metrics.matchAll(/umpire_calls_refused_total\{reason="(\w+)"\} (\d+)/g)].map(([, why = "", n]) => [
      why,
      Number(n),
    ]),
  );
};

const seesTwo = () =>
  expect
    .poll(async () => (await one.ask<string>("metrics")).match(/^umpire_processes (\d)/m)?.[1], { timeout: 5000 })
    .toBe("2");

/** Neither is busy with something else, so that each is as good a place as the other. */
const areCalm = async () => {
  const loops = await Promise.all(
    [one, two].map(async (stack) => /^umpire_loop_share (\S+)/m.exec(await stack.ask<string>("metrics"))?.[1]),
  );
  return loops.every((loop) => Number(loop) < 0.45);
};

test("[PLACEMENT3] F21: ten rooms that are made at once are spread over two processes, whoever asks for them", async () => {
  await seesTwo();
  const asks = await Promise.all(
    Array.from({ length: 10 }, async (_, lane) => {
      const asking = await one.caller();
      const headers = { ...asking.headers, authorization: `Bearer ${await one.ticket(asking, "plain")}` };
      return () => one.call("POST", "/matchmake/joinOrCreate/plain", { headers, body: { lane: `burst-${lane}` } });
    }),
  );
  const bursts = {
    players: async () => (await Promise.all(asks.map((ask) => ask()))).map(({ body }) => body["processId"]),
    engine: () => one.ask<unknown[]>("engineCreates", 10, 8000),
  };
  for (const [name, burst] of Object.entries(bursts)) {
    await expect.poll(areCalm, { timeout: 10_000 }).toBe(true);
    const share = (await burst()).filter((processId) => processId === oneId).length;
    expect([4, 5, 6], `${name}: ${share} of ten`).toContain(share);
  }
});

test("[CALLS6] a player who asks any process sits down in a room of another, and comes back to it", async () => {
  const { seat, lane } = await remoteSeat("away");
  const visitor = await two.sit(seat, caller);
  const again = await seatOf(one, "plain", lane);
  expect(again).toMatchObject({ roomId: seat.roomId, processId: twoId });
  const byId = await one.matchmake(await one.caller(), "joinById", seat.roomId, { room: "plain" });
  expect(byId).toMatchObject({ status: 200, body: { processId: twoId } });
  const back = await one.call("POST", `/matchmake/reconnect/${seat.roomId}`, {
    body: { reconnectionToken: "A".repeat(22) },
  });
  expect(back).toMatchObject({ status: 410, body: { code: "ROOM_SEAT_LOST" } });
  visitor.socket.destroy();
});

test("[CALLS6] a failure of a room's onCreate keeps its code, wherever the room was to be", async () => {
  for (let tries = 0; tries < 6; tries++) {
    const reply = await one.matchmake(await one.caller(), "joinOrCreate", "refusing");
    expect(reply).toMatchObject({ status: 400, body: { code: "ROOM_OPTIONS_INVALID" } });
  }
});

test("[CALLS7] S39: a hostile peer on Redis has no room's method called, and each attempt is counted", async () => {
  const { seat } = await remoteSeat("attacked");
  const visitor = await two.sit(seat, caller);
  const publish = (channel: string, data: unknown) =>
    redis.call((client) => client.publish(channel, JSON.stringify(data)));
  const { forged = 0 } = await refusals(two);
  for (const start of ["", `${prefix}:`]) {
    await publish(`${start}$${seat.roomId}`, ["disconnect", "x", [4000]]);
    await publish(`${start}p:${twoId}`, ["disconnect", "x", [4000]]);
    await publish(`${start}p:${twoId}`, [null, "x", ["plain", { lane: "forged" }]]);
  }
  await expect.poll(async () => (await refusals(two))["forged"]).toBe(forged + 2);
  expect(visitor.socket.isClosed).toBe(false);
  // Nor does the engine's own way carry out more than is needed to find and take a seat.
  for (const method of ["disconnect", "lock", "setPrivate", "roomId", "constructor", "getInspectorView"]) {
    const answer = await one.ask("remoteCall", { roomId: seat.roomId, method, args: [] });
    expect(answer).toHaveProperty("thrown");
  }
  const known = await one.ask("remoteCall", { roomId: seat.roomId, method: "hasReservedSeat", args: ["x"] });
  expect(known).toEqual({ value: false });
  expect(visitor.socket.isClosed).toBe(false);
  visitor.socket.destroy();
});

test("[CALLS9] a room made elsewhere that closes is given back to the quota of whoever had it made", async () => {
  const openers = await Promise.all(Array.from({ length: 4 }, () => one.caller()));
  const open = async (by: (typeof openers)[number], lane: string) =>
    one.matchmake(by, "joinOrCreate", "plain", { options: { lane } });
  const opened = await Promise.all(openers.map(async (by, lane) => ({ by, reply: await open(by, `quota-${lane}`) })));
  const elsewhere = opened.find(({ reply }) => reply.body["processId"] === twoId);
  const { by, reply } = elsewhere ?? expect.fail("all four are here");
  const visitor = await two.sit(reply.body as unknown as Seat, by);
  expect(await open(by, "quota-more"), "x").toMatchObject({ status: 429, body: { code: "ROOM_CREATE_EXCEEDED" } });
  visitor.socket.send(Uint8Array.of(12));
  await expect.poll(async () => (await open(by, "quota-more")).status, { timeout: 6000, interval: 200 }).toBe(200);
});

test("[CALLS8] a room that takes longer to be made than a process may take to begin is made once", async () => {
  const seats = await Promise.all(
    Array.from({ length: 4 }, async (_, lane) => {
      const { status, body } = await one.matchmake(await one.caller(), "joinOrCreate", "slow", {
        options: { lane: `${lane}` },
      });
      return { status, processId: body["processId"] };
    }),
  );
  expect(seats.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(await one.ask<number>("listed", "slow")).toBe(4);
});

test("[PRESENCE6] T5: who leaves while Redis is away has left: the count is right, and the match goes on", async () => {
  const { seat } = await remoteSeat("leaving");
  const { players } = { players: await two.ask<number>("players") };
  const visitor = await two.sit(seat, caller);
  await expect.poll(() => two.ask<number>("players")).toBe(players + 1);
  await killable.kill();
  const fromMs = performance.now();
  visitor.socket.send(Uint8Array.of(12));
  await visitor.socket.closed;
  await expect.poll(() => two.ask<number>("players"), { timeout: 1000 }).toBe(players);
  expect(performance.now() - fromMs).toBeLessThan(1000);
  const asked = await one.matchmake(await one.caller(), "joinOrCreate", "plain", { options: { lane: "away" } });
  expect(asked).toMatchObject({ status: 503, body: { code: "REDIS_UNAVAILABLE" } });
  expect(performance.now() - fromMs).toBeLessThan(2000);
  await killable.start();
  const isBack = async () => (await one.matchmake(await one.caller(), "joinOrCreate", "plain")).status;
  await expect.poll(isBack, { timeout: 5000 }).toBe(200);
});

test("[CALLS8] T4: a process that stood still carries out nothing of what was asked of it meanwhile", async () => {
  const pid = await two.ask<number>("pid");
  const { late = 0 } = await refusals(two);
  const before = await two.ask<number>("rooms");
  // It has found its way back to the Redis of the test before.
  const spread = async () => (await one.ask<string[]>("engineCreates", 4, 8000)).includes(twoId);
  await expect.poll(spread, { timeout: 8000 }).toBe(true);
  process.kill(pid, "SIGSTOP");
  const made = await one.ask<string[]>("engineCreates", 12, 8000);
  expect(new Set(made)).toEqual(new Set([oneId]));
  process.kill(pid, "SIGCONT");
  await expect.poll(async () => (await refusals(two))["late"] ?? 0).toBeGreaterThan(late);
  // Rooms that were empty may have closed meanwhile; none has been added.
  expect(await two.ask<number>("rooms")).toBeLessThanOrEqual(before);
});

test("[PROCESSES5] F5: after kill -9 of a process the next rooms are made without a wait, and it is gone from the records", async () => {
  await two.stop();
  const tookMs: number[] = [];
  for (let lane = 0; lane < 8; lane++) {
    const asking = await one.caller();
    const ticket = await one.ticket(asking, "plain");
    const headers = { ...asking.headers, authorization: `Bearer ${ticket}` };
    const fromMs = performance.now();
    const { body } = await one.call("POST", "/matchmake/joinOrCreate/plain", { headers, body: { lane: `k${lane}` } });
    tookMs.push(performance.now() - fromMs);
    expect(body).toMatchObject({ processId: oneId });
  }
  expect(Math.max(...tookMs)).toBeLessThan(100);
  await expect
    .poll(async () => (await one.ask<string>("metrics")).match(/^umpire_processes (\d)/m)?.[1], { timeout: 3000 })
    .toBe("1");
});
