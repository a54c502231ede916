import { z } from "zod";
import type { Directory, Listing, Wanted } from "../../cluster/directory/directory.ts";
import { type Entries, RoomIndexes } from "../../cluster/directory/listing-index.ts";
import {
  indexOf,
  kindOf,
  type Matchmaking,
  type RoomKind,
  wantedAt,
  widest,
} from "../../realtime/matchmaking/matchmaking.ts";

export const REGION = "sim";
export const LANES = ["a", "b"];
export const LEVELS = [1, 2, 3, 4, 5, 6];

const lane = z.enum(LANES).default("a");
const byLane: Matchmaking = { filters: () => z.strictObject({ lane }) };
/** Others of about the same level will do, and after a while any lane where the own has no seat. */
const byLevel: Matchmaking = {
  filters: () => z.strictObject({ lane, level: z.int().min(1).max(6).default(1) }),
  near: { level: 1 },
  wider: [{ afterSeconds: 1, without: ["lane"] }],
};
const declared = { duel: [byLane, 2], team: [byLane, 4], ladder: [byLevel, 3], probe: [byLane, 2] } as const;

/** Which seats there are in a run, and by what they are found. */
export const KINDS: ReadonlyMap<string, RoomKind> = new Map(
  Object.entries(declared).map(([name, [line, seats]]) => [name, kindOf(name, line, { region: REGION, seats })]),
);

export function indexRooms(directory: Pick<Directory, "index">): void {
  for (const [name, kind] of KINDS) directory.index(name, indexOf(kind));
}

const indexes = new RoomIndexes();
indexRooms({ index: (name, index) => void indexes.set(name, index) });

/** What a player asks for: a lane, and on the ladder a level. */
export interface Wish {
  readonly name: string;
  readonly filters: { readonly lane: string; readonly level?: number };
}

export function aWish(name: string, lane: string, level: number): Wish {
  return { name, filters: { lane, ...(name === "ladder" && { level }) } };
}

/** Wishes that find every room there can be. */
export function allWishes(): Wish[] {
  const levelsOf = (name: string) => (name === "ladder" ? [2, 5] : [1]);
  return [...KINDS.keys()].flatMap((name) =>
    LANES.flatMap((lane) => levelsOf(name).map((level) => aWish(name, lane, level))),
  );
}

/** For how long somebody with this wish waits for a better room than there is. */
export function patienceMs({ name }: Wish): number {
  const kind = KINDS.get(name);
  return kind === undefined ? 0 : widest(kind).afterMs;
}

/** As picky as somebody who has waited long enough. */
export function widened({ name, filters }: Wish): Wanted {
  const kind = KINDS.get(name);
  if (kind === undefined) throw new Error(`there are no rooms by the name ${name}`);
  return wantedAt(kind, widest(kind), filters);
}

export function entriesOf(listing: Pick<Listing, "name" | "metadata">): Entries {
  return indexes.entriesOf(listing);
}

/** Whether whoever looks in these places within these bounds finds what is entered so. */
export function isFound(entries: Entries, places: readonly { bucket: string }[], bounds: Bounds): boolean {
  const isThere = places.some(({ bucket }) => entries.buckets.includes(bucket));
  return isThere && bounds.every(([field, least, most]) => isWithin(entries.values[field], least, most));
}

/** As the directory's script is given them. */
export type Bounds = readonly (readonly [field: string, least: number, most: number])[];

export function isWanted(listing: Listing, wish: Wish): boolean {
  const wanted = widened(wish);
  const bounds = Object.entries(wanted.ranges ?? {}).map(([field, [least, most]]) => [field, least, most] as const);
  return isFound(entriesOf(listing), indexes.placesOf(wanted), bounds);
}

function isWithin(value: number | undefined, least: number, most: number): boolean {
  return value !== undefined && value >= least && value <= most;
}
