import type { SortOptions } from "@colyseus/core";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import {
  CLAIM_MS,
  type Claim,
  type Directory,
  type Listing,
  type LobbyChange,
  MAKE_MS,
  type RoomIndex,
  type RoomPlan,
  type Taken,
  type TakenById,
  type Wanted,
} from "./directory.ts";
import { type Entries, RoomIndexes } from "./listing-index.ts";
import { applyChanges, queryListings } from "./listing-query.ts";
import { createLobbies, type LobbyDelta } from "./lobby.ts";
import { hasSeat, type Indexed, MemoryIndex } from "./memory-index.ts";

interface Entry extends Indexed {
  readonly name: string;
  listing: Listing | null;
  entries: Entries;
  /** Open claims, with what keeps them from lapsing. */
  readonly claims: Map<string, () => void>;
  /** Those who wait for the room to be made. */
  readonly waiting: Set<(listing: Listing | null) => void>;
  stopMaking: () => void;
}

/** The directory of a process that is alone: the same indexes as in Redis, and an owner that is always alive. */
export function createMemoryDirectory({ clock }: { clock: Clock }): Directory {
  return new MemoryDirectory(clock);
}

class MemoryDirectory implements Directory {
  readonly #clock: Clock;
  readonly #indexes = new RoomIndexes();
  readonly #rooms = new Map<string, Entry>();
  readonly #index = new MemoryIndex<Entry>(this.#rooms);
  readonly #lobbies: ReturnType<typeof createLobbies>;
  readonly #lobbyListeners = new Map<string, (delta: LobbyDelta) => void>();
  readonly #versions = new Map<string, number>();
  #made = 0;
  #settling: Claim | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    const source = {
      listen: (name: string, on: { delta(delta: LobbyDelta): void }) => {
        this.#lobbyListeners.set(name, on.delta);
        return () => void this.#lobbyListeners.delete(name);
      },
      snapshot: async (name: string) => ({
        version: this.#versions.get(name) ?? 0,
        listings: this.query({ name, private: false, unlisted: false }).map((listing) => ({ ...listing })),
      }),
    };
    this.#lobbies = createLobbies({ source, clock });
  }

  index(name: string, index: RoomIndex): void {
    this.#indexes.set(name, index);
  }

  has(roomId: string): boolean {
    return this.#listing(roomId) !== undefined;
  }

  query(conditions: object, sort?: SortOptions): Listing[] {
    const { roomId } = conditions as Partial<Listing>;
    return queryListings(this.#listings(roomId), conditions, sort);
  }

  async findOne(conditions: object, sort?: SortOptions): Promise<Listing> {
    return this.query(conditions, sort)[0] as Listing;
  }

  async findByIds(roomIds: string[]): Promise<Map<string, Listing>> {
    const found = roomIds.map((roomId) => this.#listing(roomId));
    return new Map(found.flatMap((listing) => (listing === undefined ? [] : [[listing.roomId, listing] as const])));
  }

  async insert(room: Listing): Promise<boolean> {
    const planned = this.#rooms.get(room.roomId);
    if (planned !== undefined && planned.listing !== null) return false;
    this.#write(room, planned);
    return true;
  }

  persist(room: Listing, create = false): boolean {
    const known = this.#rooms.get(room.roomId);
    if (!room.roomId || (known?.listing !== room && !create)) return false;
    this.#write(room, known);
    return true;
  }

  update(room: Listing, operations: { $set?: Partial<Listing>; $inc?: Partial<Listing> }): boolean {
    applyChanges(room, operations);
    const entry = this.#rooms.get(room.roomId);
    if (entry?.listing !== room) return false;
    if (this.#settling?.roomId === room.roomId) this.#endClaim(entry, this.#settling.claim);
    this.#write(room, entry);
    return true;
  }

  remove(roomId: string): boolean {
    const entry = this.#rooms.get(roomId);
    if (entry === undefined) return false;
    this.#drop(entry);
    return entry.listing !== null;
  }

  async cleanup(processId: string): Promise<void> {
    for (const { roomId } of this.query({ processId })) this.remove(roomId);
  }

  clear(): void {
    for (const entry of [...this.#rooms.values()]) this.#drop(entry);
  }

  shutdown(): void {
    this.clear();
    this.#lobbies.stop();
  }

  async take(wanted: Wanted, { claim, plan = null }: { claim: string; plan?: RoomPlan | null }): Promise<Taken> {
    const deadlineMs = this.#clock.monotonicMs() + MAKE_MS;
    do {
      const entry = this.#index.find(wanted, this.#indexes.placesOf(wanted));
      if (entry === null) {
        if (plan === null) return { state: "none" };
        this.#enter(wanted, plan, claim);
        return { state: "planned" };
      }
      this.#claim(entry, claim);
      if (entry.listing !== null) return { state: "found", listing: entry.listing };
      const listing = await new Promise<Listing | null>((settle) => entry.waiting.add(settle));
      if (listing !== null && !listing.private && !listing.locked) return { state: "found", listing };
      this.#endClaim(entry, claim);
    } while (this.#clock.monotonicMs() < deadlineMs);
    throw new AppError("UNAVAILABLE", { reason: "rooms", retryAfterSeconds: 1 });
  }

  async takeIn({ roomId, claim }: Claim): Promise<TakenById> {
    const entry = this.#rooms.get(roomId);
    if (entry === undefined || entry.listing === null) return { state: "absent" };
    if (!hasSeat(entry)) return { state: "full" };
    if (entry.listing.locked === true) return { state: "locked" };
    this.#claim(entry, claim);
    return { state: "found", listing: entry.listing };
  }

  settle<T>(claim: Claim, reserve: () => T): T {
    this.#settling = claim;
    try {
      return reserve();
    } finally {
      this.#settling = null;
    }
  }

  async giveBack({ roomId, claim }: Claim): Promise<void> {
    const entry = this.#rooms.get(roomId);
    if (entry !== undefined) this.#endClaim(entry, claim);
  }

  async failed(roomId: string): Promise<void> {
    const entry = this.#rooms.get(roomId);
    if (entry !== undefined && entry.listing === null) this.#drop(entry);
  }

  async ownerOf(roomId: string): Promise<string | null> {
    return this.#listing(roomId)?.processId ?? null;
  }

  epochOf(roomId: string): number | null {
    return this.has(roomId) ? 1 : null;
  }

  /** Nobody's room is without its owner while there is anybody to ask. */
  async adopt(): Promise<null> {
    return null;
  }

  onFenced(): () => void {
    return () => {};
  }

  watch(name: string, listener: (change: LobbyChange) => void): () => void {
    return this.#lobbies.watch(name, listener);
  }

  #listing(roomId: string): Listing | undefined {
    return this.#rooms.get(roomId)?.listing ?? undefined;
  }

  #listings(roomId: string | undefined): Listing[] {
    const entries = roomId === undefined ? [...this.#rooms.values()] : [this.#rooms.get(roomId)];
    return entries.flatMap((entry) => (entry?.listing ? [entry.listing] : []));
  }

  #write(room: Listing, known: Entry | undefined): void {
    const entry = known ?? this.#anEntry(room.roomId, room.name, { seats: 0, entries: this.#indexes.entriesOf(room) });
    const isNew = entry.listing !== room;
    this.#index.takeOut(entry);
    entry.listing = room;
    entry.entries = this.#indexes.entriesOf(room);
    this.#rooms.set(room.roomId, entry);
    this.#index.place(entry);
    this.#tell(entry);
    if (!isNew) return;
    entry.stopMaking();
    // Those who waited for it have as long as anybody else from now on.
    for (const claim of [...entry.claims.keys()]) this.#holdClaim(entry, claim, CLAIM_MS);
    for (const settle of entry.waiting) settle(room);
    entry.waiting.clear();
  }

  #enter(wanted: Wanted, plan: RoomPlan, claim: string): void {
    const { roomId, seats } = plan;
    const entries = this.#indexes.entriesOfPlan(wanted, plan);
    const entry = this.#anEntry(roomId, wanted.name, { seats, entries });
    entry.stopMaking = this.#clock.after(MAKE_MS, () => void this.failed(roomId));
    this.#rooms.set(roomId, entry);
    this.#claim(entry, claim);
  }

  #anEntry(roomId: string, name: string, planned: Pick<Entry, "seats" | "entries">): Entry {
    const made = this.#made++;
    return { roomId, name, made, ...planned, listing: null, claims: new Map(), waiting: new Set(), stopMaking() {} };
  }

  #drop(entry: Entry): void {
    this.#index.takeOut(entry);
    this.#rooms.delete(entry.roomId);
    entry.stopMaking();
    for (const cancel of entry.claims.values()) cancel();
    entry.claims.clear();
    for (const settle of entry.waiting) settle(null);
    this.#tell(entry);
  }

  #claim(entry: Entry, claim: string): void {
    this.#holdClaim(entry, claim, entry.listing === null ? MAKE_MS + CLAIM_MS : CLAIM_MS);
    this.#index.place(entry);
  }

  #holdClaim(entry: Entry, claim: string, forMs: number): void {
    entry.claims.get(claim)?.();
    const cancel = this.#clock.after(forMs, () => this.#endClaim(entry, claim));
    entry.claims.set(claim, cancel);
  }

  #endClaim(entry: Entry, claim: string): void {
    entry.claims.get(claim)?.();
    if (entry.claims.delete(claim) && this.#rooms.get(entry.roomId) === entry) this.#index.place(entry);
  }

  /** Tells the lobbies what the room is like now. */
  #tell({ roomId, name, listing }: Entry): void {
    if (listing === null) return;
    const version = (this.#versions.get(name) ?? 0) + 1;
    this.#versions.set(name, version);
    const isShown = this.#rooms.has(roomId) && !listing.private && !listing.unlisted;
    this.#lobbyListeners.get(name)?.({ version, roomId, listing: isShown ? { ...listing } : null });
  }
}
