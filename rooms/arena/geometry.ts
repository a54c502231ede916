import { type Wall, walls } from "./map.ts";

// Plain numbers in, one number out: these run a thousand times per step, and an object each time would be rubbish.

/** The nearest point of [low, high]: the closest a wall's side comes to a coordinate. */
export function nearest(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** Whether a circle reaches into a wall. */
export function touchesWall(x: number, y: number, radius: number): boolean {
  for (const wall of walls) {
    const dx = x - nearest(x, wall.left, wall.right);
    const dy = y - nearest(y, wall.top, wall.bottom);
    if (dx * dx + dy * dy < radius * radius) return true;
  }
  return false;
}

/**
 * How far along the ray from x, y the first wall is, as a multiple of dx, dy; `limit` if there is none before it.
 * With a `margin` the walls are thicker on every side, for bodies that are wider than a ray.
 */
export function distanceToWall(x: number, y: number, dx: number, dy: number, limit: number, margin = 0): number {
  let first = limit;
  for (const wall of walls) first = entryInto(wall, x, y, dx, dy, first, margin);
  return first;
}

/** Whether nothing solid is on the way between two points for a body of half-width `margin`. */
export function isClear(x: number, y: number, toX: number, toY: number, margin = 0): boolean {
  return distanceToWall(x, y, toX - x, toY - y, 1, margin) === 1;
}

/** Clips the ray's stretch to the wall's two slabs. What is left, if anything, begins where the ray enters the wall. */
function entryInto(wall: Wall, x: number, y: number, dx: number, dy: number, limit: number, margin: number): number {
  const left = wall.left - margin - x;
  const right = wall.right + margin - x;
  const top = wall.top - margin - y;
  const bottom = wall.bottom + margin - y;
  let enter = 0;
  let leave = limit;
  if (dx === 0) {
    if (left >= 0 || right <= 0) return limit;
  } else {
    const near = (dx > 0 ? left : right) / dx;
    const far = (dx > 0 ? right : left) / dx;
    if (near > enter) enter = near;
    if (far < leave) leave = far;
  }
  if (dy === 0) {
    if (top >= 0 || bottom <= 0) return limit;
  } else {
    const near = (dy > 0 ? top : bottom) / dy;
    const far = (dy > 0 ? bottom : top) / dy;
    if (near > enter) enter = near;
    if (far < leave) leave = far;
  }
  return enter < leave ? enter : limit;
}

/**
 * How far along the ray from x, y the circle is, as a multiple of dx, dy; 0 from inside, Infinity if it misses.
 * The ray's direction need not have length one: the sine table's is off by a few millionths.
 */
export function distanceToCircle(
  x: number,
  y: number,
  dx: number,
  dy: number,
  centreX: number,
  centreY: number,
  radius: number,
): number {
  const fromX = x - centreX;
  const fromY = y - centreY;
  const outside = fromX * fromX + fromY * fromY - radius * radius;
  if (outside <= 0) return 0;
  const approach = fromX * dx + fromY * dy;
  if (approach >= 0) return Number.POSITIVE_INFINITY;
  const length = dx * dx + dy * dy;
  const reach = approach * approach - length * outside;
  return reach < 0 ? Number.POSITIVE_INFINITY : (-approach - Math.sqrt(reach)) / length;
}
