/**
 * What is wrong with a payload. `broken` is what no encoder writes, so that no honest client can have sent it; the others
 * may be a game's own mistake, such as a message with a Date in it.
 */
export type PayloadFlaw = "broken" | "not JSON" | "too deep" | "too long" | "bad key";

/** Lists and objects within one another. */
export const DEPTH_MAX = 16;
/** Longest text in a message, in bytes of UTF-8. */
export const TEXT_BYTES_MAX = 2048;
/** Most entries of one object. */
export const KEYS_MAX = 64;
/** Kinds of object in one message: the decoder may compile a reader for each. */
export const SHAPES_MAX = 16;

/** Names by which an object would be given another nature than that of plain data. */
const FORBIDDEN_KEYS = ["__proto__", "constructor", "prototype"].map((key) => Buffer.from(key));
const SHAPE_IDS = 0x40;
/** Ends a message early wherever it stands for the byte behind the last: msgpack never uses it. */
const NEVER_USED = 0xc1;
const SHAPE = 0x72;
const TIMESTAMP = 0xff;

/**
 * Reads msgpack payloads without decoding them and without allocating, so that the engine decodes only what is JSON and of
 * bounded size: null, booleans, finite numbers, well-formed text without NUL, lists and objects with distinct and
 * harmless keys. Claimed lengths are held against the bytes that are there, so a bomb costs no more than its own bytes.
 * One instance serves a whole process, because it never waits.
 */
export class PayloadScan {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #flaw: PayloadFlaw = "broken";
  /** The encoder gives each kind of object a number on first use; this many keys it has, -1 when not yet used. */
  readonly #shapes = new Int16Array(SHAPE_IDS).fill(-1);
  #shapeCount = 0;
  /** Where the keys of the objects being read stand in the bytes: start and end of each. */
  readonly #keys = new Uint32Array(2 * KEYS_MAX * (DEPTH_MAX + 2));
  readonly #view = new DataView(new ArrayBuffer(8));

  /** Kinds of object that the payload read last brings along: each costs the decoder extra. */
  get shapeCount(): number {
    return this.#shapeCount;
  }

  /** What is wrong with the payload from `start` to the end; nothing when the engine may decode it. */
  flawOf(bytes: Uint8Array, start: number): PayloadFlaw | undefined {
    this.#bytes = bytes;
    this.#at = start;
    if (this.#shapeCount > 0) this.#shapes.fill(-1);
    this.#shapeCount = 0;
    if (!this.#value(0)) return this.#flaw;
    return this.#at === bytes.length ? undefined : "broken";
  }

  #fail(flaw: PayloadFlaw): false {
    this.#flaw = flaw;
    return false;
  }

  #next(): number {
    return this.#bytes[this.#at++] ?? NEVER_USED;
  }

