import { monitorEventLoopDelay } from "node:perf_hooks";
import { expect } from "vitest";
import type { PartedProcess } from "./parted-cluster.ts";
import type { Caller, Reply, Seat, Stack, Visitor } from "./stacks/stack.ts";

/** A match in a room of one process, with a player who came in by that process and one who came in by another. */
export interface WatchedMatch {
  readonly seat: Seat;
  readonly lane: string;
  readonly players: readonly Visitor[];
  /** The longest that either player has waited for a patch since then, in ms. Infinity for one whose connection broke. */
  longestGapMs(sinceMs: number): number;
  leave(): Promise<void>;
}

/** How long the machine holds up somebody who does nothing: both a room and whoever watches it may wait so much longer. */
export function watchMachine(): { readonly patchGapMsMax: () => number } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  return { patchGapMsMax: () => 2 * PATCH_MS + 2 * (delay.max / 1e6 - RESOLUTION_MS) };
}

const RESOLUTION_MS = 10;
/** From each patch of a `PlainRoom` to the next. */
const PATCH_MS = 100;
const LEAVE = Uint8Array.of(12);

/** Asks `asked` for rooms until one of them lives at `owner`. Nobody sits there yet. */
export async function aSeatAt(owner: PartedProcess, asked: PartedProcess, name: string) {
  for (let tries = 0; tries < 60; tries++) {
    const caller = await asked.stack.caller();
    const lane = `${name}${tries}`;
    const { body } = await asked.stack.matchmake(caller, "joinOrCreate", "plain", { options: { lane } });
    if (body["processId"] === owner.processId) return { seat: body as unknown as Seat, lane, caller };
    // Whoever was away is told of with the next beat.
    await pause(100);
  }
  throw new Error(`no room at ${owner.processId}`);
}

export async function aMatchAt(owner: PartedProcess, other: PartedProcess, name: string): Promise<WatchedMatch> {
  const { seat, lane, caller } = await aSeatAt(owner, other, name);
  const relayed = await other.stack.sit(seat, caller);
  const [guest, byId] = [await owner.stack.caller(), { room: "plain" }];
  const { body } = await owner.stack.matchmake(guest, "joinById", seat.roomId, byId);
  const players = [relayed, await owner.stack.sit(body as unknown as Seat, guest)];
  return {
    seat,
    lane,
    players,
    longestGapMs: (sinceMs) =>
      Math.max(
        ...players.map((player) => (player.socket.isClosed ? Number.POSITIVE_INFINITY : player.longestGapMs(sinceMs))),
      ),
    async leave() {
      for (const { socket } of players) socket.send(LEAVE);
      await Promise.all(players.map(({ socket }) => socket.closed));
    },
  };
}

export interface Asked {
  readonly status: number;
  /** Of the process that has the seat, or of the refusal. */
  readonly by: unknown;
  readonly roomId: unknown;
  readonly retryAfter: number;
  readonly tookMs: number;
}

/** Asks a process for a seat; the time is of that alone, without the account and the ticket. */
export async function ask(
  stack: Stack,
  lane: string,
  { roomId, as }: { roomId?: string; as?: Caller } = {},
): Promise<Asked> {
  const caller = as ?? (await stack.caller());
  const headers = { ...caller.headers, authorization: `Bearer ${await stack.ticket(caller, "plain")}` };
  const path = roomId === undefined ? "/matchmake/joinOrCreate/plain" : `/matchmake/joinById/${roomId}`;
  const fromMs = performance.now();
  const reply: Reply = await stack.call("POST", path, { headers, body: roomId === undefined ? { lane } : {} });
  const tookMs = performance.now() - fromMs;
  const { body, status } = reply;
  const by = body["processId"] ?? body["code"];
  return { status, by, roomId: body["roomId"], retryAfter: Number(reply.headers.get("retry-after")), tookMs };
}

/** What whoever cannot be served is owed: an answer in good time, with a code, and when to come again. */
export function expectToldLater({ status, by, retryAfter, tookMs }: Asked, withinMs: number): void {
  expect({ status, by }).toEqual({ status: 503, by: expect.stringMatching(/^(UNAVAILABLE|REDIS_UNAVAILABLE)$/) });
  expect(retryAfter).toBeGreaterThan(0);
  expect(tookMs).toBeLessThan(withinMs);
}

/** Waits until it is so, and tells how many ms that took. A question that fails has not been answered. */
export async function untilSo(question: () => Promise<boolean>, withinMs: number): Promise<number> {
  const fromMs = performance.now();
  while (!(await question().catch(() => false))) {
    if (performance.now() - fromMs > withinMs) throw new Error(`not within ${withinMs} ms: ${question.toString()}`);
    await pause(20);
  }
  return performance.now() - fromMs;
}

export async function metricOf(stack: Stack, name: string): Promise<number> {
  const text = await stack.ask<string>("metrics", undefined, 3000);
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

/** Each knows all of them. */
export async function seeEachOther(processes: readonly PartedProcess[]): Promise<boolean> {
  const seen = await Promise.all(processes.map(({ stack }) => metricOf(stack, "umpire_processes")));
  return seen.every((count) => count === processes.length);
}

export const pause = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));
