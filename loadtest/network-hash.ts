/** Where a fingerprint begins. */
export const hashStart = 0x811c9dc5;

/** One step of FNV-1a over a whole word, with a shift so that high bits reach low ones: a fingerprint, not a secret. */
export function mixHash(hash: number, value: number): number {
  const product = Math.imul(hash ^ value, 0x01000193);
  return (product ^ (product >>> 15)) >>> 0;
}

export function hashText(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, "0");
}
