import { afterAll, expect, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { aPrefix, startKillableRedis } from "../testing/redis.ts";
import { type Caller, loadtestHeaders, type Seat, Stack, type Visitor } from "../testing/stacks/stack.ts";
import { TIMED } from "../testing/timed.ts";

const [database, killable] = await Promise.all([createTestDatabase(), startKillableRedis()]);
const settings = {
  DATABASE_URL: database.url,
  REDIS_URL: killable.url,
  REDIS_PREFIX: aPrefix(),
  ROOMS_PER_ACCOUNT: "3",
  ROOMS_PER_ADDRESS: "64",
  SOCKETS_PER_ADDRESS: "4",
};
const [one, two] = await Promise.all([Stack.start("cluster", { settings }), Stack.start("cluster", { settings })]);
afterAll(() => Promise.all([one.stop(), two.stop()]));
const both = [one, two];
let lanes = 0;
let writers = 0;
const joinAt = (stack: Stack, by: Caller, lane = `lane-${lanes++}`) =>
  stack.matchmake(by, "joinOrCreate", "plain", { options: { lane } });
const codeOf = ({ status, body }: { status: number; body: Readonly<Record<string, unknown>> }) =>
  status === 200 ? "ok" : String(body["code"]);
/** The seat is taken where the room is, wherever it was asked for. */
async function sitDown(stack: Stack, by: Caller, lane?: string): Promise<Visitor> {
  const reply = await joinAt(stack, by, lane);
  expect(reply).toMatchObject({ status: 200 });
  return stack.sit(reply.body as unknown as Seat, by);
}
/** The same account, as if it called from somewhere else. */
const from = (by: Caller, name: string): Caller => ({ ...by, headers: loadtestHeaders(name) });

const player = await one.caller();
const seated: Visitor[] = [];
for (const stack of [one, two, one]) seated.push(await sitDown(stack, player));
const seatedMs = performance.now();
const PROMISED_MS = 5500;

test("[QUOTA1] S10: seats that nobody has taken yet are counted over all processes", async () => {
  const player = await one.caller();
  const lane = `lane-${lanes++}`;
  const asked = await Promise.all([one, two, one, two, one, two].map((stack) => joinAt(stack, player, lane)));
  expect(asked.map(codeOf).toSorted()).toEqual([...Array(3).fill("ROOM_SEATS_OPEN"), ...Array(3).fill("ok")]);
});

test("[QUOTA1] who joins and leaves eight times in a row is never refused, though the room is another process's", async () => {
  const quick = await one.caller();
  const host = await sitDown(two, await two.caller(), "revolving");
  const [oneId, twoId] = await Promise.all(both.map((stack) => stack.ask<string>("processId")));
  for (let times = 0; times < 8; times++) {
    const reply = await joinAt(one, quick, "revolving");
    expect(reply).toMatchObject({ status: 200 });
    const asked = reply.body["processId"] === oneId ? two : one;
    const again = await joinAt(asked, quick, "revolving");
    expect(again).toMatchObject({ status: 200 });
    for (const seat of [reply, again]) {
      const visitor = await one.sit(seat.body as unknown as Seat, quick);
      visitor.socket.send(Uint8Array.of(12));
      await visitor.socket.closed;
    }
  }
  expect(twoId).not.toBe(oneId);
  host.socket.destroy();
});

test("[QUOTA1] S8: the sockets of an address are counted over all processes, and those of one that was killed no more", async () => {
  const address = "crowd";
  const seated: Visitor[] = [];
  const third = await Stack.start("cluster", { settings });
  afterAll(() => third.stop());
  const stacks = [one, two, third, third];
  for (const stack of stacks) {
    const seat = await joinAt(stack, await stack.caller());
    seated.push(await stack.sit(seat.body as unknown as Seat, from(await stack.caller(), address)));
  }
  const sit = async (stack: Stack) => {
    // A seat of its own each time: a room of the process that is killed is no more.
    const seat = await joinAt(one, await one.caller());
    return stack.sit(seat.body as unknown as Seat, from(await one.caller(), address));
  };
  await expect(sit(one)).rejects.toMatchObject({ status: 429 });
  await expect(sit(two)).rejects.toMatchObject({ status: 429 });
  await third.stop();
  await expect.poll(() => sit(one).then(() => "in", String), { timeout: 3000, interval: 100 }).toBe("in");
  for (const each of seated) each.socket.destroy();
});

test("[QUOTA1] S10: the rooms that a player sits in are counted over all processes, whichever was asked for the seat", async () => {
  // From then on they count because the player sits there, and no more because the seats were promised.
  await expect.poll(() => performance.now() - seatedMs > PROMISED_MS, { timeout: PROMISED_MS + 1000 }).toBe(true);
  for (const stack of both) expect(codeOf(await joinAt(stack, player))).toBe("ROOM_SEATS_EXCEEDED");
  seated[0]?.socket.send(Uint8Array.of(12));
  const again = async () => codeOf(await joinAt(two, player, "again"));
  await expect.poll(again, { timeout: 6000, interval: 300 }).toBe("ok");
  for (const visitor of seated) visitor.socket.destroy();
});

const reset = (stack: Stack, email: string, address: string) =>
  stack
    .call("POST", "/api/accounts/password/reset", { headers: loadtestHeaders(address), body: { email } })
    .then(codeOf);

test("[QUOTA3] S16: requests of an address and letters to a person are counted over all processes", async () => {
  const letters = [one, two, one, two, one].map((stack, index) => reset(stack, "me@example.com", `writer-${index}`));
  expect((await Promise.all(letters)).filter((code) => code === "ok")).toHaveLength(3);
  // Twenty in a minute.
  const asked = Array.from({ length: 30 }, (_, index) => reset(both[index % 2] ?? one, `a${index}@b.example`, "asker"));
  expect((await Promise.all(asked)).filter((code) => code === "ok")).toHaveLength(20);
  expect(await Promise.all(both.map((stack) => reset(stack, "c@b.example", "asker")))).toEqual([
    "RATE_LIMITED",
    "RATE_LIMITED",
  ]);
});

test(
  "[QUOTA4] T5: a Redis that is killed keeps nobody from signing in, and its limits go on in each process",
  TIMED,
  async () => {
    const patient = `patient-${writers++}`;
    for (let count = 0; count < 8; count++) await reset(one, `d${count}@b.example`, patient);
    await killable.kill();
    const awayMs = performance.now();
    const headers = loadtestHeaders(`newcomer-${writers++}`);
    const newcomer = await one.call("POST", "/api/accounts/guest", { headers, body: {} });
    const tookMs = performance.now() - awayMs;
    const asked = Array.from({ length: 20 }, (_, index) => reset(one, `e${index}@b.example`, patient));
    const codes = await Promise.all(asked);
    await killable.start();
    await expect.poll(async () => codeOf(await joinAt(one, await one.caller())), { timeout: 8000 }).toBe("ok");
    expect(newcomer.status).toBe(200);
    expect(codes.filter((code) => code === "ok")).toHaveLength(12);
    expect(tookMs).toBeLessThan(500);
  },
);
