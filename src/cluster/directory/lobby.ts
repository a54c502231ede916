import type { Clock } from "../../platform/clock.ts";
import { type Listing, LOBBY_MS, LOBBY_ROOMS_MAX, type LobbyChange } from "./directory.ts";

/** One change to the rooms of a name. Versions of a name follow each other without a gap. */
export interface LobbyDelta {
  readonly version: number;
  readonly roomId: string;
  /** Null for a room that is gone, or may not be shown any more. */
  readonly listing: Listing | null;
}

/** Where lobbies have their rooms from. */
export interface LobbySource {
  /** Tells changes from now on, and whenever some may have gone unheard. Returns a function that ends it. */
  listen(name: string, on: { delta(delta: LobbyDelta): void; gap(): void }): () => void;
  /** Every change up to the version is in it; later ones may be. */
  snapshot(name: string): Promise<{ readonly version: number; readonly listings: readonly Listing[] }>;
}

type Listener = (change: LobbyChange) => void;

const RETRY_MS = 1000;
/** More changes than these while the rooms are read are not kept, and the rooms are read again. */
const BUFFER_MAX = 5000;

/** One feed for each name that somebody watches, however many they are. */
export function createLobbies({ source, clock }: { source: LobbySource; clock: Pick<Clock, "after"> }) {
  const lobbies = new Map<string, Lobby>();
  return {
    watch(name: string, listener: Listener): () => void {
      const lobby = lobbies.get(name) ?? new Lobby(name, source, clock);
      lobbies.set(name, lobby);
      lobby.add(listener);
      return () => {
        if (lobby.remove(listener) > 0 || lobbies.get(name) !== lobby) return;
        lobby.stop();
        lobbies.delete(name);
      };
    },
    stop() {
      for (const lobby of lobbies.values()) lobby.stop();
      lobbies.clear();
    },
  };
}

class Lobby {
  readonly #name: string;
  readonly #source: LobbySource;
  readonly #clock: Pick<Clock, "after">;
  readonly #listeners = new Set<Listener>();
  readonly #shown = new Map<string, Listing>();
  readonly #stopListening: () => void;
  /** What has changed since listeners were told. */
  #pending = new Map<string, Listing | null>();
  /** What is heard while the rooms are read; null when they are not. */
  #buffer: LobbyDelta[] | null = null;
  #version = 0;
  #isRead = false;
  /** Changes went unheard while the rooms were read. */
  #isBehind = false;
  #isStopped = false;
  #cancel = () => {};

  constructor(name: string, source: LobbySource, clock: Pick<Clock, "after">) {
    this.#name = name;
    this.#source = source;
    this.#clock = clock;
    this.#stopListening = source.listen(name, {
      delta: (delta) => this.#hear(delta),
      gap: () => void this.#read(),
    });
    void this.#read();
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
    if (this.#isRead) listener(this.#whole());
  }

  /** How many are left. */
  remove(listener: Listener): number {
    this.#listeners.delete(listener);
    return this.#listeners.size;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#stopListening();
  }

  async #read(): Promise<void> {
    if (this.#isStopped) return;
    if (this.#buffer !== null) {
      // What went unheard may be missing from what is read at this moment.
      this.#isBehind = true;
      return;
    }
    try {
      let snapshot: Awaited<ReturnType<LobbySource["snapshot"]>>;
      do {
        this.#buffer = [];
        this.#isBehind = false;
        snapshot = await this.#source.snapshot(this.#name);
      } while (this.#isBehind);
      const { version, listings } = snapshot;
      const heard = this.#buffer;
      this.#buffer = null;
      this.#version = version;
      this.#pending.clear();
      this.#shown.clear();
      for (const listing of listings.slice(0, LOBBY_ROOMS_MAX)) this.#shown.set(listing.roomId, listing);
      this.#isRead = true;
      this.#tell(this.#whole());
      for (const delta of heard) this.#hear(delta);
    } catch {
      this.#buffer = null;
      if (!this.#isStopped) this.#clock.after(RETRY_MS, () => void this.#read());
    }
  }

  #hear(delta: LobbyDelta): void {
    if (this.#buffer !== null) {
      if (this.#buffer.length < BUFFER_MAX) this.#buffer.push(delta);
      return;
    }
    if (delta.version <= this.#version) return;
    if (delta.version > this.#version + 1) {
      void this.#read();
      return;
    }
    this.#version = delta.version;
    if (this.#pending.size === 0) this.#cancel = this.#clock.after(LOBBY_MS, () => this.#flush());
    this.#pending.set(delta.roomId, delta.listing);
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = new Map();
    const changed: Listing[] = [];
    const removed: string[] = [];
    for (const [roomId, listing] of pending) {
      if (listing === null) {
        if (this.#shown.delete(roomId)) removed.push(roomId);
      } else if (this.#shown.has(roomId) || this.#shown.size < LOBBY_ROOMS_MAX) {
        this.#shown.set(roomId, listing);
        changed.push(listing);
      }
    }
    if (changed.length + removed.length > 0) this.#tell({ isWhole: false, changed, removed });
  }

  #whole(): LobbyChange {
    return { isWhole: true, changed: [...this.#shown.values()], removed: [] };
  }

  #tell(change: LobbyChange): void {
    if (this.#isStopped) return;
    for (const listener of this.#listeners) listener(change);
  }
}
