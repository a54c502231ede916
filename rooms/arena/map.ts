import type { ArenaPickupKind } from "../../schema/state/arena.ts";
import { HALF_HEIGHT, HALF_WIDTH, PICKUP, snap } from "./rules.ts";
import type { Point } from "./world.ts";

/** An axis-aligned block. y grows downwards, so `top` is the smaller. */
export interface Wall {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * The arena is drawn once, in its lower right quarter, and mirrored, so that no side is better than another. A boost
 * lies in the middle, in a plaza with four gates. Long walls part the lanes around it, and corner rooms hold health.
 * Every gap lets two players pass each other.
 */
export const walls: readonly Wall[] = [
  { left: -HALF_WIDTH, top: -HALF_HEIGHT, right: HALF_WIDTH, bottom: 1 - HALF_HEIGHT },
  { left: -HALF_WIDTH, top: HALF_HEIGHT - 1, right: HALF_WIDTH, bottom: HALF_HEIGHT },
  { left: -HALF_WIDTH, top: -HALF_HEIGHT, right: 1 - HALF_WIDTH, bottom: HALF_HEIGHT },
  { left: HALF_WIDTH - 1, top: -HALF_HEIGHT, right: HALF_WIDTH, bottom: HALF_HEIGHT },
  ...fourWalls(3.5, 5, 7.5, 6), // the plaza's brackets
  ...fourWalls(6.5, 2.5, 7.5, 6),
  ...fourWalls(13, 9.5, 15.5, 12), // pillars between the lanes
  ...fourWalls(19.5, -6, 20.5, 6), // the long walls left and right, above and below
  ...fourWalls(-6, 15, 6, 16),
  ...fourWalls(21, 16.5, 26, 17.5), // the corner rooms
  ...fourWalls(25, 12, 26, 17.5),
  ...fourWalls(12, -1.2, 14.4, 1.2), // blocks that break the long views
  ...fourWalls(-1.2, 9.5, 1.2, 11.5),
  ...fourWalls(10.5, 18.5, 13, 20),
  ...fourWalls(27.5, -2, HALF_WIDTH, 2), // buttresses that cut the lanes along the edge
  ...fourWalls(-1.2, 20, 1.2, HALF_HEIGHT),
];

export const spawnPoints: readonly Point[] = [
  ...fourPoints(29, 8),
  ...fourPoints(18, 21),
  ...fourPoints(6, 21),
  ...fourPoints(23, 14.5),
  ...fourPoints(10.5, 7),
  ...fourPoints(17.2, 0),
];

export const pickupPoints: readonly (Point & { readonly kind: ArenaPickupKind })[] = [
  { x: 0, y: 0, kind: PICKUP.boost },
  ...fourPoints(28.5, 20).map((point) => ({ ...point, kind: PICKUP.health })),
  ...fourPoints(24, 0).map((point) => ({ ...point, kind: PICKUP.health })),
  ...fourPoints(0, 13.25).map((point) => ({ ...point, kind: PICKUP.health })),
];

/** Where bots walk: from point to point along straight lines without walls. The first are the pickups, in order. */
export const waypoints: readonly Point[] = [
  ...pickupPoints,
  ...spawnPoints,
  ...fourPoints(10, 0),
  ...fourPoints(0, 7.75),
  ...fourPoints(9, 13),
  ...fourPoints(17.5, 7.5),
  ...fourPoints(18, 14.5),
  ...fourPoints(23, 8),
  ...fourPoints(28.5, 14),
  ...fourPoints(23, 20.25),
  ...fourPoints(8.25, 17.25),
  ...fourPoints(0, 17.75),
];

function fourWalls(left: number, top: number, right: number, bottom: number): Wall[] {
  const wall = { left, top, right, bottom };
  const flipped = { left: -right, top, right: -left, bottom };
  const sides = left === -right ? [wall] : [wall, flipped];
  return top === -bottom ? sides : [...sides, ...sides.map((side) => ({ ...side, top: -bottom, bottom: -top }))];
}

/** Points are what the wire makes of them, so that a player who is put on one is there on both ends. */
function fourPoints(x: number, y: number): Point[] {
  const sides = x === 0 ? [x] : [x, -x];
  const rows = y === 0 ? [y] : [y, -y];
  return rows.flatMap((row) => sides.map((side) => ({ x: snap(side), y: snap(row) })));
}
