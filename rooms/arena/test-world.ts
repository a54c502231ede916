import { PHASE } from "./rules.ts";
import { type ArenaSettings, addPlayer, createPlainWorld, seated } from "./seats.ts";
import { step } from "./simulation.ts";
import type { Inputs, Past, Pickup, Player, PlayerInput, World } from "./world.ts";

/** What the arena's tests share: worlds in a known condition, and the framework's part of a step. */

export function aWorld(settings: Partial<ArenaSettings> = {}): World {
  return createPlainWorld({ mode: "ffa", seed: 7, matchBase: "mat_test", botFill: 0, ...settings });
}

export function aPerson(world: World, slot: number): Player {
  return addPlayer(world, { slot, name: `Person ${slot}`, accountId: `acc_${slot}`, bot: false });
}

export function aBot(world: World, slot: number): Player {
  return addPlayer(world, { slot, name: `Bot ${slot}`, accountId: "", bot: true });
}

/** A world whose match has just begun, with people in slots 0 and up. Nobody wears a shield any more. */
export function aMatch(settings: Partial<ArenaSettings> = {}, people = 2): { world: World; players: Player[] } {
  const world = aWorld(settings);
  const players = Array.from({ length: people }, (_, slot) => aPerson(world, slot));
  run(world, 1000, { until: () => world.phase === PHASE.playing });
  for (const player of players) player.shieldUntilTick = 0;
  return { world, players };
}

/** Puts a player on a spot, at rest. */
export function place(player: Player, x: number, y: number): Player {
  return Object.assign(player, { x, y, vx: 0, vy: 0 });
}

export function anInput(changes: Partial<PlayerInput> = {}): PlayerInput {
  return { moveX: 0, moveY: 0, aim: 0, buttons: 0, viewTick: Number.MAX_SAFE_INTEGER, ...changes };
}

export function inputsOf(bySlot: Readonly<Record<number, readonly PlayerInput[]>>): Inputs {
  return { of: (slot) => bySlot[slot] ?? [] };
}

export const noPast: Past = { at: () => null };

/** Remembers positions at the end of each step, as the framework does. */
export function createPast(): Past & { record(world: World): void } {
  const positions = new Map<string, { x: number; y: number }>();
  return {
    at: (tick, player) => positions.get(`${tick}/${player.slot}`) ?? null,
    record(world) {
      for (const player of seated(world)) {
        positions.set(`${world.tick}/${player.slot}`, { x: player.x, y: player.y });
      }
    },
  };
}

/** Steps until the condition holds, at most `steps` times. Answers with all events on the way. */
export function run(
  world: World,
  steps: number,
  options: { inputs?: Inputs; past?: Past; until?: () => boolean; each?: () => void } = {},
): World["events"] {
  const events: World["events"] = [];
  for (let count = 0; count < steps; count++) {
    step(world, options.inputs ?? inputsOf({}), options.past ?? noPast);
    events.push(...world.events);
    options.each?.();
    if (options.until?.()) break;
  }
  return events;
}

const sample = aWorld();
const playerFields = Object.keys(sample.createPlayer()) as (keyof Player)[];
const pickupFields = Object.keys(sample.createPickup()) as (keyof Pickup)[];
const worldFields = (Object.keys(sample) as (keyof World)[]).filter((field) => typeof sample[field] !== "function");

/** Every field of a world as plain data, synced or not, in a fixed order. */
export function dataOf(world: World): Record<string, unknown> {
  const players = seated(world).map((player) => playerFields.map((field) => [field, player[field]]));
  const pickups = Array.from({ length: world.pickups.size }, (_, index) => {
    const pickup = world.pickups.get(String(index));
    return pickupFields.map((field) => [field, pickup?.[field]]);
  });
  const own = worldFields.map((field) => [field, world[field]]);
  return structuredClone({ ...Object.fromEntries(own.filter(([, value]) => !hasEntities(value))), players, pickups });
}

function hasEntities(value: unknown): boolean {
  return typeof value === "object" && value !== null && "size" in value;
}

/** A plain world with the same contents, made from nothing but `dataOf`'s fields. */
export function copyOf(world: World): World {
  const copy = aWorld({ mode: world.mode });
  for (const field of worldFields) {
    if (!hasEntities(world[field])) Object.assign(copy, { [field]: structuredClone(world[field]) });
  }
  for (const player of seated(world)) {
    const fields = playerFields.map((field) => [field, player[field]]);
    copy.players.set(String(player.slot), Object.assign(copy.createPlayer(), Object.fromEntries(fields)));
  }
  for (let index = 0; index < world.pickups.size; index++) {
    const pickup = world.pickups.get(String(index));
    const fields = pickupFields.map((field) => [field, pickup?.[field]]);
    copy.pickups.set(String(index), Object.assign(copy.createPickup(), Object.fromEntries(fields)));
  }
  return copy;
}
