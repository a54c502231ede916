import type { Directory, Listing, RoomPlan, Wanted } from "../cluster/directory/directory.ts";

let rooms = 0;
let names = 0;
let claims = 0;
export const aClaim = () => `claim-${claims++}`;

/** A name of its own, with two filters and a range. */
export function aName(directory: Directory, wider?: readonly (readonly string[])[]): string {
  const name = `name-${names++}`;
  directory.index(name, { filters: ["lane", "mode"], ranges: ["level"], ...(wider !== undefined && { wider }) });
  return name;
}

export function aListing(name: string, more: Partial<Listing> = {}): Listing {
  return {
    name,
    roomId: `room-${rooms++}`,
    processId: "pid-1",
    clients: 0,
    maxClients: 4,
    locked: false,
    private: false,
    unlisted: false,
    metadata: { lane: "a", mode: "ffa" },
    createdAt: new Date(1_790_000_000_000 + rooms),
    ...more,
  };
}

export const aPlan = (more: Partial<RoomPlan> = {}): RoomPlan => ({
  roomId: `room-${rooms++}`,
  processId: "pid-1",
  seats: 4,
  ...more,
});

export const aWish = (name: string, more: Partial<Wanted> = {}): Wanted => ({
  name,
  filters: { lane: "a", mode: "ffa" },
  ...more,
});

/** Who is found, or what is said instead. */
export async function takenFrom(directory: Directory, wanted: Wanted, claim = aClaim()): Promise<string> {
  const taken = await directory.take(wanted, { claim });
  return taken.state === "found" ? taken.listing.roomId : taken.state;
}
