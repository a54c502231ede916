import type * as wire from "../../schema/state/arena.ts";

/**
 * The numbers that make the game feel as it does. Distances are units, speeds units per second, times ticks of 25 ms
 * or a player's own inputs, which are as long.
 *
 * The simulation imports the schema as types only, so that it runs without the engine. What both must agree on is
 * written again here under the schema's own type: a value that differs does not compile.
 */
const TICK_HZ: typeof wire.TICK_HZ = 40;
export const STEP_SECONDS = 1 / TICK_HZ;
const ticks = (seconds: number) => seconds * TICK_HZ;

export const PHASE: typeof wire.phases = { waiting: 0, countdown: 1, playing: 2, results: 3 };
export const PICKUP: typeof wire.pickupKinds = { health: 0, boost: 1 };
export const BUTTON: typeof wire.buttons = { fire: 1, dash: 2 };
export const SEATS: typeof wire.seats = { ffa: { min: 2, max: 16 }, duel: { min: 2, max: 2 } };
export const SLOT_COUNT: typeof wire.SLOT_COUNT = 32;
export const NO_SLOT: typeof wire.NO_SLOT = 255;
const QUANTIZED: typeof wire.QUANTIZED = { min: -32, max: 32, bits: 16 };
export const HALF_WIDTH = 32;
export const HALF_HEIGHT = 24;

/** A full turn is 65 536 steps of aim. */
export const FULL_TURN = 65_536;
export const STICK_MAX = 127;

// Moving. Full speed takes 0.1 s and a stop 0.15 s, which reads as light but not slippery. A dash must stay shorter
// per step than a radius, or a player could pass the middle of a wall's edge within one step.
export const PLAYER_RADIUS = 0.7;
export const RUN_SPEED = 9;
export const ACCELERATION = 90;
export const FRICTION = 60;
export const DASH_SPEED = 24;
export const DASH_INPUTS = 5;
export const DASH_COOLDOWN_INPUTS = ticks(2);

// Fighting. Five hits in 0.8 s kill: long enough to answer the first hit with a dash. The body is a little wider for
// a shot than for a wall, because a near miss that looks like a hit is no fun for anybody.
export const HEALTH_MAX = 100;
export const SHOT_DAMAGE = 20;
export const SHOT_RANGE = 40;
export const FIRE_COOLDOWN_INPUTS = 8;
export const HIT_RADIUS = 0.8;
export const BOOST_FACTOR = 2;
export const KILL_HEAL = 20;
/** How far back a shot may look for the players its shooter saw: 400 ms. */
export const REWIND_TICKS_MAX = 16;

// Coming back. The shield ends early when its wearer fires.
export const RESPAWN_TICKS = ticks(2);
export const SHIELD_TICKS = ticks(1.5);
/** A spawn point this far from every enemy is as safe as any other, so the choice between such points is a draw. */
export const SPAWN_SAFE_DISTANCE = 16;

export const PICKUP_REACH = 1.2;
export const PACK_HEALTH = 40;
export const PACK_RETURN_TICKS = ticks(12);
export const BOOST_TICKS = ticks(8);
export const BOOST_RETURN_TICKS = ticks(30);

// The match.
export const COUNTDOWN_TICKS = ticks(3);
export const RESULTS_TICKS = ticks(8);
export const LIMITS = {
  ffa: { score: 25, ticks: ticks(300) },
  duel: { score: 10, ticks: ticks(180) },
} as const satisfies Record<wire.ArenaMode, { score: number; ticks: number }>;

// Experience. See `experience` in match.ts for the formula.
export const XP_KILL = 10;
export const XP_PER_MINUTE = 8;
export const MINUTE_TICKS = ticks(60);
export const XP_PLACEMENT = [50, 25, 10] as const;
/** A match shorter than this pays no places, so that two friends cannot earn them by leaving in turns. */
export const PLACES_MATCH_TICKS_MIN = ticks(30);

const SPAN = 2 ** QUANTIZED.bits - 2;
const RANGE = QUANTIZED.max - QUANTIZED.min;

/**
 * Rounds to what the wire carries, by the schema's own formula (@colyseus/schema src/types/quantize.ts), operation for
 * operation. A value that has been snapped stays as it is, so the state's setter changes nothing that the step wrote.
 */
export function snap(value: number): number {
  if (Number.isNaN(value)) return QUANTIZED.min;
  const bounded = value < QUANTIZED.min ? QUANTIZED.min : value > QUANTIZED.max ? QUANTIZED.max : value;
  const code = Math.floor(((bounded - QUANTIZED.min) / RANGE) * SPAN + 0.5);
  return QUANTIZED.min + (code / SPAN) * RANGE;
}
