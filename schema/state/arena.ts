import { type SchemaType, schema, t } from "@colyseus/schema";

/** The step is 25 ms. A patch follows every second step, so clients hear 20 times a second. */
export const TICK_HZ = 40;
export const PATCH_EVERY = 2;

/** What a player may ask matchmaking for. The word is the same in the filter, the state and the result. */
export const modes = ["ffa", "duel"] as const;
export type ArenaMode = (typeof modes)[number];

/** Seats by mode. Bots sit in the same seats and leave them when people come. */
export const seats = { ffa: { min: 2, max: 16 }, duel: { min: 2, max: 2 } } as const;
export const MAX_PLAYERS = 16;

/**
 * Slots are numbered 0 to 31. There are twice as many as seats, so that whoever comes finds a free number before the
 * bot in the way has left: a number that changed hands within one step would look like one player to a client.
 */
export const SLOT_COUNT = 32;
/** No player at all, where a slot is expected: a shot that hit nobody, a bot without a target. */
export const NO_SLOT = 255;

export const phases = { waiting: 0, countdown: 1, playing: 2, results: 3 } as const;
export type ArenaPhase = (typeof phases)[keyof typeof phases];

export const pickupKinds = { health: 0, boost: 1 } as const;
export type ArenaPickupKind = (typeof pickupKinds)[keyof typeof pickupKinds];

/** The world is centred on 0, 0. x grows to the right, y grows downwards, aim 0 points right and turns towards +y. */
export const WORLD_WIDTH = 64;
export const WORLD_HEIGHT = 48;

/**
 * Positions (units) and velocities (units per second) travel as 16 bits over one range. It is symmetric, so that zero
 * is exact. The simulation snaps by the same formula, so that a prediction never differs from the wire by rounding.
 */
export const QUANTIZED = { min: -32, max: 32, bits: 16 } as const;

export const buttons = { fire: 1, dash: 2 } as const;

/**
 * What a player can wear that others see, by slot of the catalogue. What travels is the place in the list, 0 for nothing,
 * so a new item goes to the end.
 */
export const wearables = {
  skin: [null, "skin-ember", "skin-frost"],
  trail: [null, "trail-comet"],
} as const;
export type WearableSlot = keyof typeof wearables;

/** What a client sends once per step. moveX and moveY are a stick (127 is full tilt), aim is a binary angle. */
export const ArenaInput = schema(
  {
    moveX: t.int8().default(0),
    moveY: t.int8().default(0),
    aim: t.uint16().default(0),
    buttons: t.uint8().default(0),
  },
  "ArenaInput",
);
export type ArenaInput = SchemaType<typeof ArenaInput>;

/** The guard clamps every field of an input to its range before anything reads it. */
export const inputRanges = {
  moveX: [-127, 127],
  moveY: [-127, 127],
  aim: [0, 65_535],
  buttons: [0, 3],
} as const satisfies Record<string, readonly [number, number]>;

/** One line of a match's result. Players who left are listed last; a bot has no account and earns nothing. */
export interface ArenaResult {
  slot: number;
  accountId: string;
  bot: boolean;
  name: string;
  left: boolean;
  /** 1 is best. Equals share a placement. */
  placement: number;
  kills: number;
  deaths: number;
  shotsFired: number;
  shotsHit: number;
  /** Whole and never negative. */
  xp: number;
}

/** What happened in one step, for sounds, sparks and the record. It decides nothing: the state alone does. */
export type ArenaEvent =
  | { type: "shot"; slot: number; x: number; y: number; toX: number; toY: number; hit: number }
  | { type: "hit"; slot: number; by: number; damage: number }
  | { type: "kill"; slot: number; by: number; streak: number }
  | { type: "dash"; slot: number; x: number; y: number }
  | { type: "spawn"; slot: number; x: number; y: number }
  | { type: "pickup"; slot: number; pickup: number; kind: ArenaPickupKind }
  | { type: "phase"; phase: ArenaPhase; endsAtTick: number }
  | ArenaMatchEnded;

export interface ArenaMatchEnded {
  type: "matchEnded";
  matchId: string;
  mode: ArenaMode;
  startedTick: number;
  endedTick: number;
  results: ArenaResult[];
}

