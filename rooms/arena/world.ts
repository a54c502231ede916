import type { ArenaEvent, ArenaMode, ArenaPhase, ArenaPickupKind, ArenaRecord } from "../../schema/state/arena.ts";

/**
 * The world as the simulation sees it: shapes, not classes. The room's Schema state has them, so have a plain copy in
 * a test or replay, the browser's prediction and the state that a load-test bot receives.
 */

/** What a JavaScript Map and a schema's map have in common. Keys are numbers as text. */
export interface Entities<T> {
  readonly size: number;
  get(key: string): T | undefined;
  set(key: string, value: T): unknown;
  delete(key: string): boolean;
}

export interface Point {
  x: number;
  y: number;
}

/** Everything that `movePlayer` reads or writes, so these are the fields that a browser predicts. */
export interface Body extends Point {
  vx: number;
  vy: number;
  aim: number;
  /** Own inputs until the next shot, 0 when ready. */
  fireCooldown: number;
  /** Own inputs until the next dash, 0 when ready. The first few of them are the dash itself. */
  dashCooldown: number;
  alive: boolean;
  /** Before the start and after the end of a match: may look around, but not move. */
  frozen: boolean;
}

export interface MoveInput {
  readonly moveX: number;
  readonly moveY: number;
  readonly aim: number;
  readonly buttons: number;
}

export interface PlayerInput extends MoveInput {
  /** The tick whose positions the shooter had on screen. The current tick or later means the present. */
  readonly viewTick: number;
}

/** What a bot remembers between two steps. */
export interface BotMemory {
  botTarget: number;
  botGoal: number;
  botStep: number;
  botStrafe: number;
  botBurst: number;
  botAimError: number;
  botHealth: number;
  botThinkAtTick: number;
  botFireAtTick: number;
  botStrafeUntilTick: number;
}

export interface Player extends Body, BotMemory {
  slot: number;
  name: string;
  bot: boolean;
  connected: boolean;
  health: number;
  kills: number;
  deaths: number;
  streak: number;
  respawnAtTick: number;
  shieldUntilTick: number;
  boostUntilTick: number;
  /** What is worn, as places in `wearables`: for eyes only, no rule reads it. */
  skin: number;
  trail: number;
  accountId: string;
  spawnedAtTick: number;
  playedTicks: number;
  shotsFired: number;
  shotsHit: number;
}

export interface Pickup extends Point {
  kind: ArenaPickupKind;
  availableAtTick: number;
}

/** The state of the small generator in random.ts. */
export interface Dice {
  seed: number;
}

export interface World extends Dice {
  tick: number;
  phase: ArenaPhase;
  phaseEndsAtTick: number;
  mode: ArenaMode;
  matchNumber: number;
  scoreLimit: number;
  players: Entities<Player>;
  pickups: Entities<Pickup>;
  matchBase: string;
  botFill: number;
  /** People who left the match that is on. Empty between matches. */
  leavers: ArenaRecord[];
  /** What the last step did. The step empties it when it starts. */
  events: ArenaEvent[];
  createPlayer(): Player;
  createPickup(): Pickup;
}

/** The inputs that one step applies, as the framework's budget lets them through. */
export interface Inputs {
  of(slot: number): readonly PlayerInput[];
}

/** Where a player was at the end of a tick, as the framework recorded it; null where nobody recorded anything. */
export interface Past {
  at(tick: number, player: Player): Readonly<Point> | null;
}
