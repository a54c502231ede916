import type { SeededRandom } from "../random.ts";
import { craftedPayloads } from "./crafted.ts";
import { randomBytes, randomMsgpack } from "./msgpack.ts";

/** The six ways in which hostile frames are made. */
export const generators = ["opcode and bytes", "bytes", "bit flips", "truncation", "msgpack", "crafted"] as const;
export type Generator = (typeof generators)[number];

export interface HostileFrame {
  readonly generator: Generator;
  readonly bytes: Buffer;
}

interface FrameSource {
  readonly random: SeededRandom;
  /** Frames as an honest client sent them. */
  readonly honest: readonly Buffer[];
  /** The messages that the rooms have handlers for. */
  readonly messageTypes: readonly string[];
}

/** The frames' codes run from 10 to 22, and 23 is one too many; the three bits above say how the rest is decorated. */
const FIRST_CODE = 10;
const CODES = 14;
const SIZE_MAX = 96;
const MESSAGE = 13;
const REQUEST = 21;
const BYTES = 17;
/** What no room has a handler for, and what the engine's own tables might have an entry for. */
const ODD_TYPES = ["*", "", "_$b", "_$berror", "__proto__", "constructor", "hasOwnProperty", "toString", "nothing"];

export function hostileFrame(source: FrameSource): HostileFrame {
  const generator = pick(source.random, generators);
  return { generator, bytes: makers[generator](source) };
}

const makers: Record<Generator, (source: FrameSource) => Buffer> = {
  "opcode and bytes": ({ random }) => Buffer.concat([opcode(random), randomBytes(random, random.below(SIZE_MAX))]),
  bytes: ({ random }) => randomBytes(random, 1 + random.below(SIZE_MAX)),
  "bit flips": ({ random, honest }) => {
    const bytes = Buffer.from(pick(random, honest));
    for (let flips = 1 + random.below(4); flips > 0; flips--) {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    }
    return bytes;
  },
  truncation: ({ random, honest }) => {
    const bytes = pick(random, honest);
    return bytes.subarray(0, 1 + random.below(bytes.length));
  },
  msgpack: ({ random, messageTypes }) => message(random, messageTypes, randomMsgpack(random)),
  crafted: ({ random, messageTypes }) => message(random, messageTypes, pick(random, craftedPayloads).payload),
};

function opcode(random: SeededRandom): Buffer {
  return Buffer.of((FIRST_CODE + random.below(CODES)) | (random.below(4) === 0 ? random.below(8) << 5 : 0));
}

/** A message, request or raw message of a type that a room has a handler for, or that nobody should have one for. */
function message(random: SeededRandom, types: readonly string[], payload: Buffer): Buffer {
  const code = [MESSAGE, MESSAGE, REQUEST, BYTES][random.below(4)] ?? MESSAGE;
  const number = code === REQUEST ? Buffer.of(random.below(0x80)) : Buffer.alloc(0);
  return Buffer.concat([Buffer.of(code), number, messageType(random, types), payload]);
}

function messageType(random: SeededRandom, types: readonly string[]): Buffer {
  if (random.below(12) === 0) return Buffer.of(random.below(256), random.below(256));
  const name = Buffer.from(random.below(6) === 0 ? pick(random, ODD_TYPES) : pick(random, types));
  return Buffer.concat([Buffer.of(0xa0 | (name.length & 0x1f)), name]);
}

export function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}
