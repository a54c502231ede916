import { type Client, type Deferred, Room } from "@colyseus/core";
import type { Listing } from "../cluster/directory/directory.ts";
import type { Conduct } from "./guard/conduct.ts";
import type { InputLane } from "./input-lane.ts";
import type { Outbox } from "./sync/outbox.ts";

/**
 * The seam to the engine's Room. These members are private to @colyseus/core 0.18.17 and are what GameRoom overrides
 * or reads beyond the public API; a test fails when a release moves one of them.
 */
interface EngineInternals {
  /** Installs accessors and starts timers, between the constructor and onCreate. */
  __init(): void;
  /** Keeps a seat; false where the room is full. It writes the room's new count before its first pause. */
  _reserveSeat(sessionId: string, options: unknown, auth: unknown, ...rest: unknown[]): Promise<boolean>;
  /** Every frame of a joined client, undecoded. */
  _onMessage(client: EngineClient, buffer: Buffer): void;
  /** A client has opened its socket and claims its seat. */
  _onJoin(client: EngineClient, context: unknown, how?: { readonly reconnectionToken?: string }): Promise<void>;
  /** Called whenever `state` is assigned, with the engine's own serializer. */
  setSerializer(serializer: unknown): void;
  /** A truthy handle tells the engine that somebody else runs the loop and ticks the clock. */
  _simulationInterval: NodeJS.Timeout | undefined;
  /** What the room says of itself in the directory. */
  readonly _listing: Listing;
  /** Seats waiting for their player, by reconnection token. */
  /** Seats that have been given away and are not taken yet, by session id. */
  readonly _reservedSeats: Readonly<Record<string, unknown>>;
  _reconnections: Record<string, [sessionId: string, waiting: Deferred<Client>] | undefined>;
  defineInput(type: new () => object, options: InputOptions): unknown;
  /** Made by `defineInput`; `allocate` is called for each connection before it joins. */
  readonly _inputController: { allocate(client: EngineClientPrivate): void };
  /** Who handles messages, by type. */
  readonly onMessageEvents: { readonly events: Readonly<Record<string, readonly unknown[] | undefined>> };
}

/** How a room takes input. */
export interface InputOptions {
  readonly tickRate: number;
  readonly bufferMaxSize: number;
  readonly sanitize: Readonly<Record<string, readonly [least: number, most: number] | undefined>>;
}

type Redeclared = keyof EngineInternals | keyof EngineHooks | "state" | "patchRate" | "messages" | "clock" | "onAuth";

/** The engine's hooks, as methods: a mapped type would turn them into properties, which a class may not override. */
interface EngineHooks {
  onCreate(options: object): void;
  onJoin(client: EngineClient): unknown;
  onDrop(client: EngineClient): void;
  onReconnect(client: EngineClient): unknown;
  onLeave(client: EngineClient): void;
  onDispose(): Promise<void>;
  onBeforeShutdown(): void;
  onUncaughtException(error: Error, hook: string): void;
  broadcastPatch(): boolean;
  /** Adds a handler, behind an optional schema; returns a function that takes it out again. */
  onMessage(type: string | number, ...schemaAndHandler: unknown[]): () => void;
}

interface RoomShape extends Omit<Room, Redeclared>, EngineInternals, EngineHooks {
  state: object;
  patchRate: number | null;
  messages?: Record<string, unknown>;
  clock: Room["clock"] & { now: () => number };
}

/** The engine's Room with its seam typed. Behaviour is the engine's own. */
export const EngineRoom = Room as unknown as abstract new () => RoomShape;

export type EngineClient = Client;

/** What the engine keeps of a client for itself. */
export interface EngineClientPrivate extends Client {
  /** Messages kept back until the client has acknowledged its join; undefined from then on. */
  _enqueuedMessages?: unknown[] | undefined;
  /** The inputs that wait; the engine sends its `ackSeq` with each patch and clears it when the connection is gone. */
  _inputBuffer?: InputLane;
  /** Ours: sends a patch with its stamp, on a transport that has a short way for it. */
  rawStamped?(patch: Uint8Array, timeMs: number, inputs: number): void;
  /** Ours: what its frames have added up to. */
  conduct?: Conduct;
  /** Ours: what waits to be sent to it. */
  outbox?: Outbox;
}

/** A loop that is never armed: its presence keeps the engine from starting one of its own. */
export const NO_ENGINE_LOOP: NodeJS.Timeout = setTimeout(() => {}, 0);
clearTimeout(NO_ENGINE_LOOP);

/** The low five bits of a frame's first byte say what it is; the rest are modifiers. */
export const PROTOCOL_CODE_MASK = 0x1f;
