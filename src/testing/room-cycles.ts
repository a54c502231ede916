import { expect } from "vitest";
import type { Census } from "./stacks/census.ts";
import type { Caller, Stack } from "./stacks/stack.ts";

const CENSUS_MS_MAX = 10_000;
const CYCLES_MS_MAX = 60_000;
/** One byte that says that a player leaves for good. */
const LEAVE = 12;

export function census(server: Stack): Promise<Census> {
  return server.ask<Census>("census", undefined, CENSUS_MS_MAX);
}

/** Opens and closes so many rooms without anybody in them. */
export function cycleRooms(server: Stack, room: string, count: number): Promise<number> {
  return server.ask<number>("cycleRooms", { room, count }, CYCLES_MS_MAX);
}

/**
 * Rooms that are opened by a player who joins, and closed by the same player's leaving. The players are given: what a
 * server remembers of a new account or address, its rate limits above all, is not a room's.
 */
export async function cyclePlayers(
  server: Stack,
  room: string,
  count: number,
  callers: readonly Caller[],
): Promise<void> {
  for (let cycle = 0; cycle < count; cycle++) {
    const options = room === "arena" ? {} : { lane: `cycle-${cycle % 4}` };
    const visitor = await server.join(room, options, callers[cycle % callers.length]);
    visitor.socket.send(Uint8Array.of(LEAVE));
    await visitor.socket.closed;
  }
}

/** What has to be the same before and after, whatever rooms there were in between. */
export function holdings({ resources, rooms, listeners, presence }: Census) {
  // Sockets of the database and of this very question come and go.
  const { Timeout: timers = 0, ...others } = resources;
  const passing = /Socket|Pipe|Connect|Write|Shutdown|FSReq|GetAddr|Immediate/;
  const handles = Object.entries(others).filter(([kind]) => !passing.test(kind));
  return { timers, handles: Object.fromEntries(handles), rooms, listeners, presence };
}

/** Waits until the server holds what it held before: seats and tickets that were just used run out within seconds. */
const TIMERS_ABOUT = 16;

export async function expectReturned(server: Stack, before: ReturnType<typeof holdings>): Promise<void> {
  const now = async () => {
    const { timers, ...others } = holdings(await census(server));
    // Connections of the pools come and go with a few timers of their own; hundreds of rooms would leave hundreds.
    const isAbout = Math.abs(timers - before.timers) <= TIMERS_ABOUT;
    return { ...others, timers: isAbout ? before.timers : timers };
  };
  await expect.poll(now, { timeout: 30_000, interval: 500 }).toEqual(before);
}
