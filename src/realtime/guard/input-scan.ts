import { decode } from "@colyseus/schema";
import { invariant } from "../../platform/errors.ts";
import { isWellFormed } from "./payload-scan.ts";

/** Reads the frames of one kind of input, before the engine does. */
export interface InputScan {
  /**
   * Whether an honest client can have sent this frame. `lastStamp` is the room time of its sender's last stamped input, in
   * ms. Numbers that are not finite are set to zero where they stand, as the room's ranges would clamp them.
   */
  isSound(frame: Uint8Array, lastStamp: number): boolean;
}

type FieldType = string | { readonly quantized: { readonly wire: string } };
type Metadata = Readonly<Record<number, { readonly name: string; readonly type: FieldType } | undefined>>;

const STAMPED = 0x80;
/** The other bits above the frame's kind, which no input carries. */
const MODIFIERS = 0x60;
const STAMP_END = 2 ** 32;
/** The upper two bits of an operation: replace, delete, add, delete and add. A flat input deletes nothing. */
const DELETE = 1;
const INDEX_MASK = 0x3f;
const TEXT = 0;
/** A number that says itself how long it is. */
const NUMBER = -1;
const FLOAT32 = -4;
const FLOAT64 = -8;

const SIZES: Readonly<Record<string, number>> = {
  boolean: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bigint64: 8,
  biguint64: 8,
  float32: FLOAT32,
  float64: FLOAT64,
  number: NUMBER,
  string: TEXT,
};

/** The bytes behind the first one of a self-describing number, by that first byte. */
const NUMBER_SIZES = Int8Array.from({ length: 256 }, (_, prefix) => {
  const sizes: Readonly<Record<number, number>> = { 202: 4, 203: 8, 204: 1, 205: 2, 206: 4, 207: 8 };
  const signed: Readonly<Record<number, number>> = { 208: 1, 209: 2, 210: 4, 211: 8 };
  return prefix < 0x80 || prefix > 0xdf ? 0 : (sizes[prefix] ?? signed[prefix] ?? -1);
});

/**
 * Knows the exact form of this input's frames: an optional stamp, then for each field that changed its number and its
 * value, each field at most once, and nothing more. The engine's own decoder skips what it does not know, logs it, and
 * follows whatever lengths it reads.
 */
export function createInputScan(type: new () => object): InputScan {
  const sizes = fieldSizes(type);
  const iterator = { offset: 0 };

  /** The offset behind a value of this size, or -1. */
  function skipValue(frame: Uint8Array, at: number, size: number): number {
    if (size > 0) return at + size;
    if (size === TEXT) return skipText(frame, at);
    const end = size === NUMBER ? skipNumber(frame, at) : at - size;
    if (end < 0 || end > frame.length) return -1;
    // Of the self-describing numbers only the two kinds of float may be something else than a number.
    if (size !== NUMBER || frame[at] === 0xca || frame[at] === 0xcb) {
      zeroUnlessFinite(frame, size === NUMBER ? at + 1 : at, end);
    }
    return end;
  }

  return {
    isSound(frame, lastStamp) {
      const first = frame[0] ?? 0;
      if ((first & MODIFIERS) !== 0) return false;
      let at = 1;
      if ((first & STAMPED) !== 0) {
        at = skipNumber(frame, at);
        if (at < 0) return false;
        iterator.offset = 1;
        const stamp = lastStamp + decode.number(frame as Buffer, iterator);
        if (!Number.isInteger(stamp) || stamp < 0 || stamp >= STAMP_END) return false;
      }
      for (let fields = 0; at < frame.length; fields++) {
        const operation = frame[at] ?? 0;
        const size = sizes[operation & INDEX_MASK];
        if (size === undefined || operation >> 6 === DELETE || fields === sizes.length) return false;
        at = skipValue(frame, at + 1, size);
        if (at < 0 || at > frame.length) return false;
      }
      return true;
    },
  };
}

function fieldSizes(type: new () => object): number[] {
  const metadata = (type as unknown as Record<symbol, Metadata>)[Symbol.metadata] ?? {};
  const sizes: number[] = [];
  for (let index = 0; metadata[index] !== undefined; index++) {
    const { name, type: fieldType } = metadata[index] as { name: string; type: FieldType };
    const size = SIZES[typeof fieldType === "string" ? fieldType : fieldType.quantized?.wire];
    invariant(size !== undefined, `the input field ${name} is a plain value`);
    sizes.push(size);
  }
  return sizes;
}

function skipNumber(frame: Uint8Array, at: number): number {
  const prefix = frame[at];
  if (prefix === undefined) return -1;
  const size = NUMBER_SIZES[prefix] ?? -1;
  if (size < 0 || at + 1 + size > frame.length) return -1;
  return at + 1 + size;
}

/** Short texts only; the two lengths that the encoder writes for them. */
function skipText(frame: Uint8Array, at: number): number {
  const prefix = frame[at] ?? 0;
  const isFixed = prefix >= 0xa0 && prefix < 0xc0;
  if (!isFixed && prefix !== 0xd9) return -1;
  const start = isFixed ? at + 1 : at + 2;
  const end = start + (isFixed ? prefix & 0x1f : (frame[at + 1] ?? 0xff));
  return end <= frame.length && isWellFormed(frame, start, end) ? end : -1;
}

/** Little-endian; a float whose exponent bits are all set is infinite or no number. */
function zeroUnlessFinite(frame: Uint8Array, start: number, end: number): void {
  const high = ((frame[end - 1] ?? 0) << 8) | (frame[end - 2] ?? 0);
  const exponent = end - start === 4 ? 0x7f80 : 0x7ff0;
  if ((high & exponent) === exponent) frame.fill(0, start, end);
}
