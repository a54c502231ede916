/** A source of numbers from 0 up to but not including 1. */
export type RandomFraction = () => number;

/** The default source: unpredictable, in browsers and in Node alike. */
export const cryptoFraction: RandomFraction = () => {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word / 2 ** 32;
};

/** A number from `least` up to `most`, each equally likely. */
export function between(random: RandomFraction, least: number, most: number): number {
  return least + random() * (most - least);
}
