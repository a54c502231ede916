import { createSecretKey } from "node:crypto";
import { nextRedialMs, REDIAL_MS_MIN } from "../client/reconnect.ts";
import { cryptoRandom } from "../platform/random.ts";
import { reconnectionToken } from "../realtime/reconnection-token.ts";
import { pause } from "./cluster-matches.ts";
import { seatPath } from "./plain-room.ts";
import { frameCodes } from "./stacks/messages.ts";
import { RawSocket } from "./stacks/raw-socket.ts";
import type { Caller, Seat, Stack } from "./stacks/stack.ts";

/** As `Stack` starts its servers. */
const SECRET = createSecretKey(Buffer.from("only-for-tests-only-for-tests-only-for-tests"));
const JOINS_AT_ONCE = 8;
const FRACTIONS = 2 ** 32;
/** Between two samples of what rooms cost that nobody comes to. */
const REST_MS = 1000;

/** Players of several processes who lose their connections in the same moment. */
export interface Storm {
  readonly players: number;
  /** Cuts all of them, lets each redial as our client does, and tells how that went. */
  strike(): Promise<StormFigures>;
  leave(): void;
}

export interface StormFigures {
  /** Until the last, and 99 of 100, had their whole state again. */
  readonly lastMs: number;
  readonly msP99: number;
  /** Of all processes, without what their rooms cost meanwhile at rest. */
  readonly cpuMs: number;
  /** Dials that were turned away, and had to wait. */
  readonly refusals: number;
}

interface Player {
  readonly stack: Stack;
  readonly seat: Seat;
  readonly caller: Caller;
  socket: RawSocket;
}

/** Seats so many players, in rooms of all processes, by each process in turn: most are relayed. */
export async function gatherStorm(stacks: readonly Stack[], count: number): Promise<Storm> {
  const players: Player[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const stack = stacks[next++ % stacks.length] as Stack;
      const caller = await stack.caller();
      const { body, status } = await stack.matchmake(caller, "joinOrCreate", "plain");
      if (status === 503) {
        next -= 1;
        await pause(500);
        continue;
      }
      if (status !== 200) throw new Error(`no seat: ${JSON.stringify(body)}`);
      const seat = body as unknown as Seat;
      players.push({ stack, seat, caller, socket: await sit(stack, seat, caller, {}) });
    }
  };
  await Promise.all(Array.from({ length: JOINS_AT_ONCE }, worker));
  const cpuMs = async () => {
    const each = await Promise.all(stacks.map((stack) => stack.ask<number>("cpuMs", undefined, 10_000)));
    return each.reduce((total, ms) => total + ms, 0);
  };
  return {
    players: players.length,
    async strike() {
      const restingFromMs = await cpuMs();
      await pause(REST_MS);
      const restingPerMs = ((await cpuMs()) - restingFromMs) / REST_MS;
      const [cpuFromMs, fromMs] = [await cpuMs(), performance.now()];
      for (const { socket } of players) socket.destroy();
      const back = await Promise.all(players.map((player) => redial(player, fromMs)));
      const lastMs = performance.now() - fromMs;
      const sorted = back.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
      return {
        lastMs,
        msP99: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN,
        cpuMs: (await cpuMs()) - cpuFromMs - restingPerMs * lastMs,
        refusals: back.reduce((total, { refusals }) => total + refusals, 0),
      };
    },
    leave() {
      for (const { socket } of players) socket.send(Uint8Array.of(frameCodes.leave));
    },
  };
}

async function redial(player: Player, fromMs: number) {
  const { stack, seat, caller } = player;
  const token = reconnectionToken(SECRET, seat.roomId, seat.sessionId);
  let waitMs = REDIAL_MS_MIN;
  for (let refusals = 0; ; refusals++) {
    waitMs = nextRedialMs(waitMs, () => cryptoRandom.below(FRACTIONS) / FRACTIONS);
    await pause(waitMs);
    const socket = await sit(stack, seat, caller, { reconnectionToken: token }).catch(() => null);
    if (socket === null) continue;
    player.socket = socket;
    return { tookMs: performance.now() - fromMs, refusals };
  }
}

/** Resolves with the first whole state. */
async function sit(stack: Stack, seat: Seat, { headers }: Caller, more: Record<string, string>): Promise<RawSocket> {
  const socket = await RawSocket.dial({ port: stack.port, path: seatPath(seat, more), headers });
  await new Promise<void>((resolve, reject) => {
    void socket.closed.then((code) => reject(new Error(`closed with ${code}`)));
    socket.onFrame = (frame) => {
      const code = (frame[0] ?? 0) & 0x1f;
      if (code === frameCodes.join) socket.send(Uint8Array.of(frameCodes.join));
      if (code === frameCodes.state) resolve();
    };
  });
  return socket;
}
