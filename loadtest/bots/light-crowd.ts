import { type Dial, LightSocket } from "./light-socket.ts";
import { everyPhase } from "./ticker.ts";

/** What a message from the server means to a bot, as far as a bot cares. */
export type Heard = "seated" | "patch" | "refused" | "other";

/** How bots speak to one kind of server. Umpire's is in light.ts; a benchmark brings those of the servers it compares. */
export interface Dialect {
  /** Makes the bot's account. Absent where there are none. `prepare` does it for a bot that has none yet. */
  signIn?(bot: number): Promise<void>;
  /** Everything else that stands before the socket: a ticket, a seat. */
  prepare(bot: number): Promise<Dial>;
  /** Reads the first bytes of a message. An answer that the server waits for goes out by `answer`. */
  hear(message: { opcode: number; bytes: Buffer; start: number; end: number }, answer: (frame: Buffer) => void): Heard;
  /** Whole frames, made once: `first` are sent once each, then `cycle` over and over. */
  readonly inputs: InputFrames;
  /** What a player sends who leaves for good; the server then closes. Without it the bot closes the socket itself. */
  readonly goodbye?: Buffer;
}

export interface InputFrames {
  readonly first: readonly Buffer[];
  readonly cycle: readonly Buffer[];
}

export interface LightBot {
  readonly number: number;
  readonly joinMs: number;
  readonly isConnected: boolean;
  /** From the socket's upgrade on. */
  readonly bytes: number;
  readonly frames: number;
  readonly patches: number;
  readonly inputsSent: number;
  /** Gives the seat up as a player does who goes home. Returns the server's close code. */
  leave(): Promise<number>;
  /** Resets the connection, as a pulled cable would. */
  drop(): void;
  /** The close code, once the connection has ended for whatever reason. */
  readonly closed: Promise<number>;
}

export interface CrowdCounts {
  /** Bots whose connection is open. */
  readonly connected: number;
  /** Over all bots that ever joined. */
  readonly bytes: number;
  readonly frames: number;
  readonly patches: number;
  readonly inputsSent: number;
}

export interface LightCrowd {
  readonly bots: readonly LightBot[];
  /** Makes accounts for the next `count` bots, so that their joins are joins only. */
  signIn(count: number, options?: { inFlight?: number }): Promise<void>;
  /** Joins `count` more bots, at most `inFlight` (16) at a time. Fails with the first refusal. */
  join(count: number, options?: { inFlight?: number }): Promise<readonly LightBot[]>;
  /** Whether the bots send inputs; they do from the start. */
  play(isPlaying: boolean): void;
  counts(): CrowdCounts;
  /** Everyone leaves, and the timer ends. */
  stop(): Promise<void>;
}

/** The inputs of a crowd are spread over this many moments of a period, as those of strangers are. */
const PHASES = 10;
const IN_FLIGHT = 16;
const SEATED_MS_MAX = 10_000;

/** A crowd of bots that send `inputHz` inputs a second each, all from one timer. */
export function createLightCrowd({ dialect, inputHz }: { dialect: Dialect; inputHz: number }): LightCrowd {
  const bots: Bot[] = [];
  const phases: Bot[][] = Array.from({ length: PHASES }, () => []);
  let isPlaying = true;
  const stopTimer = everyPhase({ periodMs: 1000 / inputHz, phases: PHASES }, (phase) => {
    if (isPlaying) for (const bot of phases[phase] ?? []) bot.sendInput();
  });
  const joinOne = async () => {
    const bot = new Bot(bots.length, dialect);
    bots.push(bot);
    await bot.join();
    phases[bot.number % PHASES]?.push(bot);
    return bot;
  };
  return {
    bots,
    async signIn(count, { inFlight = IN_FLIGHT } = {}) {
      let next = bots.length;
      const signInOne = async () => {
        await dialect.signIn?.(next++);
      };
      await Promise.resolve(inTurns(count, inFlight, signInOne));
    },
    join: (count, { inFlight = IN_FLIGHT } = {}) => inTurns(count, inFlight, joinOne),
    play: (isOn) => {
      isPlaying = isOn;
    },
    counts: () => ({
      connected: bots.filter((bot) => bot.isConnected).length,
      bytes: sum(bots, (bot) => bot.bytes),
      frames: sum(bots, (bot) => bot.frames),
      patches: sum(bots, (bot) => bot.patches),
      inputsSent: sum(bots, (bot) => bot.inputsSent),
    }),
    async stop() {
      stopTimer();
      await Promise.all(bots.map((bot) => bot.leave()));
    },
  };
}

