import type { Listing, RoomIndex, RoomPlan, Wanted } from "./directory.ts";

/** Where a room is entered so that it is found. */
export interface Entries {
  /** One for all filters, and one for each set of them that may be left out. */
  readonly buckets: readonly string[];
  /** The range's place and the room's number in it, for each bucket. */
  readonly ranges: readonly (readonly [place: string, value: number])[];
  readonly values: Readonly<Record<string, number>>;
}

/** Where to look, the strictest first. */
export interface Places {
  readonly bucket: string;
  /** That of the first range; empty without one. */
  readonly range: string;
}

const NO_INDEX: RoomIndex = { filters: [], ranges: [] };
const NOWHERE: Entries = { buckets: [], ranges: [], values: {} };

/** Indexes by room name. */
export class RoomIndexes {
  readonly #byName = new Map<string, RoomIndex>();

  set(name: string, { filters, ranges, wider = [] }: RoomIndex): void {
    // In one order on every process, whatever order a table of rooms has them in.
    const sorted = { filters: filters.toSorted(), ranges: ranges.toSorted() };
    this.#byName.set(name, { ...sorted, wider: wider.map((names) => names.toSorted()) });
  }

  entriesOf({ name, metadata }: Pick<Listing, "name" | "metadata">): Entries {
    const { filters, ranges, wider = [] } = this.#byName.get(name) ?? NO_INDEX;
    const data = (metadata ?? {}) as Readonly<Record<string, unknown>>;
    if (filters.some((filter) => !isValue(data[filter]))) return NOWHERE;
    const buckets = [[], ...wider].map((without) => bucketOf(name, filters, without, data));
    const values = Object.fromEntries(
      ranges.flatMap((field) => (Number.isFinite(data[field]) ? [[field, Number(data[field])]] : [])),
    );
    const places = buckets.flatMap((bucket) =>
      Object.entries(values).map(([field, value]) => [rangeOf(bucket, field), value] as const),
    );
    return { buckets, ranges: places, values };
  }

  entriesOfPlan({ name, filters }: Wanted, { metadata }: RoomPlan): Entries {
    return this.entriesOf({ name, metadata: { ...metadata, ...filters } });
  }

  placesOf({ name, filters, ranges = {}, without = [] }: Wanted): Places[] {
    const index = this.#byName.get(name) ?? NO_INDEX;
    const [range] = Object.keys(ranges);
    return [[], ...without].map((left) => {
      const bucket = bucketOf(name, index.filters, left.toSorted(), filters);
      return { bucket, range: range === undefined ? "" : rangeOf(bucket, range) };
    });
  }
}

/** JSON is read in one way only, so no name or value makes the key of another. */
function bucketOf(
  name: string,
  filters: readonly string[],
  without: readonly string[],
  values: Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify([name, without, filters.map((filter) => (without.includes(filter) ? null : values[filter]))]);
}

function rangeOf(bucket: string, field: string): string {
  return JSON.stringify([bucket, field]);
}

function isValue(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}
