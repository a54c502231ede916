import type { Random } from "../../platform/random.ts";
import type { ProcessRecord } from "./processes.ts";

interface Choice {
  readonly processes: readonly ProcessRecord[];
  readonly region: string;
  /** Rooms placed on a process that its record does not count yet. */
  readonly pending: (processId: string) => number;
  readonly random: Random;
}

/** Beyond this share of its memory a process takes no more rooms. */
const MEMORY_SHARE_MAX = 0.9;
/** Up to here a loop, or a memory, is as good as an idle one: the rest is noise, which would tip every choice. */
const IDLE_SHARE = 0.5;
/** What a room weighs until its players are counted, in shares of a process: more than what noise there is. */
const PENDING_WEIGHT = 0.1;

/**
 * Where a new room is made: of two processes drawn at random from those it fits on, the less loaded. The best of all would
 * draw everybody at once who has heard the same figures; two choices spread almost as evenly and follow nobody. Null when
 * it fits nowhere.
 */
export function choosePlace({ processes, region, pending, random }: Choice): string | null {
  const fitting = processes.filter((record) => record.region === region && fits(record, pending(record.processId)));
  const { length } = fitting;
  if (length === 0) return null;
  const at = random.below(length);
  const first = fitting[at];
  const second = fitting[length > 1 ? (at + 1 + random.below(length - 1)) % length : at];
  if (first === undefined || second === undefined) return null;
  const costOf = (record: ProcessRecord) => cost(record, pending(record.processId));
  return (costOf(second) < costOf(first) ? second : first).processId;
}

/** Whether one more room may be made there. */
export function fits({ isDraining, role, load }: ProcessRecord, pending: number): boolean {
  const { players, playersMax, rooms, roomsMax = Number.POSITIVE_INFINITY, memory } = load;
  const hasRoom = players < playersMax && rooms + pending < roomsMax && memory < MEMORY_SHARE_MAX;
  return !isDraining && role !== "api" && hasRoom;
}

/** How loaded a process is, as one number: its players, its loop and its memory, and what is on its way there. */
function cost({ load }: ProcessRecord, pending: number): number {
  const { players, playersMax, rooms, roomsMax = Number.POSITIVE_INFINITY, loop, memory } = load;
  return players / playersMax + rooms / roomsMax + strain(loop) + strain(memory) + pending * PENDING_WEIGHT;
}

function strain(share: number): number {
  return Math.max(0, share - IDLE_SHARE) / (1 - IDLE_SHARE);
}
