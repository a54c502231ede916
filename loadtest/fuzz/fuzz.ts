import { readRouteTable } from "../../src/testing/route-table.ts";
import type { ChildStatus } from "../../src/testing/stacks/child.ts";
import { type Seat, Stack } from "../../src/testing/stacks/stack.ts";
import { createSeededRandom } from "../random.ts";
import { attackRoom, attackRoutes, type Direction, pause, sendRequest, type Tally } from "./attackers.ts";
import { readFrames, readRequests } from "./corpus.ts";
import { type Findings, LogReader } from "./findings.ts";
import { type Gaps, Peers } from "./peers.ts";
import type { Dialled } from "./peers-process.ts";

export interface FuzzOptions {
  /** Hostile frames that have to reach a room. */
  readonly messages: number;
  readonly seed: number;
  readonly databaseUrl: string;
  readonly onProgress?: (line: string) => void;
  /** Ends the run early and cleanly. */
  readonly signal?: AbortSignal;
}

export interface FuzzReport extends Findings, Tally {
  readonly seed: number;
  /** Frames that reached a room, of those that were sent. */
  readonly reached: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly exits: number;
  readonly peersLost: readonly string[];
  /** Processor time of the server for each frame that reached a room, with all that it does beside. */
  readonly cpuMicrosPerFrame: number;
  readonly calm: readonly Gaps[];
  readonly attack: readonly Gaps[];
  readonly rssMiB: { readonly start: number; readonly warm: number; readonly end: number; readonly max: number };
  /** What did not hold; empty when all of it did. */
  readonly failures: readonly string[];
}

/** A patch is due every 50 ms; a player may miss one. */
const GAP_MS_MAX = 100;
/** What a server's memory may differ by after so many frames and a collection of garbage, without any of it being kept. */
const RSS_MIB_MAX = 48;
/** A server that has just started is still compiling. */
const SETTLE_MS = 1000;
/** Calm and attack take turns, because on a machine that others use as well the calm of a minute ago says little. */
const CALM_MS = 1500;
const ATTACK_MS = 6000;
/** What is under way when the attackers pause has arrived by then. */
const DRAIN_MS = 250;
const LOOK_MS = 500;
/** The share of the frames after which caches are full and code is compiled. */
const WARM_SHARE = 0.4;
/** Rooms under the limits of every room, and rooms whose guards refuse without ending the connection. */
const REAL_ROOMS = ["arena", "yard", "walk", "relay"];
const OPEN_ROOMS = ["open-yard", "open-walk", "open-relay"];
/** Attackers in each of them. */
const REAL_EACH = 3;
const OPEN_EACH = 2;
const MEBIBYTE = 2 ** 20;

