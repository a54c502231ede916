import { DATA_BYTES_MAX, frameKinds, TrunkGarbage } from "./trunk-frames.ts";
import type { TrunkOutput } from "./trunk-output.ts";

/** Bytes of one stream that may be under way in a direction, or wait at the end of it for whoever does not read. */
export interface TrunkWindows {
  readonly send: number;
  readonly take: number;
}

/** What became of a trunk: its connection ended, nothing was heard any more, what was heard makes no sense, it was not needed. */
export type TrunkBreak = "lost" | "silent" | "garbage" | "idle" | "stop";
/** Why a stream is over: its other end has broken it, or the trunk has broken under it. */
export type ChannelBreak = "other end" | TrunkBreak;

/** What a stream's end on this side hears. */
export interface ChannelEar {
  /** Bytes have come, which are only lent: who needs them later keeps them, or a copy. */
  data(lent: Buffer): void;
  /** No more will come. */
  end(): void;
  /** More can be sent, after less was taken than was offered. */
  room(): void;
  broken(how: ChannelBreak): void;
}

interface ChannelParts {
  readonly number: number;
  readonly output: TrunkOutput;
  readonly windows: TrunkWindows;
  /** The bytes that were lent last are needed for longer. */
  readonly keep: () => void;
  /** It is nobody's stream any more. */
  readonly onOver: () => void;
}

const DEAF: ChannelEar = { data() {}, end() {}, room() {}, broken() {} };

/** One end of one stream of a trunk. Each direction has a credit, so that whoever does not read holds up nobody else. */
export class TrunkChannel {
  ear: ChannelEar = DEAF;
  readonly number: number;
  /** Bytes have been offered and not taken. */
  isWaiting = false;
  readonly #parts: ChannelParts;
  readonly #giveEvery: number;
  #credit: number;
  /** Bytes that have come, and for which no credit was given back. */
  #owed = 0;
  #hasEnded = false;
  #hasHeardEnd = false;
  #isOver = false;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
    this.number = parts.number;
    this.#credit = parts.windows.send;
    // Little is said of credit, and long before it is used up.
    this.#giveEvery = parts.windows.take / 4;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Sends what may be sent now, and returns how many bytes that was. Of the rest `ear.room` tells when to try again. */
  send(bytes: Uint8Array): number {
    const { output } = this.#parts;
    const { length } = bytes;
    if (this.#isOver || this.#hasEnded) return length;
    let sent = 0;
    while (sent < length && this.#credit > 0 && !output.isFull) {
      const until = sent + Math.min(length - sent, this.#credit, DATA_BYTES_MAX);
      output.send(frameKinds.data, this.number, until - sent === length ? bytes : bytes.subarray(sent, until));
      this.#credit -= until - sent;
      sent = until;
    }
    this.isWaiting = sent < length;
    return sent;
  }

  /** No more will be sent. */
  end(): void {
    if (this.#isOver || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts.output.send(frameKinds.end, this.number);
    this.#endIfBoth();
  }

  /** Gives up both directions. Whatever was sent before still arrives. */
  break(): void {
    if (this.#isOver) return;
    this.#parts.output.send(frameKinds.break, this.number);
    this.#finish();
  }

  /** Tells how much of what has come still waits here: for all the rest there is credit again. */
  waits(bytes: number): void {
    const free = this.#owed - bytes;
    if (free < this.#giveEvery || this.#isOver || this.#hasHeardEnd) return;
    this.#owed = bytes;
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32LE(free);
    this.#parts.output.send(frameKinds.credit, this.number, payload);
  }

  keep(): void {
    this.#parts.keep();
  }

  /** The rest is called by the trunk alone, with what came for this stream. */
  hearData(lent: Buffer): void {
    this.#owed += lent.length;
    if (this.#hasHeardEnd) throw new TrunkGarbage("data behind an end");
    if (this.#owed > this.#parts.windows.take) throw new TrunkGarbage("more data than there was credit for");
    this.ear.data(lent);
  }

  hearCredit(payload: Buffer): void {
    this.#credit += payload.readUInt32LE();
    if (this.#credit > this.#parts.windows.send) throw new TrunkGarbage("more credit than was used");
    this.hearRoom();
  }

  hearRoom(): void {
    if (!this.isWaiting || this.#isOver) return;
    this.isWaiting = false;
    this.ear.room();
  }

  hearEnd(): void {
    if (this.#hasHeardEnd) throw new TrunkGarbage("a second end");
    this.#hasHeardEnd = true;
    this.ear.end();
    this.#endIfBoth();
  }

  hearBreak(how: ChannelBreak): void {
    if (this.#isOver) return;
    this.#finish();
    this.ear.broken(how);
  }

  #endIfBoth(): void {
    if (this.#hasEnded && this.#hasHeardEnd && !this.#isOver) this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    this.#parts.onOver();
  }
}
