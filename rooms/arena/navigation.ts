import { isClear } from "./geometry.ts";
import { waypoints } from "./map.ts";
import { PLAYER_RADIUS } from "./rules.ts";

/** No waypoint, where one is expected. */
export const NOWHERE = 255;

/** Half the width of a walk. A little under a radius, so that a body that leans on a wall is not inside one. */
const WALK_MARGIN = PLAYER_RADIUS * 0.9;
/** Longer walks are left to several waypoints: what lies far away is seldom still the right way on arrival. */
const WALK_MAX = 18;

const count = waypoints.length;
const hops = shortestWays();

/** Where to walk next from one waypoint to reach another. */
export function hopTowards(from: number, goal: number): number {
  return hops[from * count + goal] ?? NOWHERE;
}

export function isWalkable(x: number, y: number, waypoint: number): boolean {
  const point = waypoints[waypoint];
  return point !== undefined && isClear(x, y, point.x, point.y, WALK_MARGIN);
}

/** The nearest waypoint that can be walked to in a straight line, or the nearest of all from a wedged place. */
export function nearestWaypoint(x: number, y: number): number {
  let best = NOWHERE;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const [index, point] of waypoints.entries()) {
    const blocked = isWalkable(x, y, index) ? 0 : 1e6;
    const distance = (point.x - x) * (point.x - x) + (point.y - y) * (point.y - y) + blocked;
    if (distance >= bestDistance) continue;
    best = index;
    bestDistance = distance;
  }
  return best;
}

/** Floyd and Warshall's all shortest paths, once, when the module loads: the map never changes. */
function shortestWays(): Uint8Array {
  const lengths = new Float64Array(count * count).fill(Number.POSITIVE_INFINITY);
  const next = new Uint8Array(count * count).fill(NOWHERE);
  for (const [from, a] of waypoints.entries()) {
    for (const [to, b] of waypoints.entries()) {
      const length = Math.sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y));
      if (length > WALK_MAX || !isWalkable(a.x, a.y, to)) continue;
      lengths[from * count + to] = length;
      next[from * count + to] = to;
    }
  }
  for (let via = 0; via < count; via++) {
    for (let from = 0; from < count; from++) {
      const head = lengths[from * count + via] ?? 0;
      if (head === Number.POSITIVE_INFINITY) continue;
      for (let to = 0; to < count; to++) {
        const length = head + (lengths[via * count + to] ?? 0);
        if (length >= (lengths[from * count + to] ?? 0)) continue;
        lengths[from * count + to] = length;
        next[from * count + to] = next[from * count + via] ?? NOWHERE;
      }
    }
  }
  return next;
}
