import type { Directory, Listing } from "../../cluster/directory/directory.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { FilterValue, RoomKind } from "./matchmaking.ts";

/** What anybody may know of a room. */
export interface PublicRoom {
  readonly roomId: string;
  readonly players: number;
  /** Null for a room that takes any number. */
  readonly seats: number | null;
  /** Whether somebody who comes now would find a seat. */
  readonly isOpen: boolean;
  /** Milliseconds since 1970, UTC. */
  readonly createdMs: number;
  /** Of the room's metadata, what its line in the table of rooms shows. */
  readonly metadata: Readonly<Record<string, FilterValue>>;
}

/** One step of the list of a name's rooms, as far as they are seen. */
export interface RoomsChange {
  /** All there are: what was known before is gone unless it is here. */
  readonly isWhole: boolean;
  readonly changed: readonly PublicRoom[];
  readonly removed: readonly string[];
}

/** Which rooms somebody wants to see: by equal metadata, written as text. */
export type Sight = Readonly<Record<string, string>>;

/** A name's rooms as this process knows them. */
export interface Board {
  /** Fails with UNAVAILABLE while it is not known yet what rooms there are. */
  rooms(sight: Sight): Promise<readonly PublicRoom[]>;
  /** First all and then what changes. Whoever sees the same is told with the same object. Returns a function that ends it. */
  follow(sight: Sight, tell: (change: RoomsChange) => void): () => void;
}

export interface PublicRooms {
  /** Fails with ROOM_NOT_FOUND for a name that has no list, and ROOM_OPTIONS_INVALID for a field that it does not show. */
  board(name: string, sight: Sight): Board;
  stop(): void;
}

interface PublicRoomsParts {
  readonly kinds: ReadonlyMap<string, RoomKind>;
  readonly directory: Pick<Directory, "watch">;
  readonly clock: Pick<Clock, "after">;
}

const READ_MS_MAX = 1000;
/** A field of metadata that is longer is no label but a load. */
const FIELD_CHARS_MAX = 64;

/**
 * The lists of rooms. A process reads a name's rooms once, the first time that anybody asks, and hears of changes from
 * then on, so that neither a request nor a follower costs the directory anything.
 */
export function createPublicRooms({ kinds, directory, clock }: PublicRoomsParts): PublicRooms {
  const boards = new Map<string, LiveBoard>();
  return {
    board(name, sight) {
      const shows = kinds.get(name)?.lobby ?? null;
      if (shows === null) throw new AppError("ROOM_NOT_FOUND");
      const unknown = Object.keys(sight).filter((field) => !shows.includes(field));
      if (unknown.length > 0) throw new AppError("ROOM_OPTIONS_INVALID", { problems: unknown });
      const board = boards.get(name) ?? new LiveBoard(name, shows, { directory, clock });
      boards.set(name, board);
      return board;
    },
    stop() {
      for (const board of boards.values()) board.stop();
    },
  };
}

interface Follower {
  readonly sight: Sight;
  readonly tell: (change: RoomsChange) => void;
}

class LiveBoard implements Board {
  readonly stop: () => void;
  readonly #clock: Pick<Clock, "after">;
  readonly #rooms = new Map<string, PublicRoom>();
  readonly #followers = new Set<Follower>();
  readonly #waiting = new Set<() => void>();
  #isRead = false;

