import type { Socket } from "node:net";
import type { Clock } from "../../platform/clock.ts";
import { type TrunkBreak, TrunkChannel, type TrunkWindows } from "./trunk-channel.ts";
import { type Frame, FrameReader, frameKinds, TrunkGarbage } from "./trunk-frames.ts";
import { TrunkOutput } from "./trunk-output.ts";

interface TrunkParts {
  readonly socket: Socket;
  readonly clock: Pick<Clock, "every">;
  readonly windows: TrunkWindows;
  /** What was given to `read` last is needed for longer. */
  readonly keep: () => void;
  /** Takes a stream that the other end opens. Null where that is not its part. */
  readonly onOpen: ((channel: TrunkChannel, head: Buffer) => void) | null;
  /** Called once. `thrown` is what is wrong with garbage. */
  readonly onOver: (why: TrunkBreak, thrown?: unknown) => void;
}

const BEAT_MS = 500;
/** Beats without a byte. They are counted, and not the time, so that a process that stood still blames nobody. */
const SILENT_BEATS = 5;
/** From here on nobody new is put on it. */
const DOUBTFUL_BEATS = 2;
/** A trunk without streams is kept for so many, for those who come next. */
const IDLE_BEATS = 20;
const STREAM_MAX = 2 ** 32 - 1;

/**
 * One connection between two processes for all players that the one passes to the other. Both ends say something at each
 * beat, so that each finds out by itself when it hears nothing any more; a trunk that breaks breaks its streams and no others.
 */
export class Trunk {
  readonly #parts: TrunkParts;
  readonly #output: TrunkOutput;
  readonly #reader: FrameReader;
  readonly #channels = new Map<number, TrunkChannel>();
  readonly #stopBeats: () => void;
  #last = 0;
  #hasHeard = true;
  #silentBeats = 0;
  #idleBeats = 0;
  #isOver = false;

  constructor(parts: TrunkParts) {
    this.#parts = parts;
    const { socket, clock } = parts;
    this.#output = new TrunkOutput(socket, () => this.#giveRoom());
    this.#reader = new FrameReader((frame) => this.#hear(frame));
    const lose = () => this.break("lost");
    socket
      .on("error", () => {})
      .on("end", lose)
      .on("close", lose);
    this.#stopBeats = clock.every(BEAT_MS, () => this.#beat());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether so little has been heard of late that whoever has a choice takes another. */
  get isDoubtful(): boolean {
    return this.#silentBeats >= DOUBTFUL_BEATS;
  }

  /** Opens a stream with the head of a request. Null on a trunk that is over. */
  open(head: Buffer): TrunkChannel | null {
    if (this.#isOver) return null;
    do this.#last = this.#last === STREAM_MAX ? 1 : this.#last + 1;
    while (this.#channels.has(this.#last));
    this.#output.send(frameKinds.open, this.#last, head);
    return this.#addChannel(this.#last);
  }

  /** Takes what the socket has read. */
  read(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#hasHeard = true;
    try {
      this.#reader.read(bytes);
    } catch (thrown) {
      if (!(thrown instanceof TrunkGarbage)) throw thrown;
      this.break("garbage", thrown);
    }
  }

  /** Breaks it and all its streams. What was sent before is still on its way. */
  break(why: TrunkBreak, thrown?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopBeats();
    this.#output.flush();
    this.#parts.socket.destroy();
    for (const channel of [...this.#channels.values()]) channel.hearBreak(why);
    this.#parts.onOver(why, thrown);
  }

  #addChannel(number: number): TrunkChannel {
    const { windows, keep } = this.#parts;
    const onOver = () => void this.#channels.delete(number);
    const channel = new TrunkChannel({ number, output: this.#output, windows, keep, onOver });
    this.#channels.set(number, channel);
    return channel;
  }

  /** A stream that is unknown is one that has just ended here: what its other end had still to say is nobody's. */
  #hear({ kind, stream, payload }: Frame): boolean {
    const channel = this.#channels.get(stream);
    if (kind === frameKinds.data) channel?.hearData(payload);
    else if (kind === frameKinds.open) this.#hearOpen(stream, payload);
    else if (kind === frameKinds.end) channel?.hearEnd();
    else if (kind === frameKinds.break) channel?.hearBreak("other end");
    else if (kind === frameKinds.credit) channel?.hearCredit(payload);
    return !this.#isOver;
  }

  #hearOpen(stream: number, head: Buffer): void {
    const { onOpen } = this.#parts;
    if (onOpen === null || this.#channels.has(stream)) throw new TrunkGarbage("a stream that cannot be opened");
    onOpen(this.#addChannel(stream), head);
  }

  /** Whoever has had its turn goes to the end of the row. */
  #giveRoom(): void {
    for (const channel of [...this.#channels.values()]) {
      if (this.#output.isFull) return;
      if (!channel.isWaiting) continue;
      this.#channels.delete(channel.number);
      this.#channels.set(channel.number, channel);
      channel.hearRoom();
    }
  }

  #beat(): void {
    this.#silentBeats = this.#hasHeard ? 0 : this.#silentBeats + 1;
    this.#hasHeard = false;
    this.#idleBeats = this.#channels.size === 0 ? this.#idleBeats + 1 : 0;
    if (this.#silentBeats >= SILENT_BEATS) this.break("silent");
    else if (this.#idleBeats >= IDLE_BEATS && this.#parts.onOpen === null) this.break("idle");
    else if (!this.#output.takeSpoken()) this.#output.send(frameKinds.beat, 0);
  }
}