/** Throws hostile bytes at a whole server in a process of its own, while honest people play on it, and says how both fared. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const log = new LogReader();
  const settings = { DATABASE_URL: options.databaseUrl, LOG_LEVEL: "error", BOT_FILL: "0" };
  const stack = await Stack.start("umpire", { settings, onLine: log.read });
  const run = new FuzzRun(stack, log, options);
  try {
    return await run.go();
  } finally {
    await run.stop();
  }
}

class FuzzRun {
  readonly #stack: Stack;
  readonly #log: LogReader;
  readonly #options: FuzzOptions;
  readonly #end = new AbortController();
  readonly #direction: Direction = { signal: this.#end.signal, isPaused: true };
  readonly #tally: Tally = { frames: 0, connections: 0, turnedAway: 0, requests: 0, byGenerator: {}, byStatus: {} };
  #peers: Peers | undefined;
  #attackers: Promise<void>[] = [];
  #rssMiBMax = 0;

  constructor(stack: Stack, log: LogReader, options: FuzzOptions) {
    this.#stack = stack;
    this.#log = log;
    this.#options = options;
  }

  async go(): Promise<FuzzReport> {
    const peers = await Peers.start(this.#stack.port, await this.#reserveSeats());
    this.#peers = peers;
    await this.#replayCorpus();
    await pause(SETTLE_MS);
    const start = await this.#rssMiB();
    const cpuMs = await this.#cpuMs();
    await this.#startAttackers();
    const startedMs = performance.now();
    const warm = await this.#untilReached(this.#options.messages, peers);
    const seconds = (performance.now() - startedMs) / 1000;
    this.#end.abort();
    await Promise.all(this.#attackers);
    const { calm, attack, closed } = await peers.report();
    const reached = await this.#reached(0);
    const cpuMicrosPerFrame = Math.round((((await this.#cpuMs()) - cpuMs) * 1000) / reached);
    const end = await this.#rssMiB();
    const report = {
      seed: this.#options.seed,
      ...this.#tally,
      ...this.#log.findings,
      reached,
      seconds: Math.round(seconds * 10) / 10,
      perSecond: Math.round(reached / seconds),
      cpuMicrosPerFrame,
      exits: this.#stack.hasExited ? 1 : 0,
      peersLost: closed,
      calm,
      attack,
      rssMiB: { start, warm, end, max: Math.max(this.#rssMiBMax, end) },
    };
    return { ...report, failures: this.#judge(report) };
  }

  async stop(): Promise<void> {
    this.#end.abort();
    this.#peers?.stop();
    await this.#stack.stop();
  }

  /** Two honest players in each room that is attacked, and two in one that is not. */
  async #reserveSeats(): Promise<Dialled[]> {
    const groups = [
      { group: "arena under attack", room: "arena", lane: null, plays: "nothing" },
      { group: "yard under attack", room: "yard", lane: "war", plays: "messages" },
      { group: "walk under attack", room: "walk", lane: "war", plays: "inputs" },
      { group: "open walk under attack", room: "open-walk", lane: "war", plays: "inputs" },
      { group: "yard in peace", room: "yard", lane: "peace", plays: "messages" },
      { group: "walk in peace", room: "walk", lane: "peace", plays: "inputs" },
    ] as const;
    const seats = groups.flatMap((group) => [group, group]);
    return Promise.all(
      seats.map(async ({ group, room, lane, plays }) => {
        const caller = await this.#stack.caller();
        const options = lane === null ? {} : { lane };
        const { body, status } = await this.#stack.matchmake(caller, "joinOrCreate", room, { options });
        if (status !== 200) throw new Error(`no seat for an honest player: ${status} ${JSON.stringify(body)}`);
        const { processId, roomId, sessionId } = body as unknown as Seat;
        return { group, plays, headers: caller.headers, path: `/${processId}/${roomId}?sessionId=${sessionId}` };
      }),
    );
  }

  /** What once did harm comes first, each on a connection of its own. */
  async #replayCorpus(): Promise<void> {
    const frames = readFrames("attacks.txt");
    const requests = readRequests();
    this.#say(`replaying ${frames.length} frames in ${REAL_ROOMS.length} rooms and ${requests.length} requests`);
    for (const room of REAL_ROOMS) {
      for (const { name, bytes } of frames) {
        const caller = await this.#stack.caller();
        const { socket } = await this.#stack.join(room, room === "arena" ? {} : { lane: "war" }, caller);
        socket.send(bytes);
        await this.#stack.expectAlive().catch((cause: unknown) => {
          throw new Error(`"${name}" in ${room}: ${cause}`, { cause });
        });
        socket.destroy();
      }
    }
    await Promise.all(requests.map(({ text }) => sendRequest(this.#stack.port, text)));
    await this.#stack.expectAlive();
  }

  async #startAttackers(): Promise<void> {
    const honest = readFrames("honest.txt").map(({ bytes }) => bytes);
    const messageTypes = await this.#stack.ask<string[]>("messageTypes");
    const shared = { stack: this.#stack, honest, messageTypes, tally: this.#tally, direction: this.#direction };
    const lanes = [
      ...REAL_ROOMS.flatMap((room) => Array.from({ length: REAL_EACH }, () => ({ room, isOpen: false }))),
      ...OPEN_ROOMS.flatMap((room) => Array.from({ length: OPEN_EACH }, () => ({ room, isOpen: true }))),
    ];
    const { seed } = this.#options;
    this.#attackers = lanes.map((lane, index) =>
      attackRoom({ ...shared, ...lane, lane: "war", random: createSeededRandom(seed, 0, index) }),
    );
    this.#attackers.push(attackRoutes({ ...shared, routes: await readRouteTable(), seed }));
  }

  /** Calm and attack in turn until so many frames have reached a room; gives the memory in use when the server was warm. */
  async #untilReached(messages: number, peers: Peers): Promise<number> {
    let warm: number | undefined;
    for (let reached = 0; reached < messages && !this.#isOver; ) {
      await peers.enter("calm");
      await pause(CALM_MS);
      await peers.enter("attack");
      this.#direction.isPaused = false;
      reached = await this.#press(messages);
      this.#direction.isPaused = true;
      await peers.enter("between");
      await pause(DRAIN_MS);
      if (warm === undefined && reached >= messages * WARM_SHARE) warm = await this.#rssMiB();
      const { connections, requests, turnedAway } = this.#tally;
      const { calm, attack } = await peers.report();
      this.#say(
        `${reached} of ${messages} frames, ${connections} connections (${turnedAway} turned away), ${requests} requests, ` +
          `${this.#rssMiBMax} MiB; every hundredth patch after ${worst(calm)} ms in calm, ${worst(attack)} ms under attack`,
      );
    }
    return warm ?? (await this.#rssMiB());
  }

  /** One turn of the attack. */
  async #press(messages: number): Promise<number> {
    const untilMs = performance.now() + ATTACK_MS;
    let reached = 0;
    while (performance.now() < untilMs && reached < messages && !this.#isOver) {
      await pause(LOOK_MS);
      reached = await this.#reached(reached);
      const rss = await this.#stack.ask<number>("rss").catch(() => 0);
      this.#rssMiBMax = Math.max(this.#rssMiBMax, Math.round(rss / MEBIBYTE));
    }
    return reached;
  }

  #reached(otherwise: number): Promise<number> {
    return this.#stack.ask<number>("frames").catch(() => otherwise);
  }

  #cpuMs(): Promise<number> {
    return this.#stack.ask<number>("cpuMs").catch(() => 0);
  }

  get #isOver(): boolean {
    return this.#stack.hasExited || this.#options.signal?.aborted === true;
  }

  /** After a collection of garbage, so that what counts is what is kept. */
  async #rssMiB(): Promise<number> {
    const status = await this.#stack.ask<ChildStatus>("status").catch(() => ({ rssBytes: 0 }));
    return Math.round(status.rssBytes / MEBIBYTE);
  }

  #judge(report: Omit<FuzzReport, "failures">): string[] {
    const failures: string[] = [];
    const insist = (holds: boolean, otherwise: string) => void (holds || failures.push(otherwise));
    insist(report.exits === 0, "the server has exited");
    insist(
      report.reached >= this.#options.messages || this.#options.signal?.aborted === true,
      `only ${report.reached} frames reached a room`,
    );
    insist(report.peersLost.length === 0, `honest players were sent away: ${report.peersLost.join(", ")}`);
    insist(report.uncaught.length === 0, `nobody caught: ${report.uncaught[0]}`);
    for (const [what, count] of Object.entries(report.internals)) insist(false, `${count} times ${what}`);
    // A machine that is busy with something else makes patches late without any attack.
    const gapMsMax = Math.max(GAP_MS_MAX, 2 * worst(report.calm));
    for (const { group, msP99 } of report.attack) {
      insist(msP99 <= gapMsMax, `${group}: every hundredth patch came after ${msP99} ms, more than ${gapMsMax} ms`);
    }
    const grown = report.rssMiB.end - report.rssMiB.warm;
    insist(grown <= RSS_MIB_MAX, `the server keeps ${grown} MiB more than when it was warm`);
    return failures;
  }

  #say(line: string): void {
    this.#options.onProgress?.(line);
  }
}

function worst(gaps: readonly Gaps[]): number {
  return Math.max(0, ...gaps.map(({ msP99 }) => msP99));
}