/** What a player did in the match so far. Kept for a person who leaves while it is on, and given back on return. */
export type ArenaRecord = Omit<ArenaResult, "left" | "placement" | "xp"> & { playedTicks: number };

/** Ticks are the world's. Cooldowns count the player's own inputs, so that its browser predicts them exactly. */
export const ArenaPlayer = schema(
  {
    x: t.quantized(QUANTIZED).default(0),
    y: t.quantized(QUANTIZED).default(0),
    vx: t.quantized(QUANTIZED).default(0),
    vy: t.quantized(QUANTIZED).default(0),
    aim: t.uint16().default(0),
    fireCooldown: t.uint8().default(0),
    dashCooldown: t.uint8().default(0),
    health: t.uint8().default(0),
    alive: t.boolean().default(false),
    frozen: t.boolean().default(false),
    slot: t.uint8().default(NO_SLOT),
    name: t.string().default(""),
    bot: t.boolean().default(false),
    connected: t.boolean().default(true),
    kills: t.uint16().default(0),
    deaths: t.uint16().default(0),
    streak: t.uint16().default(0),
    respawnAtTick: t.uint32().default(0),
    shieldUntilTick: t.uint32().default(0),
    boostUntilTick: t.uint32().default(0),
    skin: t.uint8().default(0),
    trail: t.uint8().default(0),

    accountId: t.string().noSync().default(""),
    spawnedAtTick: t.uint32().noSync().default(0),
    playedTicks: t.uint32().noSync().default(0),
    shotsFired: t.uint32().noSync().default(0),
    shotsHit: t.uint32().noSync().default(0),

    botTarget: t.uint8().noSync().default(NO_SLOT),
    botGoal: t.uint8().noSync().default(NO_SLOT),
    botStep: t.uint8().noSync().default(NO_SLOT),
    botStrafe: t.int8().noSync().default(0),
    botBurst: t.uint8().noSync().default(0),
    botAimError: t.int16().noSync().default(0),
    botHealth: t.uint8().noSync().default(0),
    botThinkAtTick: t.uint32().noSync().default(0),
    botFireAtTick: t.uint32().noSync().default(0),
    botStrafeUntilTick: t.uint32().noSync().default(0),
  },
  "ArenaPlayer",
);
export type ArenaPlayer = SchemaType<typeof ArenaPlayer>;

/** Lies on the floor from `availableAtTick` on. */
export const ArenaPickup = schema(
  {
    kind: t.uint8<ArenaPickupKind>().default(pickupKinds.health),
    x: t.quantized(QUANTIZED).default(0),
    y: t.quantized(QUANTIZED).default(0),
    availableAtTick: t.uint32().default(0),
  },
  "ArenaPickup",
);
export type ArenaPickup = SchemaType<typeof ArenaPickup>;

/**
 * The whole room: everything the step reads or writes is here. The two factories are here too, because the simulation
 * seats players without importing the engine. A match's id is `matchBase`, a dash and `matchNumber`.
 */
export const ArenaWorld = schema(
  {
    tick: t.uint32().default(0),
    phase: t.uint8<ArenaPhase>().default(phases.waiting),
    phaseEndsAtTick: t.uint32().default(0),
    mode: t.string<ArenaMode>().default("ffa"),
    matchNumber: t.uint32().default(0),
    scoreLimit: t.uint16().default(0),
    players: t.map(ArenaPlayer),
    pickups: t.map(ArenaPickup),

    seed: t.uint32().noSync().default(0),
    matchBase: t.string().noSync().default(""),
    botFill: t.uint8().noSync().default(0),
    leavers: t
      .ref<new () => ArenaRecord[]>(Array)
      .noSync()
      .default(() => []),
    events: t
      .ref<new () => ArenaEvent[]>(Array)
      .noSync()
      .default(() => []),

    createPlayer() {
      return new ArenaPlayer();
    },
    createPickup() {
      return new ArenaPickup();
    },
  },
  "ArenaWorld",
);
export type ArenaWorld = SchemaType<typeof ArenaWorld>;