class Bot implements LightBot {
  readonly number: number;
  joinMs = 0;
  patches = 0;
  inputsSent = 0;
  readonly closed: Promise<number>;
  readonly #dialect: Dialect;
  /** Answers to messages that came in one packet with the upgrade, before `open` could return the socket. */
  readonly #unsent: Buffer[] = [];
  #socket: LightSocket | undefined;
  #onClosed: (code: number) => void = () => {};
  #onSeated: (refusal: Error | null) => void = () => {};

  constructor(number: number, dialect: Dialect) {
    this.number = number;
    this.#dialect = dialect;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  get isConnected(): boolean {
    return this.#socket?.isOpen ?? false;
  }
  get bytes(): number {
    return this.#socket?.received.bytes ?? 0;
  }
  get frames(): number {
    return this.#socket?.received.frames ?? 0;
  }

  /** Returns when the server has shown its first state. */
  async join(): Promise<void> {
    const startedMs = performance.now();
    const dial = await this.#dialect.prepare(this.number);
    const seated = new Promise<void>((resolve, reject) => {
      this.#onSeated = (refusal) => (refusal === null ? resolve() : reject(refusal));
    });
    seated.catch(() => {});
    const socket = await LightSocket.open(dial, (opcode, bytes, start, end) => this.#hear(opcode, bytes, start, end));
    this.#socket = socket;
    for (const frame of this.#unsent.splice(0)) socket.send(frame);
    void socket.closed.then((code) => {
      this.#onSeated(new Error(`The server closed the connection of bot ${this.number} with ${code}.`));
      this.#onClosed(code);
    });
    const timer = setTimeout(() => this.#onSeated(new Error(`Bot ${this.number} was not seated.`)), SEATED_MS_MAX);
    await seated.finally(() => clearTimeout(timer));
    this.joinMs = performance.now() - startedMs;
  }

  #hear(opcode: number, bytes: Buffer, start: number, end: number): void {
    const heard = this.#dialect.hear({ opcode, bytes, start, end }, (frame) => {
      if (this.#socket === undefined) this.#unsent.push(frame);
      else this.#socket.send(frame);
    });
    if (heard === "patch") this.patches += 1;
    else if (heard === "seated") this.#onSeated(null);
    else if (heard === "refused") {
      this.#onSeated(new Error(`Bot ${this.number} was refused: ${printable(bytes.subarray(start, end))}`));
    }
  }

  sendInput(): void {
    const socket = this.#socket;
    if (socket === undefined || !socket.isOpen) return;
    const { first, cycle } = this.#dialect.inputs;
    const sent = this.inputsSent++;
    const frame = first[sent] ?? cycle[(sent - first.length) % cycle.length];
    if (frame !== undefined) socket.send(frame);
  }

  async leave(): Promise<number> {
    const socket = this.#socket;
    if (socket === undefined) return 0;
    if (this.#dialect.goodbye === undefined) return socket.close();
    socket.send(this.#dialect.goodbye);
    return socket.ended();
  }

  drop(): void {
    this.#socket?.drop();
  }
}

/** Runs `task` `count` times, `inFlight` of them at once. */
async function inTurns<T>(count: number, inFlight: number, task: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let started = 0;
  const worker = async () => {
    while (started < count) {
      started += 1;
      results.push(await task());
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, worker));
  return results;
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}

function printable(bytes: Buffer): string {
  return bytes.toString("latin1").replace(/[^ -~]+/g, " ");
}
