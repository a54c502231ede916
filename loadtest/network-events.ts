import { hashStart, mixHash } from "./network-hash.ts";
import type { NetworkEvent, NetworkProfile } from "./network-profile.ts";
import { networkProfile } from "./network-profile.ts";
import type { SeededRandom } from "./random.ts";
import { createSeededRandom } from "./random.ts";

/** One of a profile's events, as it comes. */
export interface Occurrence {
  readonly event: NetworkEvent;
  /** When it begins, in ms from the beginning of the timetable. */
  readonly atMs: number;
  /** How long nothing passes; 0 for a rebinding. */
  readonly lastsMs: number;
}

/** What happens on one line and when: drawn from the seed and nothing else. */
export interface Timetable {
  /** What comes next; null if nothing ever will. */
  upcoming(): Occurrence | null;
  /** Goes on to the one after. After a handover it is the events of the new profile that come. */
  take(): void;
  /** A fingerprint of what was taken, in µs; 0 if nothing was. */
  hash(): number;
}

/**
 * Events begin without memory, `everyS` seconds apart in the mean, counted from the end of the one before of its sort. So a crowd whose lines
 * start together is not struck together, and a run of any length sees its share.
 */
export function createTimetable(profile: NetworkProfile, seed: number): Timetable {
  let handovers = 0;
  let plans = planEvents(profile, { seed, chapter: 0, fromMs: 0 });
  let hash = 0;
  const first = () => plans.reduce<Plan | null>((a, b) => (a === null || b.next.atMs < a.next.atMs ? b : a), null);
  return {
    upcoming: () => first()?.next ?? null,
    take() {
      const plan = first();
      if (plan === null) return;
      const { event, atMs, lastsMs } = plan.next;
      hash = mixHash(mixHash(hash === 0 ? hashStart : hash, kinds.indexOf(event.kind)), Math.round(atMs * 1000));
      hash = mixHash(hash, Math.round(lastsMs * 1000));
      plan.next = draw(plan.random, event, atMs + lastsMs);
      if (event.kind !== "handover") return;
      handovers += 1;
      plans = planEvents(networkProfile(event.to), { seed, chapter: handovers, fromMs: atMs + lastsMs });
    },
    hash: () => hash,
  };
}

interface Plan {
  readonly random: SeededRandom;
  next: Occurrence;
}

/** Their order is part of every fingerprint. */
const kinds: readonly NetworkEvent["kind"][] = ["blackhole", "rebinding", "handover"];

/** Segments draw from substreams 0 and 1 of every stream; what happens on the line draws from those above. */
const firstSubstream = 2;

function planEvents(profile: NetworkProfile, from: { seed: number; chapter: number; fromMs: number }): Plan[] {
  return (profile.events ?? []).map((event, index) => {
    const random = createSeededRandom(from.seed, from.chapter, firstSubstream + index);
    return { random, next: draw(random, event, from.fromMs) };
  });
}

function draw(random: SeededRandom, event: NetworkEvent, fromMs: number): Occurrence {
  const atMs = fromMs - Math.log(1 - random.uniform()) * event.everyS * 1000;
  const luck = random.uniform();
  if (event.kind === "rebinding") return { event, atMs, lastsMs: 0 };
  const [shortestMs, longestMs] = event.lastsMs;
  return { event, atMs, lastsMs: shortestMs + luck * (longestMs - shortestMs) };
}