  #value(depth: number): boolean {
    const token = this.#next();
    if (token < 0x40 || token >= 0xe0) return true;
    if (token < 0x80) {
      const keyCount = this.#shapes[token & 0x3f] ?? -1;
      return keyCount < 0 || this.#values(keyCount, depth + 1);
    }
    if (token < 0x90) return this.#object(token & 0x0f, depth + 1);
    if (token < 0xa0) return this.#values(token & 0x0f, depth + 1);
    if (token < 0xc0) return this.#text(token & 0x1f);
    return this.#tagged(token, depth);
  }

  #tagged(token: number, depth: number): boolean {
    switch (token) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return true;
      case 0xca:
        return this.#float(4);
      case 0xcb:
        return this.#float(8);
      case 0xcc:
      case 0xd0:
        return this.#skip(1);
      case 0xcd:
      case 0xd1:
        return this.#skip(2);
      case 0xce:
      case 0xd2:
        return this.#skip(4);
      case 0xd4:
        return this.#fixedExtension(depth);
      case 0xd9:
        return this.#text(this.#length(1));
      case 0xda:
        return this.#text(this.#length(2));
      case 0xdb:
        return this.#text(this.#length(4));
      case 0xdc:
        return this.#values(this.#length(2), depth + 1);
      case 0xdd:
        return this.#values(this.#length(4), depth + 1);
      case 0xde:
        return this.#object(this.#length(2), depth + 1);
      case 0xdf:
        return this.#object(this.#length(4), depth + 1);
      default:
        return this.#fail(isOfAnEncoder(token, this.#bytes, this.#at) ? "not JSON" : "broken");
    }
  }

  #skip(byteCount: number): boolean {
    this.#at += byteCount;
    return this.#at <= this.#bytes.length || this.#fail("broken");
  }

  /** A length that is not all there is longer than any payload. */
  #length(byteCount: number): number {
    let length = 0;
    for (let index = 0; index < byteCount; index++) length = length * 256 + (this.#bytes[this.#at++] ?? 0xff);
    return length;
  }

  /** JSON knows neither NaN nor infinity, and the encoder writes -0 as 0. */
  #float(byteCount: 4 | 8): boolean {
    const start = this.#at;
    if (!this.#skip(byteCount)) return false;
    for (let index = 0; index < byteCount; index++) this.#view.setUint8(index, this.#bytes[start + index] ?? 0);
    const value = byteCount === 4 ? this.#view.getFloat32(0) : this.#view.getFloat64(0);
    return (Number.isFinite(value) && !Object.is(value, -0)) || this.#fail("not JSON");
  }

  #values(count: number, depth: number): boolean {
    if (depth > DEPTH_MAX) return this.#fail("too deep");
    if (count > this.#bytes.length - this.#at) return this.#fail("broken");
    for (let index = 0; index < count; index++) if (!this.#value(depth)) return false;
    return true;
  }

  #object(count: number, depth: number): boolean {
    if (depth > DEPTH_MAX) return this.#fail("too deep");
    if (2 * count > this.#bytes.length - this.#at) return this.#fail("broken");
    if (count > KEYS_MAX) return this.#fail("too long");
    for (let index = 0; index < count; index++) if (!this.#key(index, depth) || !this.#value(depth)) return false;
    return true;
  }

  /** The first object of a kind: its number, its keys as a list, then its values. Later ones are number and values. */
  #fixedExtension(depth: number): boolean {
    const type = this.#next();
    if (type === 0x00) return this.#fail("not JSON");
    const id = this.#next();
    if (type !== SHAPE || id < SHAPE_IDS || id >= 2 * SHAPE_IDS) return this.#fail("broken");
    const token = this.#next();
    const count = token === 0xdc ? this.#length(2) : token >= 0x90 && token < 0xa0 ? token & 0x0f : -1;
    if (count < 0 || 2 * count > this.#bytes.length - this.#at) return this.#fail("broken");
    if (count > KEYS_MAX || this.#shapeCount === SHAPES_MAX) return this.#fail("too long");
    for (let index = 0; index < count; index++) if (!this.#key(index, depth + 1)) return false;
    this.#shapes[id & 0x3f] = count;
    this.#shapeCount += 1;
    return this.#values(count, depth + 1);
  }

  #key(index: number, depth: number): boolean {
    const token = this.#next();
    const length = token >= 0xa0 && token < 0xc0 ? token & 0x1f : token === 0xd9 ? this.#length(1) : -1;
    if (length < 0) return this.#fail(token === NEVER_USED ? "broken" : "bad key");
    const start = this.#at;
    if (!this.#text(length)) return false;
    const first = 2 * KEYS_MAX * depth;
    for (let other = first; other < first + 2 * index; other += 2) {
      const from = this.#keys[other] ?? 0;
      if ((this.#keys[other + 1] ?? 0) === length && this.#isSame(start, this.#bytes, from, length)) {
        return this.#fail("bad key");
      }
    }
    for (const forbidden of FORBIDDEN_KEYS) {
      if (forbidden.length === length && this.#isSame(start, forbidden, 0, length)) return this.#fail("bad key");
    }
    this.#keys[first + 2 * index] = start;
    this.#keys[first + 2 * index + 1] = length;
    return true;
  }

  #isSame(start: number, other: Uint8Array, from: number, length: number): boolean {
    for (let index = 0; index < length; index++) if (this.#bytes[start + index] !== other[from + index]) return false;
    return true;
  }

  #text(length: number): boolean {
    const end = this.#at + length;
    if (end > this.#bytes.length) return this.#fail("broken");
    if (length > TEXT_BYTES_MAX) return this.#fail("too long");
    const isText = isWellFormed(this.#bytes, this.#at, end);
    this.#at = end;
    return isText || this.#fail("not JSON");
  }
}

/** UTF-8 of whole characters, without NUL, which no text column takes, and without halves of surrogate pairs. */
export function isWellFormed(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at] ?? 0;
    if (lead === 0) return false;
    const length =
      lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length === 0 || (lead >= 0x80 && lead < 0xc2) || at + length > end) return false;
    let point = length === 1 ? lead : lead & (0x7f >> length);
    for (let index = 1; index < length; index++) {
      const byte = bytes[at + index] ?? 0;
      if ((byte & 0xc0) !== 0x80) return false;
      point = point * 64 + (byte & 0x3f);
    }
    if (length === 3 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) return false;
    if (length === 4 && (point < 0x1_0000 || point > 0x10_ffff)) return false;
    at += length;
  }
  return true;
}

/** A BigInt, bytes or a Date: what the SDK's encoder makes of things that are not JSON. */
function isOfAnEncoder(token: number, bytes: Uint8Array, at: number): boolean {
  if (token >= 0xc4 && token <= 0xc6) return true;
  if (token === 0xcf || token === 0xd3) return true;
  if (token === 0xd6 || token === 0xd7) return bytes[at] === TIMESTAMP;
  return token === 0xc7 && bytes[at + 1] === TIMESTAMP;
}
