import type { SortOptions } from "@colyseus/core";
import type { Listing } from "./directory.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * The listings that have all of these values, sorted: as the engine's drivers do it. A field of the listing's own goes
 * before one of its metadata, values have to be the same and of the same type, and a field that is in neither fits nobody.
 */
export function queryListings(listings: Iterable<Listing>, conditions: object, sort: SortOptions = {}): Listing[] {
  const wanted = Object.entries(conditions);
  const found = [...listings].filter((listing) =>
    wanted.every(([field, value]) => {
      const holder = holderOf(listing, field);
      return holder !== null && holder[field] === value;
    }),
  );
  const orders = Object.entries(sort);
  if (orders.length === 0) return found;
  return found.sort((one, other) => {
    for (const [field, direction] of orders) {
      const difference = compare(holderOf(one, field)?.[field], holderOf(other, field)?.[field]);
      if (difference !== 0) return [1, "asc", "ascending"].includes(direction) ? difference : -difference;
    }
    return 0;
  });
}

function holderOf(listing: Listing, field: string): Fields | null {
  if (Object.hasOwn(listing, field)) return listing as unknown as Fields;
  const metadata: unknown = listing.metadata;
  if (typeof metadata !== "object" || metadata === null || !Object.hasOwn(metadata, field)) return null;
  return metadata as Fields;
}

function compare(one: unknown, other: unknown): number {
  if ((one as number) > (other as number)) return 1;
  return (one as number) < (other as number) ? -1 : 0;
}

/** What the engine asks a driver to do to a listing: it is one object, which the room holds, too. */
export function applyChanges(
  room: Listing,
  { $set = {}, $inc = {} }: { readonly $set?: Partial<Listing>; readonly $inc?: Partial<Listing> },
): void {
  Object.assign(room, $set);
  const numbers = room as unknown as Record<string, number>;
  for (const [field, by] of Object.entries($inc)) numbers[field] = (numbers[field] ?? 0) + Number(by);
}

/** JSON has no infinity. */
export function encodeListing(room: Listing): string {
  return JSON.stringify({ ...room, maxClients: Number.isFinite(room.maxClients) ? room.maxClients : null });
}

export function decodeListing(text: string): Listing {
  const { maxClients, createdAt, ...row } = JSON.parse(text) as Omit<Listing, "createdAt"> & { createdAt?: string };
  return {
    ...row,
    maxClients: maxClients ?? Number.POSITIVE_INFINITY,
    ...(createdAt !== undefined && { createdAt: new Date(createdAt) }),
  };
}
