import type { Room } from "@colyseus/sdk";
import { closeCodes } from "../../schema/protocol.ts";
import { type ClientError, codedError, networkError, readRefusal } from "./errors.ts";
import { createListeners } from "./listeners.ts";

/** What a room says to whoever sits down. */
export interface Welcome {
  /** The player's number in this room; who it is in the state is found by it. */
  readonly slot: number;
  readonly tickHz: number;
  /** Steps from one patch to the next. */
  readonly patchEvery: number;
  readonly protocol: number;
  /** Of a private room. */
  readonly code?: string;
}

/** The name of the close code in `schema/protocol.ts`, or UNKNOWN for a code of the network or the engine. */
export type EndReason = keyof typeof closeCodes | "UNKNOWN";

export interface MatchEnd {
  /** WebSocket close code. */
  readonly code: number;
  readonly reason: EndReason;
}

/** A message of the room that nobody has asked for yet. */
export interface RoomMessage {
  readonly type: string | number;
  readonly payload: unknown;
}

/** Unheard messages are kept, up to this many, for whoever asks a moment after the join. */
const UNHEARD_MAX = 64;
/** How long the server may take to confirm a leave before the connection is closed without it. */
const LEAVE_MS_MAX = 2000;

/**
 * A seat in a room, from the join to the end, through any number of dropped connections. `State` is the room's Schema
 * class, used as a type. After a reconnect, and after a slow link has made the server merge what it sends, the state comes
 * whole: its instances live on but its collections are replaced. Read `match.state.players` each time and keep no
 * collection.
 */
export class Match<State extends object> {
  /** The engine's room, for what is not wrapped here. */
  readonly room: Room<unknown, State>;
  readonly #drops = createListeners<void>();
  readonly #backs = createListeners<void>();
  readonly #ends = createListeners<MatchEnd>();
  readonly #errors = createListeners<ClientError>();
  #unheard: RoomMessage[];
  #welcome: Welcome;
  #phase: "connected" | "away" | "resuming" | "leaving" | "ended" = "connected";
  #end: MatchEnd | undefined;
  #leaving: Promise<void> | undefined;

