import { connect } from "node:net";
import type { RouteShape } from "../../src/testing/route-table.ts";
import { frameCodes } from "../../src/testing/stacks/messages.ts";
import { clientFrame, type RawSocket } from "../../src/testing/stacks/raw-socket.ts";
import type { Caller, Stack } from "../../src/testing/stacks/stack.ts";
import { createSeededRandom, type SeededRandom } from "../random.ts";
import { type Generator, hostileFrame } from "./frames.ts";
import { hostileRequest } from "./requests.ts";

/** What the attackers have done so far. */
export interface Tally {
  frames: number;
  connections: number;
  /** Times that no seat was to be had: a limit was reached. */
  turnedAway: number;
  requests: number;
  readonly byGenerator: Partial<Record<Generator, number>>;
  readonly byStatus: Record<string, number>;
}

/** How hard the attackers go at the server, as whoever directs them wants it at the moment. */
export interface Direction {
  readonly signal: AbortSignal;
  isPaused: boolean;
}

interface Attack {
  readonly stack: Stack;
  readonly room: string;
  readonly lane: string;
  readonly random: SeededRandom;
  readonly honest: readonly Buffer[];
  readonly messageTypes: readonly string[];
  readonly isOpen: boolean;
  readonly tally: Tally;
  readonly direction: Direction;
}

/** Frames in one write, and the pause behind it for whoever is under the limits of every room. */
const VOLLEY = 40;
const REAL_PAUSE_MS = 40;
/** The pause of whoever waits for each volley to be dealt with. */
const OPEN_PAUSE_MS = 2;
const ANSWER_MS_MAX = 2000;
const HTTP_PAUSE_MS = 10;
const PAUSED_MS = 20;
/** More than this in the pipe only fills the memory of both ends. */
const BYTES_WAITING_MAX = 256 * 1024;
const TURNED_AWAY_MS = 250;

/** One attacker: takes a seat, sends volleys of hostile frames until it is sent away, and comes back. */
export async function attackRoom(attack: Attack): Promise<void> {
  const { stack, room, lane, tally, direction, isOpen } = attack;
  const { signal } = direction;
  let caller: Caller | undefined;
  while (!signal.aborted) {
    try {
      await paused(direction);
      caller ??= await stack.caller();
      const options = room === "arena" ? {} : { lane };
      const { socket } = await stack.join(room, options, caller);
      tally.connections += 1;
      const answers = new Answers(socket);
      while (!socket.isClosed && !signal.aborted) {
        await paused(direction);
        if (socket.bytesWaiting < BYTES_WAITING_MAX) socket.sendFramed(aVolley(attack));
        if (isOpen) await answers.next();
        await pause(isOpen ? OPEN_PAUSE_MS : REAL_PAUSE_MS);
      }
      socket.destroy();
    } catch {
      tally.turnedAway += 1;
      caller = undefined;
      await pause(TURNED_AWAY_MS);
    }
  }
}

/**
 * Asks whether all that was sent before has been dealt with. Whom no limit stops waits for that, so that no more than one
 * volley of each is under way: otherwise their frames would wait in the kernel by the thousand, and be read at one go.
 */
class Answers {
  readonly #socket: RawSocket;
  #answered: () => void = () => {};

  constructor(socket: RawSocket) {
    this.#socket = socket;
    socket.onFrame = (frame) => {
      if (frame.length === 1 && frame[0] === frameCodes.ping) this.#answered();
    };
  }

  async next(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<void>((resolve) => {
      this.#answered = resolve;
      timer = setTimeout(resolve, ANSWER_MS_MAX);
    });
    this.#socket.send(Uint8Array.of(frameCodes.ping));
    await Promise.race([answered, this.#socket.closed]);
    clearTimeout(timer);
  }
}

async function paused(direction: Direction): Promise<void> {
  while (direction.isPaused && !direction.signal.aborted) await pause(PAUSED_MS);
}

function aVolley({ random, honest, messageTypes, tally }: Attack): Buffer {
  const frames: Buffer[] = [];
  for (let count = 0; count < VOLLEY; count++) {
    const { generator, bytes } = hostileFrame({ random, honest, messageTypes });
    tally.byGenerator[generator] = (tally.byGenerator[generator] ?? 0) + 1;
    frames.push(clientFrame(bytes));
  }
  tally.frames += VOLLEY;
  return Buffer.concat(frames);
}

interface HttpAttack {
  readonly stack: Stack;
  readonly routes: readonly RouteShape[];
  readonly seed: number;
  readonly tally: Tally;
  readonly direction: Direction;
}

/** Asks at every route for whatever nobody should, every other time as somebody who may ask. */
export async function attackRoutes({ stack, routes, seed, tally, direction }: HttpAttack): Promise<void> {
  const random = createSeededRandom(seed, 1);
  let caller: Caller | undefined;
  for (let asked = 0; !direction.signal.aborted; asked++) {
    await paused(direction);
    // A new one now and then: one of the routes deletes the account.
    if (asked % 50 === 0) caller = await stack.caller().catch(() => undefined);
    const bearer = caller?.token !== undefined && asked % 2 === 0 ? { Authorization: `Bearer ${caller.token}` } : {};
    const text = hostileRequest({ random, routes, credentials: { ...caller?.headers, ...bearer } });
    const status = await sendRequest(stack.port, text);
    tally.requests += 1;
    tally.byStatus[status] = (tally.byStatus[status] ?? 0) + 1;
    await pause(HTTP_PAUSE_MS);
  }
}

/** The status of the answer, or how the connection ended without one. */
export function sendRequest(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => resolve(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? "none"));
    socket.setTimeout(7000, () => socket.destroy());
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
}
