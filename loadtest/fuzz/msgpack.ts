import type { SeededRandom } from "../random.ts";

/** Lists and objects within one another, at most. */
const DEPTH_MAX = 6;
const BYTES_MAX = 1500;

/** One value of msgpack, any of its kinds, now and then with a length that lies. Written byte by byte: no encoder would. */
export function randomMsgpack(random: SeededRandom): Buffer {
  const parts: Buffer[] = [];
  let bytes = 0;
  const put = (part: Buffer) => {
    parts.push(part);
    bytes += part.length;
  };
  const value = (depth: number): void => {
    const kind = random.below(bytes > BYTES_MAX ? 8 : depth >= DEPTH_MAX ? 16 : 24);
    if (kind < 8) put(small(random));
    else if (kind < 12) put(text(random));
    else if (kind < 14) put(number(random));
    else if (kind < 16) put(blob(random));
    else {
      const count = random.below(4);
      const claimed = random.below(10) === 0 ? random.below(2 ** 16) : count;
      const isMap = kind >= 20;
      put(header(random, { fixed: isMap ? 0x80 : 0x90, wide: isMap ? 0xde : 0xdc, claimed }));
      for (let index = 0; index < count; index++) {
        if (isMap) put(text(random));
        value(depth + 1);
      }
    }
  };
  value(0);
  return Buffer.concat(parts);
}

/** `size` bytes of anything. */
export function randomBytes(random: SeededRandom, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = random.below(256);
  return bytes;
}

function small(random: SeededRandom): Buffer {
  const tokens = [0xc0, 0xc1, 0xc2, 0xc3, random.below(0x80), 0xe0 | random.below(0x20)];
  return Buffer.of(tokens[random.below(tokens.length)] ?? 0);
}

const WORDS = ["", "x", "target", "__proto__", "constructor", "toString", "length", "then", "\u0000", "\ud800", "💥"];

function text(random: SeededRandom): Buffer {
  const bytes =
    random.below(3) === 0 ? randomBytes(random, random.below(31)) : Buffer.from(word(random)).subarray(0, 31);
  const length = random.below(20) === 0 ? random.below(32) : bytes.length;
  return Buffer.concat([Buffer.of(0xa0 | length), bytes]);
}

function word(random: SeededRandom): string {
  return WORDS[random.below(WORDS.length)] ?? "";
}

/** Numbers at the edges of their kinds: 0xca to 0xd3 with 1 to 8 bytes of ones, zeros or anything. */
function number(random: SeededRandom): Buffer {
  const token = 0xca + random.below(10);
  const size = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8][token - 0xca] ?? 1;
  const fill = [0x00, 0xff, 0x7f, 0x80];
  const body = random.below(2) === 0 ? randomBytes(random, size) : Buffer.alloc(size, fill[random.below(fill.length)]);
  return Buffer.concat([Buffer.of(token), body]);
}

/** Bytes, extensions of every type, and long texts, with lengths that are true two times in three. */
function blob(random: SeededRandom): Buffer {
  const token =
    [0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb][random.below(14)] ?? 0xc4;
  const body = randomBytes(random, random.below(40));
  if (token >= 0xd4 && token <= 0xd8) return Buffer.concat([Buffer.of(token, random.below(256)), body]);
  const width = { 196: 1, 197: 2, 198: 4, 199: 1, 200: 2, 201: 4, 217: 1, 218: 2, 219: 4 }[token] ?? 1;
  const length = Buffer.alloc(width);
  const claimed = random.below(3) === 0 ? random.below(2 ** (8 * Math.min(width, 3))) : body.length;
  length.writeUIntBE(claimed % 2 ** (8 * width), 0, width);
  return Buffer.concat([Buffer.of(token), length, body]);
}

interface Claim {
  readonly fixed: number;
  readonly wide: number;
  readonly claimed: number;
}

/** The head of a list or object in one of its three widths. */
function header(random: SeededRandom, { fixed, wide, claimed }: Claim): Buffer {
  const width = random.below(3);
  if (width === 0 && claimed < 16) return Buffer.of(fixed | claimed);
  if (width < 2) return Buffer.of(wide, claimed >> 8, claimed & 0xff);
  return Buffer.of(wide + 1, 0, 0, claimed >> 8, claimed & 0xff);
}