  /** For `join` and `rejoin` only: the room is joined, its first state and its welcome have come. */
  constructor(room: Room<unknown, State>, welcome: Welcome, unheard: RoomMessage[]) {
    this.room = room;
    this.#welcome = welcome;
    this.#unheard = unheard;
    room.onMessage("welcome", (again: Welcome) => {
      this.#welcome = again;
    });
    room.onMessage("*", (type: string | number, payload: unknown) => {
      keepUnheard(this.#unheard, { type, payload });
    });
    room.onMessage("error", (body: unknown) => this.#errors.tell(readRefusal({ body })));
    room.onDrop(() => this.#goAway());
    room.onReconnect(() => this.#resume());
    room.onStateChange(() => this.#comeBack());
    room.onLeave((code) => this.#finish(code));
  }

  get slot(): number {
    return this.#welcome.slot;
  }

  get tickHz(): number {
    return this.#welcome.tickHz;
  }

  /** Milliseconds of one step of the room. */
  get stepMs(): number {
    return 1000 / this.#welcome.tickHz;
  }

  /** Milliseconds from one patch to the next. */
  get patchMs(): number {
    return this.stepMs * this.#welcome.patchEvery;
  }

  /** The server's PROTOCOL_VERSION; `join` refuses one that is not ours. */
  get protocol(): number {
    return this.#welcome.protocol;
  }

  /** What others join this room by, if it is a private one; else null. */
  get code(): string | null {
    return this.#welcome.code ?? null;
  }

  get state(): State {
    return this.room.state;
  }

  /** False from a drop until the state is whole again, and after the end. */
  get isConnected(): boolean {
    return this.#phase === "connected";
  }

  /** How the match ended; undefined while it goes on. */
  get end(): MatchEnd | undefined {
    return this.#end;
  }

  /**
   * What `rejoin` takes. Keep it for as long as a page may be reloaded into this match (sessionStorage), and read it
   * anew after each `onBack`. It is a secret: whoever has it can take the seat.
   */
  get reconnectionToken(): string {
    return this.room.reconnectionToken;
  }

  /** The player's own entity in a collection keyed by slot, or undefined while it is not there. */
  self<Entity>(entities: { get(key: string): Entity | undefined }): Entity | undefined {
    return entities.get(String(this.slot));
  }

  /** Hears the room's messages of one type, those included that came before anyone listened; returns a function that stops it. */
  on<Payload = unknown>(type: string, listener: (payload: Payload) => void): () => void {
    const stop = this.room.onMessage(type, listener);
    const early = this.#unheard.filter((unheard) => unheard.type === type);
    this.#unheard = this.#unheard.filter((unheard) => unheard.type !== type);
    for (const { payload } of early) listener(payload as Payload);
    return stop;
  }

  /** Sends a message that asks for no answer. While the connection is down, the latest 10 wait for it. */
  send(type: string, payload?: unknown): void {
    this.room.send(type, payload);
  }

  /**
   * Sends a message and awaits the answer, 10 s at most. Fails with the room's code, such as ROOM_MESSAGE_INVALID,
   * ROOM_MESSAGE_UNKNOWN or ROOM_FAULT, or with NETWORK: then the room may or may not have acted on it.
   */
  async request<Reply = unknown>(type: string, payload?: unknown): Promise<Reply> {
    try {
      return await this.room.request<unknown, Reply>(type, payload);
    } catch (thrown) {
      throw readRejection(thrown);
    }
  }

  /** The connection broke. The engine is redialling; nothing need be done but to tell the player. */
  onDropped(listener: () => void): () => void {
    return this.#drops.add(listener);
  }

  /** The connection is there again and the state is whole. */
  onBack(listener: () => void): () => void {
    return this.#backs.add(listener);
  }

  /** The match is over for this client, for good. A listener that comes too late is told at once. */
  onEnded(listener: (end: MatchEnd) => void): () => void {
    if (this.#end !== undefined) listener(this.#end);
    return this.#ends.add(listener);
  }

  /** The room refused a message that did not ask for an answer. */
  onError(listener: (error: ClientError) => void): () => void {
    return this.#errors.add(listener);
  }

  /** Gives up the seat. Resolves once the room knows, or after 2 s, or at once while the connection is down. */
  leave(): Promise<void> {
    this.#leaving ??= this.#giveUp();
    return this.#leaving;
  }

  async #giveUp(): Promise<void> {
    if (this.#phase === "ended") return;
    const { room } = this;
    const wasAway = this.#phase === "away";
    this.#phase = "leaving";
    room.reconnection.enabled = false;
    // A redial under way is let through, and the room told then; if it fails, the seat's time runs out.
    if (wasAway) return this.#finish(closeCodes.LEFT);
    const ended = new Promise<void>((resolve) => this.onEnded(() => resolve()));
    const timer = setTimeout(() => {
      room.connection.close(closeCodes.LEFT);
      this.#finish(closeCodes.LEFT);
    }, LEAVE_MS_MAX);
    room.leave().catch(() => {});
    await ended;
    clearTimeout(timer);
  }

  /** The engine tells of every failed redial as of another drop; a match breaks off once. */
  #goAway(): void {
    if (this.#phase !== "connected" && this.#phase !== "resuming") return;
    const isNew = this.#phase === "connected";
    this.#phase = "away";
    if (isNew) this.#drops.tell();
  }

  /** The engine calls this "reconnected", but its state is still the one from before the drop. */
  #resume(): void {
    if (this.#phase === "away") this.#phase = "resuming";
    else this.room.leave().catch(() => {});
  }

  #comeBack(): void {
    if (this.#phase !== "resuming") return;
    this.#phase = "connected";
    this.#backs.tell();
  }

  #finish(closeCode: number): void {
    if (this.#phase === "ended") return;
    const code = this.#phase === "leaving" ? closeCodes.LEFT : closeCode;
    this.#phase = "ended";
    this.#end = { code, reason: endReason(code) };
    this.#ends.tell(this.#end);
  }
}

export function keepUnheard(unheard: RoomMessage[], message: RoomMessage): void {
  if (unheard.length < UNHEARD_MAX) unheard.push(message);
}

export function endReason(closeCode: number): EndReason {
  const names = Object.keys(closeCodes) as (keyof typeof closeCodes)[];
  return names.find((name) => closeCodes[name] === closeCode) ?? "UNKNOWN";
}

/** What the engine's `request` rejects with: the handler's own reason, a fault of the handler, or trouble on the way. */
function readRejection(thrown: unknown): ClientError {
  if (!(thrown instanceof Error)) return networkError("The room could not be asked.", thrown);
  const { name, reason } = thrown as Error & { reason?: unknown };
  if (name === "rejected") return readRefusal({ body: reason });
  if (name === "no_handler") return codedError("ROOM_MESSAGE_UNKNOWN");
  if (Object.hasOwn(thrown, "name") || Object.hasOwn(thrown, "code")) return codedError("ROOM_FAULT");
  return networkError("The room did not answer.", thrown);
}
