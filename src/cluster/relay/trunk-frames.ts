/** What the two ends of a trunk tell each other. Each frame is of one stream, or of stream 0, which is the trunk itself. */
export const frameKinds = {
  /** The entrance has a player: the head of its request, sealed. */
  open: 1,
  /** Bytes, as they are. */
  data: 2,
  /** No more bytes come from this end. */
  end: 3,
  /** This end is gone, both ways. */
  break: 4,
  /** So many bytes of those that were sent are out of the way. */
  credit: 5,
  /** Nothing, said so that the other end hears something. */
  beat: 6,
} as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

/** The number of the stream in four bytes, the length of the payload in three, and the kind in one. Little endian. */
export const HEADER_BYTES = 8;
/** What is longer goes as several frames, between which those of others find their place. */
export const DATA_BYTES_MAX = 16 * 1024;
/** A request's head is refused at the door when it has more than half of this. */
export const OPEN_BYTES_MAX = 32 * 1024;
const CREDIT_BYTES = 4;
const LENGTH_MASK = 0xff_ffff;

/** The least and most bytes of each kind's payload. */
const LENGTHS: Readonly<Record<FrameKind, readonly [least: number, most: number]>> = {
  [frameKinds.open]: [1, OPEN_BYTES_MAX],
  [frameKinds.data]: [1, DATA_BYTES_MAX],
  [frameKinds.end]: [0, 0],
  [frameKinds.break]: [0, 0],
  [frameKinds.credit]: [CREDIT_BYTES, CREDIT_BYTES],
  [frameKinds.beat]: [0, 0],
};

export interface Frame {
  readonly kind: FrameKind;
  readonly stream: number;
  /** Only lent, as are the bytes that it was read from. */
  readonly payload: Buffer;
}

/** Bytes that no process of ours sends on a trunk. */
export class TrunkGarbage extends Error {
  override readonly name = "TrunkGarbage";
}

/** Writes a header in front of a payload of this length. */
export function writeHeader(
  out: Buffer,
  at: number,
  { kind, stream, length }: { readonly kind: FrameKind; readonly stream: number; readonly length: number },
): void {
  out.writeUInt32LE(stream, at);
  out.writeUInt32LE(length + kind * (LENGTH_MASK + 1), at + 4);
}

const NOTHING: Buffer = Buffer.alloc(0);

/** Finds the frames in bytes that come in pieces. */
export class FrameReader {
  #rest = NOTHING;
  readonly #hear: (frame: Frame) => boolean;

  /** `hear` takes one frame after the other; false ends the reading for good. */
  constructor(hear: (frame: Frame) => boolean) {
    this.#hear = hear;
  }

  /** Fails with `TrunkGarbage`, and is of no use from then on. */
  read(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (all.length - at >= HEADER_BYTES) {
      const stream = all.readUInt32LE(at);
      const word = all.readUInt32LE(at + 4);
      const length = word & LENGTH_MASK;
      const kind = readKind(word >>> 24, stream, length);
      const start = at + HEADER_BYTES;
      if (start + length > all.length) break;
      at = start + length;
      if (!this.#hear({ kind, stream, payload: all.subarray(start, at) })) return;
    }
    this.#rest = at === all.length ? NOTHING : Buffer.from(all.subarray(at));
  }
}

/** Judged before the payload is waited for: garbage is never collected. */
function readKind(kind: number, stream: number, length: number): FrameKind {
  const lengths = LENGTHS[kind as FrameKind] as readonly [number, number] | undefined;
  if (lengths === undefined) throw new TrunkGarbage(`a frame of kind ${kind}`);
  const [least, most] = lengths;
  if (length < least || length > most) throw new TrunkGarbage(`a frame of kind ${kind} with ${length} bytes`);
  if ((stream === 0) !== (kind === frameKinds.beat)) throw new TrunkGarbage(`a frame of kind ${kind} of ${stream}`);
  return kind as FrameKind;
}