  constructor(name: string, shows: readonly string[], { directory, clock }: Omit<PublicRoomsParts, "kinds">) {
    this.#clock = clock;
    this.stop = directory.watch(name, ({ isWhole, changed, removed }) => {
      const rooms = changed.map((listing) => shown(listing, shows));
      const kept = new Set(rooms.map(({ roomId }) => roomId));
      const gone = isWhole ? [...this.#rooms.keys()].filter((roomId) => !kept.has(roomId)) : removed;
      this.#apply(rooms, gone);
    });
  }

  async rooms(sight: Sight): Promise<readonly PublicRoom[]> {
    if (!this.#isRead) await this.#untilRead();
    return [...this.#rooms.values()].filter((room) => isSeen(room, sight));
  }

  follow(sight: Sight, tell: (change: RoomsChange) => void): () => void {
    const follower = { sight, tell };
    this.#followers.add(follower);
    if (this.#isRead) tell(this.#whole(sight));
    return () => void this.#followers.delete(follower);
  }

  #untilRead(): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(READ_MS_MAX, () => {
        this.#waiting.delete(done);
        reject(new AppError("UNAVAILABLE", { reason: "rooms", retryAfterSeconds: 1 }));
      });
      const done = () => {
        cancel();
        resolve();
      };
      this.#waiting.add(done);
    });
  }

  #whole(sight: Sight): RoomsChange {
    return { isWhole: true, changed: [...this.#rooms.values()].filter((room) => isSeen(room, sight)), removed: [] };
  }

  /** Those who see the same share what they are told, so that it is sorted out, and written, once for all of them. */
  #apply(rooms: readonly PublicRoom[], gone: readonly string[]): void {
    const before = new Map([...rooms.map(({ roomId }) => roomId), ...gone].map((id) => [id, this.#rooms.get(id)]));
    const changed = rooms.filter((room) => !isSame(room, before.get(room.roomId)));
    for (const room of changed) this.#rooms.set(room.roomId, room);
    const removed = gone.filter((roomId) => this.#rooms.delete(roomId));
    if (!this.#isRead) {
      this.#isRead = true;
      for (const done of this.#waiting) done();
      this.#waiting.clear();
      for (const { sight, tell } of this.#followers) tell(this.#whole(sight));
      return;
    }
    if (changed.length + removed.length === 0) return;
    const bySight = Map.groupBy(this.#followers, ({ sight }) => JSON.stringify(sight));
    for (const followers of bySight.values()) {
      const change = seenChange({ changed, removed, before }, followers[0]?.sight ?? {});
      if (change.changed.length + change.removed.length === 0) continue;
      for (const { tell } of followers) tell(change);
    }
  }
}

interface Change {
  readonly changed: readonly PublicRoom[];
  readonly removed: readonly string[];
  /** What the rooms were like. */
  readonly before: ReadonlyMap<string, PublicRoom | undefined>;
}

/** A room that has changed out of somebody's sight is gone for them. */
function seenChange({ changed, removed, before }: Change, sight: Sight): RoomsChange {
  const wasSeen = (roomId: string) => {
    const room = before.get(roomId);
    return room !== undefined && isSeen(room, sight);
  };
  const hidden = changed.filter((room) => !isSeen(room, sight)).map(({ roomId }) => roomId);
  return {
    isWhole: false,
    changed: changed.filter((room) => isSeen(room, sight)),
    removed: [...removed, ...hidden].filter(wasSeen),
  };
}

function isSeen({ metadata }: PublicRoom, sight: Sight): boolean {
  return Object.entries(sight).every(
    ([field, text]) => Object.hasOwn(metadata, field) && String(metadata[field]) === text,
  );
}

function isSame(one: PublicRoom, other: PublicRoom | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Field by field, so that nothing is shown that nobody has thought of. */
function shown(
  { roomId, clients, maxClients, locked, createdAt, metadata }: Listing,
  shows: readonly string[],
): PublicRoom {
  const data = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  const fields = shows.flatMap((field) => (isLabel(data[field]) ? [[field, data[field]] as const] : []));
  return {
    roomId,
    players: clients,
    seats: Number.isFinite(maxClients) ? maxClients : null,
    isOpen: locked !== true && clients < maxClients,
    createdMs: createdAt?.getTime() ?? 0,
    metadata: Object.fromEntries(fields),
  };
}

function isLabel(value: unknown): value is FilterValue {
  if (typeof value === "string") return value.length <= FIELD_CHARS_MAX;
  return typeof value === "boolean" || Number.isFinite(value);
}
