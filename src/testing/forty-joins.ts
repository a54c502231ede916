import { afterAll, expect } from "vitest";
import { createTestDatabase } from "./postgres.ts";
import { type Caller, type Reply, Stack } from "./stacks/stack.ts";

/** How many seats a room of `PlainRoom` has. */
const SEATS = 8;
const PLAYERS = 40;
let lanes = 0;

/** So many whole servers on one database, for the whole file. */
export async function startServers(
  count: number,
  settings: Readonly<Record<string, string>>,
): Promise<readonly Stack[]> {
  const { url } = await createTestDatabase();
  const started = Array.from({ length: count }, () =>
    Stack.start("cluster", { settings: { DATABASE_URL: url, ...settings } }),
  );
  const stacks = await Promise.all(started);
  afterAll(() => Promise.all(stacks.map((stack) => stack.stop())));
  return stacks;
}

/**
 * Forty players ask at once, each at the next process, for seats in rooms that take long to be made: exactly the rooms that
 * they need are made, each is full, and whoever comes next gets a new one.
 */
export async function expectExactRooms(stacks: readonly Stack[]): Promise<void> {
  const at = (index: number) => stacks[index % stacks.length] as Stack;
  const lane = `forty-${lanes++}`;
  // Rooms of an earlier time end with the seats that nobody takes.
  await expect.poll(() => roomsOf(stacks), { timeout: 15_000, interval: 200 }).toBe(0);
  const callers = await Promise.all(Array.from({ length: PLAYERS }, (_, index) => at(index).caller()));
  const ask = (by: Caller, index: number): Promise<Reply> =>
    at(index).matchmake(by, "joinOrCreate", "slow", { options: { lane } });
  const replies = await Promise.all(callers.map(ask));
  expect(replies.map(({ status }) => status)).toEqual(Array(PLAYERS).fill(200));
  const seats = new Map<unknown, number>();
  for (const { body } of replies) seats.set(body["roomId"], (seats.get(body["roomId"]) ?? 0) + 1);
  expect([...seats.values()]).toEqual(Array(PLAYERS / SEATS).fill(SEATS));
  expect(await roomsOf(stacks)).toBe(PLAYERS / SEATS);
  const next = await ask(await at(0).caller(), 0);
  expect([next.status, seats.has(next.body["roomId"])]).toEqual([200, false]);
}

async function roomsOf(stacks: readonly Stack[]): Promise<number> {
  const counts = await Promise.all(stacks.map((stack) => stack.ask<number>("rooms")));
  return counts.reduce((sum, count) => sum + count, 0);
}
