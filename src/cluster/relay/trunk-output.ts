import type { Socket } from "node:net";
import { type FrameKind, HEADER_BYTES, OPEN_BYTES_MAX, writeHeader } from "./trunk-frames.ts";

const MEMORY_BYTES = 2 * OPEN_BYTES_MAX;
/** While the network has not taken so much, streams wait: what waits for a player is then seen where it is made. */
const FULL_BYTES = 1024 * 1024;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Gathers the frames of one turn of the event loop, whoever they are of, and hands them to the network in one piece at the
 * turn's end. A syscall costs more than everything else that is done for a frame.
 */
export class TrunkOutput {
  readonly #socket: Socket;
  #memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  #used = 0;
  #hasSpoken = false;

  /** `onRoom` is called when the network, which had been full, has taken everything. */
  constructor(socket: Socket, onRoom: () => void) {
    this.#socket = socket;
    socket.on("drain", onRoom);
  }

  get isFull(): boolean {
    return this.#socket.writableLength >= FULL_BYTES;
  }

  /** Whether anything was sent since this was asked last. */
  takeSpoken(): boolean {
    const hasSpoken = this.#hasSpoken;
    this.#hasSpoken = false;
    return hasSpoken;
  }

  send(kind: FrameKind, stream: number, payload: Uint8Array = NOTHING): void {
    const { length } = payload;
    if (this.#used + HEADER_BYTES + length > MEMORY_BYTES) this.flush();
    // At the end of this turn, behind everything that has come in with it.
    if (this.#used === 0) setImmediate(this.flush);
    writeHeader(this.#memory, this.#used, { kind, stream, length });
    this.#memory.set(payload, this.#used + HEADER_BYTES);
    this.#used += HEADER_BYTES + length;
    this.#hasSpoken = true;
  }

  /** Hands over what has been gathered so far. */
  readonly flush = (): void => {
    const frames = this.#memory.subarray(0, this.#used);
    this.#used = 0;
    const socket = this.#socket;
    if (frames.length === 0 || !socket.writable) return;
    if (socket.writableLength > 0) {
      // What has to wait waits in memory of just its size.
      socket.write(new Uint8Array(frames));
      return;
    }
    socket.write(frames);
    // What was not taken at once waits in this memory, which is the socket's from now on.
    if (socket.writableLength > 0) this.#memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  };
}
