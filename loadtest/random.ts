/**
 * Repeatable randomness for swarms, bots and the network between them. It is kept here because the crowd must not import
 * the server's platform. Never for a secret.
 */
export interface SeededRandom {
  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number;
  /** A number from 0 up to, not including, 1, in steps of 2^-32. */
  uniform(): number;
  /** A whole number from 0 to `below - 1`. `below` is from 1 to 2^32. */
  below(below: number): number;
}

/**
 * The generator of one purpose. `stream` and `substream` (a bot's number, a connection's, a direction) keep purposes apart
 * under one seed: they are words of the state itself, so two of them never meet by a collision of hashes.
 * All three are whole numbers from 0 to 2^32 - 1; anything else is a RangeError, because it would quietly repeat another seed.
 *
 * The generator is Chris Doty-Humphrey's sfc32 from PractRand, with the 15 rounds of mixing he gives a seed of three words.
 */
export function createSeededRandom(seed: number, stream = 0, substream = 0): SeededRandom {
  let a = word("seed", seed);
  let b = word("stream", stream);
  let c = word("substream", substream);
  let counter = 1;
  const uint32 = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round++) uint32();
  return { uint32, uniform: () => uint32() / 2 ** 32, below: (below) => uniformBelow(below, uint32) };
}

/** Rejection sampling, so that no remainder is likelier than another. */
function uniformBelow(below: number, uint32: () => number): number {
  if (!Number.isInteger(below) || below < 1 || below > 2 ** 32) {
    throw new RangeError(`below must be a whole number from 1 to 2^32, not ${below}.`);
  }
  const limit = Math.floor(2 ** 32 / below) * below;
  let value = uint32();
  while (value >= limit) value = uint32();
  return value % below;
}

function word(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value | 0;
  throw new RangeError(`${name} must be a whole number from 0 to 2^32 - 1, not ${value}.`);
}
