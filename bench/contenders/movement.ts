/**
 * The game that every contender plays, so that only the way they carry it differs: each input moves its player once, by
 * its direction times STRIDE; a patch follows 20 times a second; nothing else happens.
 */
export interface Place {
  x: number;
  y: number;
}

/** A stick: -127 to 127 on each axis. */
export interface Direction {
  readonly dx: number;
  readonly dy: number;
}

export const TICK_HZ = 20;
export const TICK_MS = 1000 / TICK_HZ;
/** Not a power of two, so that positions have all their digits, as they do in a real game. */
export const STRIDE = 1 / 250;
/** Positions stay well inside: whoever walks the circle comes back to where it began. */
export const QUANTIZED = { min: -32, max: 32, bits: 16 } as const;
/** Further than this a decoded place is not the server's: half a step of QUANTIZED, and a bit. */
export const PLACE_ERROR_MAX = 0.001;

/** Rooms by their size, under the same names everywhere. */
export const ROOM_SIZES = [16, 64] as const;
export type RoomSize = (typeof ROOM_SIZES)[number];
export const roomName = (size: RoomSize) => `room${size}` as const;

export function move(place: Place, { dx, dy }: Direction): void {
  place.x += dx * STRIDE;
  place.y += dy * STRIDE;
}

/** Where the nth player of a room begins. */
export function spawn(index: number): Place {
  return { x: ((index * 37) % 41) - 20 + index / 1000, y: ((index * 23) % 37) - 18 + index / 1000 };
}

/** One round of walking in a circle, in which no two inputs are the same. */
export const circle: readonly Direction[] = Array.from({ length: 2 * TICK_HZ }, (_, step) => {
  const angle = (Math.PI * step) / TICK_HZ;
  return { dx: Math.round(127 * Math.cos(angle)), dy: Math.round(127 * Math.sin(angle)) };
});
