import { type DirectorySteps, entriesOf, type RoomHash } from "./directory-steps.ts";

export const PASSED_MAX = 500;
export const CANDIDATES_MAX = 64;
const [FIRST_MAX, QUIET_MAX] = [8, 64];

/** Which of the rooms in a set somebody is given. */
interface Choice {
  readonly key: string;
  readonly list: (from: number) => string[];
  readonly rank?: (id: string, h: RoomHash) => number;
  readonly bounds: readonly (readonly [string, number, number])[];
  readonly passed: { count: number };
  readonly spareMs: number;
}

export function choose(steps: DirectorySteps, { key, list, rank, bounds, passed, spareMs }: Choice): string | null {
  let quiet = 0;
  while (passed.count < PASSED_MAX) {
    const before = quiet;
    let chosen: string | null = null;
    let best = 0;
    let dead = 0;
    for (const id of list(quiet)) {
      const h = steps.hash(id);
      const isPlan = h?.["state"] === "plan";
      if (h === null || !steps.isAlive(h["pid"] ?? "") || (isPlan && !steps.isAlive(h["maker"] ?? ""))) {
        dead += 1;
        steps.store.zrem(key, id);
        if (h !== null && isPlan) steps.drop(id, h);
      } else if (!isPlan && !steps.isHeard(h["pid"] ?? "", spareMs)) {
        quiet += 1;
      } else if (bounds.every(([field, least, most]) => isWithin(entriesOf(h).values[field], least, most))) {
        const ranked = rank?.(id, h) ?? 0;
        if (chosen === null || ranked > best) [chosen, best] = [id, ranked];
        if (rank === undefined) break;
      }
    }
    passed.count += dead;
    if (chosen !== null || (dead === 0 && quiet === before) || quiet >= QUIET_MAX) return chosen;
  }
  return null;
}

export function chooseLive(
  steps: DirectorySteps,
  {
    bucket,
    range,
    order,
    ...rest
  }: Pick<Choice, "bounds" | "passed" | "spareMs"> & Record<"bucket" | "range" | "order", string>,
): string | null {
  const [bound] = rest.bounds;
  if (bound !== undefined) {
    const key = steps.key("range", range);
    const list = (from: number) =>
      ids(steps.store.zrangebyscore(key, bound[1], bound[2], from + CANDIDATES_MAX)).slice(from);
    const age = order === "newest" ? 1 : -1;
    const rank = (id: string, h: RoomHash) =>
      order === "fullest" ? Number(h["clients"]) + steps.claimsOf(id) : age * Number(h["made"]);
    return choose(steps, { key, list, rank, ...rest });
  }
  const key = steps.key(order === "fullest" ? "full" : "age", bucket);
  const list = (from: number) => {
    const all = ids(steps.store.zrange(key));
    return (order === "oldest" ? all : all.toReversed()).slice(from, from + FIRST_MAX);
  };
  return choose(steps, { key, list, ...rest });
}

export function ids(scored: readonly (readonly [string, number])[]): string[] {
  return scored.map(([id]) => id);
}

function isWithin(value: number | undefined, least: number, most: number): boolean {
  return value !== undefined && value >= least && value <= most;
}
