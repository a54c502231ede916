/**
 * What a hand-written protocol would send for a position: one byte for who, then x and y at the given width. There is
 * nothing below this without prediction or bit packing, so it is the floor that an encoder is measured against.
 */
export function packedBytes(moved: number, bytesPerField: 2 | 4): number {
  return moved * (1 + 2 * bytesPerField);
}
