import type { Listing, RoomOrder, Wanted } from "./directory.ts";
import type { Entries, Places } from "./listing-index.ts";
import { SortedIndex } from "./sorted-index.ts";

/** What the index has to know of a room. */
export interface Indexed {
  readonly roomId: string;
  /** Null while the room is being made. */
  readonly listing: Listing | null;
  /** As planned: what counts until the room is there. */
  readonly seats: number;
  readonly entries: Entries;
  /** Orders rooms by age: the later, the larger. */
  readonly made: number;
  readonly claims: ReadonlyMap<string, unknown>;
}

/** As many rooms of a range are looked at for the best of them. */
const CANDIDATES_MAX = 64;

/** Rooms that have a seat, by filters and in order, so that finding one hardly costs more the more there are. */
export class MemoryIndex<Room extends Indexed> {
  readonly #rooms: ReadonlyMap<string, Room>;
  /** By bucket: as full as they are, by age, and those that are being made, by age. By range: the numbers. */
  readonly #full = new Map<string, SortedIndex>();
  readonly #age = new Map<string, SortedIndex>();
  readonly #plans = new Map<string, SortedIndex>();
  readonly #ranges = new Map<string, SortedIndex>();

  constructor(rooms: ReadonlyMap<string, Room>) {
    this.#rooms = rooms;
  }

  /** Enters the room as it is now, or takes it out when nobody may find it. */
  place(room: Room): void {
    if (!isOpen(room)) {
      this.takeOut(room);
      return;
    }
    const { roomId, entries, listing, made } = room;
    for (const bucket of entries.buckets) {
      if (listing === null) {
        enter(this.#plans, bucket, roomId, made);
        continue;
      }
      enter(this.#full, bucket, roomId, listing.clients + room.claims.size);
      enter(this.#age, bucket, roomId, made);
    }
    if (listing !== null) for (const [place, value] of entries.ranges) enter(this.#ranges, place, roomId, value);
  }

  takeOut({ roomId, entries }: Room): void {
    for (const sorted of [this.#full, this.#age, this.#plans]) {
      for (const bucket of entries.buckets) leave(sorted, bucket, roomId);
    }
    for (const [place] of entries.ranges) leave(this.#ranges, place, roomId);
  }

  /** The best room that fits and has a seat; one that is being made where there is none. */
  find({ ranges = {}, order = "fullest" }: Wanted, places: readonly Places[]): Room | null {
    const bounds = Object.entries(ranges);
    const [first] = bounds;
    const fits = ({ entries }: Room) =>
      bounds.every(([field, [least, most]]) => {
        const value = entries.values[field];
        return value !== undefined && value >= least && value <= most;
      });
    for (const { bucket, range } of places) {
      const [least, most] = first?.[1] ?? [0, 0];
      const found =
        first === undefined
          ? this.#roomsOf([this.#best(bucket, order)])
          : this.#roomsOf(this.#ranges.get(range)?.between(least, most, CANDIDATES_MAX) ?? []).filter(fits);
      const [room] = found.sort((one, other) => rank(other, order) - rank(one, order));
      if (room !== undefined) return room;
      const planned = this.#plans
        .get(bucket)
        ?.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, CANDIDATES_MAX);
      const plan = this.#roomsOf(planned ?? []).find(fits);
      if (plan !== undefined) return plan;
    }
    return null;
  }

  /** How many entries there are in all, for tests of what is left behind. */
  get size(): number {
    return this.#full.size + this.#age.size + this.#plans.size + this.#ranges.size;
  }

  #best(bucket: string, order: RoomOrder): string | undefined {
    if (order === "fullest") return this.#full.get(bucket)?.last();
    const byAge = this.#age.get(bucket);
    return order === "newest" ? byAge?.last() : byAge?.first();
  }

  #roomsOf(ids: readonly (string | undefined)[]): Room[] {
    return ids.flatMap((id) => this.#rooms.get(id ?? "") ?? []);
  }
}

/** Whether the room has a seat beside its players and those who are on their way. */
export function hasSeat({ listing, seats, claims }: Indexed): boolean {
  return (listing?.clients ?? 0) + claims.size < (listing?.maxClients ?? seats);
}

function isOpen(room: Indexed): boolean {
  return room.listing?.locked !== true && room.listing?.private !== true && hasSeat(room);
}

function rank({ listing, claims, made }: Indexed, order: RoomOrder): number {
  if (order === "fullest") return (listing?.clients ?? 0) + claims.size;
  return order === "newest" ? made : -made;
}

function enter(sorted: Map<string, SortedIndex>, place: string, id: string, score: number): void {
  const index = sorted.get(place) ?? new SortedIndex();
  sorted.set(place, index);
  index.set(id, score);
}

/** An index that is empty is not kept: a filter may have any number of values. */
function leave(sorted: Map<string, SortedIndex>, place: string, id: string): void {
  const index = sorted.get(place);
  index?.delete(id);
  if (index?.size === 0) sorted.delete(place);
}
