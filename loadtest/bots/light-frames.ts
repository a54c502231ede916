/** WebSocket opcodes (RFC 6455, section 5.2). */
export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A reader shows no more of a message than this, the most that a control frame may carry. */
const SHOWN_BYTES_MAX = 125;

const FIN = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;
const HEADER_BYTES_MAX = 10;

/**
 * A whole client frame, masked as a server insists on, ready to be written any number of times: the key need not be
 * secret from a server that is ours. `payload` has at most 65,535 bytes.
 */
export function clientFrame(opcode: number, payload: Uint8Array, key: number): Buffer {
  const isLong = payload.length > SHOWN_BYTES_MAX;
  const headerLength = headerBytes(payload.length);
  const frame = Buffer.allocUnsafe(headerLength + MASK_BYTES + payload.length);
  frame[0] = FIN | opcode;
  frame[1] = MASKED | (isLong ? 126 : payload.length);
  if (isLong) frame.writeUInt16BE(payload.length, 2);
  frame.writeUInt32BE(key >>> 0, headerLength);
  for (let index = 0; index < payload.length; index++) {
    frame[headerLength + MASK_BYTES + index] = (payload[index] ?? 0) ^ (key >>> (24 - 8 * (index % 4)));
  }
  return frame;
}

/** How many bytes stand before the payload of a server's frame. */
export function headerBytes(payloadBytes: number): number {
  return payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : HEADER_BYTES_MAX;
}

/** Called for each frame: its first SHOWN_BYTES_MAX bytes stand in `bytes` from `start` to `end`, valid during the call. */
export type FrameListener = (opcode: number, bytes: Buffer, start: number, end: number) => void;

/**
 * Finds the frames in a server's stream of bytes by their headers alone. What a frame carries beyond its first bytes is
 * skipped unread, which is what makes a bot light. A frame is shown as soon as those first bytes are there.
 */
export class FrameReader {
  frames = 0;
  /** Of whole frames and of the part of the last one that has arrived, headers included. */
  bytes = 0;
  readonly #listener: FrameListener;
  /** Bytes still to come of a frame that has been shown. */
  #skip = 0;
  /** The beginning of a frame that was cut by the end of a chunk. */
  #carry: Buffer | undefined;
  #carried = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** Reads the first `length` bytes of `chunk`, which may be used again afterwards. */
  read(chunk: Buffer, length: number): void {
    this.bytes += length;
    let at = 0;
    if (this.#carried > 0) at = this.#complete(chunk, length);
    while (at < length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const taken = this.#show(chunk, at, length);
      if (taken === 0) break;
      at += taken;
    }
    if (at < length) this.#keep(chunk, at, length);
  }

  /** Adds to a cut frame, byte by byte, until it can be shown. Returns how much of the chunk that took. */
  #complete(chunk: Buffer, length: number): number {
    const carry = this.#carry ?? Buffer.alloc(0);
    for (let at = 0; at < length; ) {
      carry[this.#carried++] = chunk[at++] ?? 0;
      if (this.#show(carry, 0, this.#carried) === 0) continue;
      this.#carried = 0;
      return at;
    }
    return length;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    this.#carry ??= Buffer.allocUnsafe(HEADER_BYTES_MAX + SHOWN_BYTES_MAX);
    chunk.copy(this.#carry, 0, from, to);
    this.#carried = to - from;
  }

  /** Shows the frame that begins at `at` and returns how many bytes were used, or 0 when too few have arrived. */
  #show(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return 0;
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const headerLength = short < 126 ? 2 : short === 126 ? 4 : HEADER_BYTES_MAX;
    if (end - at < headerLength) return 0;
    const payloadBytes = short < 126 ? short : readLength(bytes, at + 2, short);
    const shown = Math.min(payloadBytes, SHOWN_BYTES_MAX);
    const start = at + headerLength;
    if (end - start < shown) return 0;
    this.frames += 1;
    this.#skip = payloadBytes - shown;
    this.#listener((bytes[at] ?? 0) & 0x0f, bytes, start, start + shown);
    return headerLength + shown;
  }
}

function readLength(bytes: Buffer, at: number, short: number): number {
  return short === 126 ? bytes.readUInt16BE(at) : Number(bytes.readBigUInt64BE(at));
}
