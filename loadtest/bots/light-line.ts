import { Failure } from "./failure.ts";
import { engineGoodbye, hearEngine, kindOf, ROOM_STATE_PATCH, reconnectionTokenOf } from "./light.ts";
import type { InputFrames } from "./light-crowd.ts";
import { type Dial, LightSocket } from "./light-socket.ts";

/** What a seated bot hears, without decoding it. */
export interface LineListener {
  /** From the server's patch on; `byteCount` is all that came since the call before, other messages included. */
  onPatch(byteCount: number): void;
  /** What came after the last patch. */
  onEnd(byteCount: number): void;
}

const SEATED_MS_MAX = 10_000;
/** As the client does: a room patches many times a second, so one that is silent for this long is not there any more. */
const SILENCE_MS_MAX = 5000;

/** One connection of a light bot to its seat. */
export class LightLine {
  /** Brings the bot back to its seat. */
  reconnectionToken: string | null = null;
  /** The code with which the connection ended. */
  readonly closed: Promise<number>;
  readonly #socket: LightSocket;
  readonly #listener: LineListener;
  #sent = 0;
  #counted = 0;
  #heardAtMs = performance.now();

  private constructor(socket: LightSocket, listener: LineListener) {
    this.#socket = socket;
    this.#listener = listener;
    this.closed = socket.closed.then((code) => {
      listener.onEnd(this.#uncounted());
      return code;
    });
  }

  /** Dials, and returns when the first state has come. Fails with a Failure and leaves nothing behind. */
  static async open(dial: Dial, listener: LineListener): Promise<LightLine> {
    // What comes in one packet with the upgrade is heard before `open` can return the socket.
    const early: Buffer[] = [];
    let line: LightLine | undefined;
    let token: string | null = null;
    let onSeated: (refusal: Failure | null) => void = () => {};
    const seated = new Promise<void>((resolve, reject) => {
      onSeated = (refusal) => (refusal === null ? resolve() : reject(refusal));
    });
    seated.catch(() => {});
    const socket = await LightSocket.open(dial, (opcode, bytes, start, end) => {
      const heard = hearEngine({ opcode, bytes, start, end }, (answer) => {
        token = reconnectionTokenOf(bytes, start, end);
        if (line === undefined) early.push(answer);
        else line.#socket.send(answer);
      });
      if (heard === "seated") onSeated(null);
      else if (heard === "refused") onSeated(refusalOf(bytes.toString("latin1", start, end)));
      if (line !== undefined) line.#hear(bytes[start] ?? 0);
    });
    line = new LightLine(socket, listener);
    for (const answer of early) socket.send(answer);
    void socket.closed.then((code) => onSeated(new Failure(`CLOSE_${code}`, "The server closed the connection.")));
    const timer = setTimeout(() => onSeated(new Failure("TIMEOUT", "The room did not answer.")), SEATED_MS_MAX);
    try {
      await seated;
    } catch (refusal) {
      socket.drop();
      throw refusal;
    } finally {
      clearTimeout(timer);
    }
    line.reconnectionToken = token;
    return line;
  }

  #hear(first: number): void {
    this.#heardAtMs = performance.now();
    if (kindOf(first) === ROOM_STATE_PATCH) this.#listener.onPatch(this.#uncounted());
  }

  #uncounted(): number {
    const { bytes } = this.#socket.received;
    const more = bytes - this.#counted;
    this.#counted = bytes;
    return more;
  }

  /** Sends the next input of the round, and says whether it could. */
  sendInput({ first, cycle }: InputFrames): boolean {
    const frame = first[this.#sent] ?? cycle[(this.#sent - first.length) % cycle.length];
    if (frame === undefined || !this.#socket.isOpen) return false;
    this.#sent += 1;
    this.#socket.send(frame);
    return true;
  }

  /** Hangs up a connection that is open but silent, as when a phone has changed networks. */
  watchSilence(): void {
    if (performance.now() - this.#heardAtMs > SILENCE_MS_MAX) this.drop();
  }

  /** Bytes as they are, for those who send what is no frame. */
  sendRaw(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  get isOpen(): boolean {
    return this.#socket.isOpen;
  }

  /** Gives the seat up, as a player does who goes home. */
  async leave(): Promise<void> {
    this.#socket.send(engineGoodbye);
    await this.#socket.ended();
  }

  drop(): void {
    this.#socket.drop();
  }
}

/** The engine's message of a refusal: a code, and a sentence with ours in front. */
/** As the engine writes text (@colyseus/schema, `encode.string`): behind its length, in one to three bytes, which may be letters themselves. */
const REFUSAL = /(?:[\xa0-\xbf]|\xd9.|\xda..)([A-Z]+_[A-Z_]+): /s;

export function refusalOf(text: string): Failure {
  const [, code = "ROOM_FAULT"] = REFUSAL.exec(text) ?? [];
  return new Failure(code, text.replace(/[^ -~]+/g, " "));
}
