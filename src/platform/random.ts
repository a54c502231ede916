import { randomBytes } from "node:crypto";

/** A source of randomness. Services are given one; a test gives a seeded one and prints its seed. */
export interface Random {
  /** `count` bytes. */
  bytes(count: number): Uint8Array;
  /** A whole number from 0 to `below - 1`. `below` is at most 2^32. */
  below(below: number): number;
}

/** Randomness that nobody can guess: ids, session ids, salts, seeds of matches. */
export const cryptoRandom: Random = {
  bytes: takeBytes,
  below: (below) => uniformBelow(below, () => takeBytes(4).readUInt32LE()),
};

/** Bytes are drawn from the system in batches: asking for a few costs as much as asking for thousands. */
const BATCH_BYTES = 4096;
let batch = Buffer.alloc(0);
let taken = 0;

/** A copy, and what was copied is wiped: no byte is ever given twice, or found in memory behind the one who has it. */
function takeBytes(count: number): Buffer {
  if (count > BATCH_BYTES) return randomBytes(count);
  if (taken + count > batch.length) {
    batch = randomBytes(BATCH_BYTES);
    taken = 0;
  }
  const bytes = Buffer.from(batch.subarray(taken, taken + count));
  batch.fill(0, taken, taken + count);
  taken += count;
  return bytes;
}

/** Repeatable randomness for tests and swarms (sfc32). Never for a secret. */
export function createSeededRandom(seed: number): Random {
  const next = sfc32(seed);
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
    below: (below) => uniformBelow(below, next),
  };
}

/** A secret of `bits` bits as URL-safe text without padding. 128 bits are 22 characters. */
export function secretText(random: Random, bits: number): string {
  return Buffer.from(random.bytes(Math.ceil(bits / 8))).toString("base64url");
}

/** Rejection sampling, so that no remainder is likelier than another. */
function uniformBelow(below: number, nextUint32: () => number): number {
  const limit = Math.floor(2 ** 32 / below) * below;
  let value = nextUint32();
  while (value >= limit) value = nextUint32();
  return value % below;
}

/** Chris Doty-Humphrey's small fast counter generator, from PractRand; 12 rounds mix the seed in. */
function sfc32(seed: number): () => number {
  let a = 0;
  let b = seed >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}
