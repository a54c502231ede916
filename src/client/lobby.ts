import { ClientError, networkError } from "./errors.ts";
import type { Http } from "./http.ts";
import { createListeners } from "./listeners.ts";
import type { RandomFraction } from "./random.ts";
import { nextRedialMs, REDIAL_MS_MIN } from "./reconnect.ts";

/** A room as the lobby shows it; `joinById` takes its id. */
export interface LobbyRoom {
  readonly roomId: string;
  readonly players: number;
  /** Null for a room that takes any number. */
  readonly seats: number | null;
  /** Whether somebody who comes now would find a seat. */
  readonly isOpen: boolean;
  /** Milliseconds since 1970, UTC. */
  readonly createdMs: number;
  /** What the game shows of its rooms. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

/** As the server tells it: all rooms first, and then what changes. */
interface Told {
  readonly isWhole: boolean;
  readonly changed: readonly LobbyRoom[];
  readonly removed: readonly string[];
}

interface LobbyParts {
  readonly http: Http;
  readonly random: RandomFraction;
}

/** The server says something every ten seconds; one that is silent for longer than this is not there any more. */
const SILENCE_MS_MAX = 25_000;

/**
 * The rooms of a name, live: at most 500. It comes back by itself when the connection breaks, and tells then only what has
 * changed meanwhile. A refusal that will not pass ends it and is told by `onError`.
 */
export class Lobby {
  readonly #rooms = new Map<string, LobbyRoom>();
  readonly #adds = createListeners<LobbyRoom>();
  readonly #changes = createListeners<LobbyRoom>();
  readonly #removes = createListeners<LobbyRoom>();
  readonly #errors = createListeners<ClientError>();
  readonly #closing = new AbortController();

  constructor(parts: LobbyParts, room: string, filters: Readonly<Record<string, string | number | boolean>>) {
    const query = new URLSearchParams(Object.entries(filters).map(([name, value]) => [name, String(value)]));
    const path = `/api/rooms/${encodeURIComponent(room)}/feed${query.size === 0 ? "" : `?${query}`}`;
    void this.#follow(path, parts);
  }

  /** What is known now, by room id. */
  get rooms(): ReadonlyMap<string, LobbyRoom> {
    return this.#rooms;
  }

  /** Hears of rooms that are new, and first of those that are known already. Like the others it returns what stops it. */
  onAdd(listener: (room: LobbyRoom) => void): () => void {
    for (const room of this.#rooms.values()) listener(room);
    return this.#adds.add(listener);
  }

  onChange(listener: (room: LobbyRoom) => void): () => void {
    return this.#changes.add(listener);
  }

  /** Hears of rooms that are gone, or fit the filters no more, as they were last. */
  onRemove(listener: (room: LobbyRoom) => void): () => void {
    return this.#removes.add(listener);
  }

  onError(listener: (error: ClientError) => void): () => void {
    return this.#errors.add(listener);
  }

  close(): void {
    this.#closing.abort();
  }

  async #follow(path: string, { http, random }: LobbyParts): Promise<void> {
    const { signal } = this.#closing;
    let waitMs = REDIAL_MS_MIN;
    while (!signal.aborted) {
      try {
        await this.#read(path, http, () => {
          waitMs = REDIAL_MS_MIN;
        });
      } catch (thrown) {
        const error = thrown instanceof ClientError ? thrown : networkError("The lobby's connection broke.", thrown);
        if (signal.aborted) return;
        if (!mayPass(error)) {
          this.#closing.abort();
          return this.#errors.tell(error);
        }
        waitMs = Math.max(waitMs, (error.retryAfterSeconds ?? 0) * 1000);
      }
      waitMs = nextRedialMs(waitMs, random);
      await pause(waitMs, signal);
    }
  }

  /** Until the stream ends, breaks or falls silent. */
  async #read(path: string, http: Http, onHeard: () => void): Promise<void> {
    const silence = new AbortController();
    const hush = () => silence.abort();
    let timer = setTimeout(hush, SILENCE_MS_MAX);
    try {
      const stream = await http.stream(path, AbortSignal.any([this.#closing.signal, silence.signal]));
      let text = "";
      const decoder = new TextDecoder();
      for await (const piece of chunksOf(stream)) {
        clearTimeout(timer);
        timer = setTimeout(hush, SILENCE_MS_MAX);
        onHeard();
        text += decoder.decode(piece, { stream: true });
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) if (event.startsWith("data: ")) this.#hear(JSON.parse(event.slice(6)) as Told);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #hear({ isWhole, changed, removed }: Told): void {
    const kept = new Set(changed.map(({ roomId }) => roomId));
    const gone = isWhole ? [...this.#rooms.keys()].filter((roomId) => !kept.has(roomId)) : removed;
    for (const roomId of gone) {
      const room = this.#rooms.get(roomId);
      this.#rooms.delete(roomId);
      if (room !== undefined) this.#removes.tell(room);
    }
    for (const room of changed) {
      const before = this.#rooms.get(room.roomId);
      this.#rooms.set(room.roomId, room);
      if (before === undefined) this.#adds.tell(room);
      else if (JSON.stringify(before) !== JSON.stringify(room)) this.#changes.tell(room);
    }
  }
}

/** A server that is away or busy comes back; one that knows no such list will not. */
function mayPass({ code, status }: ClientError): boolean {
  return code === "NETWORK" || code === "RATE_LIMITED" || status === 503;
}

/** Safari cannot read a stream by `for await` itself. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
