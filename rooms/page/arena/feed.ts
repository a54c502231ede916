import type { ArenaEvent } from "../../../schema/state/arena.ts";
import { SLOT_COUNT } from "../../arena/rules.ts";
import type { MoveInput, Pickup, Player, Point, World } from "../../arena/world.ts";

/** What every client is sent of a player. */
export type SeenPlayer = Readonly<
  Pick<
    Player,
    | "x"
    | "y"
    | "vx"
    | "vy"
    | "aim"
    | "dashCooldown"
    | "health"
    | "alive"
    | "frozen"
    | "slot"
    | "name"
    | "bot"
    | "connected"
    | "kills"
    | "deaths"
    | "streak"
    | "respawnAtTick"
    | "shieldUntilTick"
    | "boostUntilTick"
    | "skin"
    | "trail"
  >
>;
export type SeenPickup = Readonly<Pickup>;

/** What a Map and the map of a received state have in common. Keys are slots or indices, as text. */
export interface Seen<T> {
  readonly size: number;
  get(key: string): T | undefined;
}

/** The state as every client has it. */
export type SeenWorld = Readonly<
  Pick<World, "tick" | "phase" | "phaseEndsAtTick" | "mode" | "matchNumber" | "scoreLimit">
> & {
  readonly players: Seen<SeenPlayer>;
  readonly pickups: Seen<SeenPickup>;
};

/** Slots as keys, written once: a frame looks every one of them up. */
const keys: readonly string[] = Array.from({ length: SLOT_COUNT }, (_, slot) => String(slot));

export function playerAt(world: SeenWorld, slot: number): SeenPlayer | undefined {
  const key = keys[slot];
  return key === undefined ? undefined : world.players.get(key);
}

/** Fills `out` with everyone seated, by rising slot, and returns it. */
export function listPlayers(world: SeenWorld, out: SeenPlayer[]): SeenPlayer[] {
  out.length = 0;
  for (const key of keys) {
    const player = world.players.get(key);
    if (player !== undefined) out.push(player);
  }
  return out;
}

/** Where the picture shows a player now: the received past of others, the predicted present of oneself. */
export interface Place extends Point {
  aim: number;
  /** Units per second, for trails and camera lead. */
  vx: number;
  vy: number;
}

/** The hands of the player at this machine. `take` is called once per step and forgets what was tapped. */
export interface Hands {
  /** The binary angle aimed at in this very frame: the barrel follows the hand, not the step. */
  readonly aim: number;
  take(): MoveInput;
}

/** What the server sends one player when a match has been written into its account. */
export interface Recorded {
  readonly matchId: string;
  readonly xpGained: number;
  readonly xp: number;
  readonly level: number;
  readonly levelsGained: number;
  /** What it gave besides, if anything: so many of each. */
  readonly rewards?: {
    readonly items: Readonly<Record<string, number>>;
    readonly currencies: Readonly<Record<string, number>>;
  };
}

/** One reading of the connection, for the net graph. */
export interface NetReading {
  readonly rttMs: number;
  readonly jitterMs: number;
  /** Units by which the newest patch moved the own player from where it was predicted. */
  readonly correctionUnits: number;
  readonly bytesPerSecond: number;
  readonly pendingInputs: number;
}

/**
 * All that picture, sounds and HUD know of a match. Behind it is a server, or a simulation in this very browser: the
 * practice match, and the fight behind the lobby.
 */
export interface Feed {
  /** Own slot, or NO_SLOT for somebody who only watches. */
  readonly slot: number;
  readonly world: SeenWorld;
  /** False while the connection is broken. */
  readonly isConnected: boolean;
  /** The world's tick at this moment, with its fraction, for clocks and cooldowns. */
  tickNow(): number;
  /** Moves on to `nowMs`, of performance.now(): once per frame, before anything is read. */
  advance(nowMs: number): void;
  /** Writes where to draw the player into `out`. */
  place(player: SeenPlayer, out: Place): void;
  /** Own inputs until the next dash, 0 when ready: predicted, so that the HUD answers at once. */
  dashCooldown(): number;
  /** What happened since the last call, oldest first. */
  takeEvents(): readonly ArenaEvent[];
  /** Own shots and dashes since the last call, as bits of ACT, before the server has heard of them. */
  takeActs(): number;
  /** What a finished match brought, once. */
  takeRecorded(): Recorded | null;
  /** How the connection does; null when there is none. */
  net(): NetReading | null;
  /** The close code with which the match ended for this player; null while it goes on. */
  readonly endCode: number | null;
  leave(): void;
}
