import type { ArenaMode } from "../../schema/state/arena.ts";
import { createBotMemory } from "./bot.ts";
import { pickupPoints } from "./map.ts";
import { recordOf } from "./match.ts";
import { NO_SLOT, PHASE, SEATS, SLOT_COUNT } from "./rules.ts";
import type { Pickup, Player, World } from "./world.ts";

/** What a room calls between two steps: who sits where. The next step lets the newcomers in. */

export interface ArenaSettings {
  mode: ArenaMode;
  /** Start of the world's randomness, 32 bits. */
  seed: number;
  /** Unique to this room. A match's id is this, a dash and the match's number. */
  matchBase: string;
  /** Bots sit down until this many seats are taken; 0 for no bots. */
  botFill: number;
}

export interface Seat {
  slot: number;
  name: string;
  /** Empty for a bot. */
  accountId: string;
  bot: boolean;
}

/** Sets up a new world once, before anyone sits down. */
export function prepareWorld(world: World, settings: ArenaSettings): void {
  world.mode = settings.mode;
  world.seed = settings.seed >>> 0;
  world.matchBase = settings.matchBase;
  world.botFill = settings.botFill;
  for (const [index, point] of pickupPoints.entries()) {
    const pickup = world.createPickup();
    pickup.kind = point.kind;
    pickup.x = point.x;
    pickup.y = point.y;
    world.pickups.set(String(index), pickup);
  }
}

/** Everyone seated, by rising slot: an order that does not depend on who came first, nor on how a map was restored. */
export function seated(world: World): Player[] {
  const players: Player[] = [];
  for (let slot = 0; slot < SLOT_COUNT && players.length < world.players.size; slot++) {
    const player = world.players.get(String(slot));
    if (player !== undefined) players.push(player);
  }
  return players;
}

/** A slot for one more person, or -1 when people hold every seat. Bots are no obstacle: one of them will leave. */
export function freeSlot(world: World): number {
  const people = seated(world).filter((player) => !player.bot).length;
  return people < SEATS[world.mode].max ? unusedSlot(world) : -1;
}

/**
 * Seats a player, or a bot. Whoever left this very match gets kills and deaths back. A second person who comes to a
 * duel against a bot starts it over, because nobody should begin a duel behind.
 */
export function addPlayer(world: World, seat: Seat): Player {
  const player = world.createPlayer();
  player.slot = seat.slot;
  player.name = seat.name;
  player.accountId = seat.accountId;
  player.bot = seat.bot;
  player.connected = true;
  player.respawnAtTick = world.tick;
  world.players.set(String(seat.slot), player);
  if (seat.bot) return player;
  const returned = restoreLeaver(world, player);
  const startsOver = world.mode === "duel" && world.phase === PHASE.playing && world.leavers.length === 0;
  if (startsOver && !returned) world.phase = PHASE.waiting;
  rebalanceBots(world);
  return player;
}

/** A person who goes while a match is on stays in its result, behind all who stayed and without a reward. */
export function removePlayer(world: World, slot: number): void {
  const player = world.players.get(String(slot));
  if (player === undefined) return;
  world.players.delete(String(slot));
  if (player.bot) return;
  if (world.phase === PHASE.playing && player.playedTicks > 0) {
    world.leavers.push(recordOf(player));
  }
  rebalanceBots(world);
}

/** A player whose connection broke stands still, and can be hit, until it is back or removed. */
export function setConnected(world: World, slot: number, connected: boolean): void {
  const player = world.players.get(String(slot));
  if (player !== undefined) player.connected = connected;
}

/** Lets bots sit down or leave until people and bots are `botFill`. Without people there are none: nobody watches. */
export function rebalanceBots(world: World): void {
  const players = seated(world);
  const people = players.filter((player) => !player.bot).length;
  const wanted = people === 0 ? 0 : Math.max(0, Math.min(world.botFill, SEATS[world.mode].max) - people);
  const bots = players.filter((player) => player.bot).sort((a, b) => a.kills - b.kills || b.slot - a.slot);
  for (const bot of bots.slice(0, Math.max(0, bots.length - wanted))) removePlayer(world, bot.slot);
  for (let count = bots.length; count < wanted; count++) {
    const slot = unusedSlot(world);
    addPlayer(world, { slot, name: BOT_NAMES[slot % BOT_NAMES.length] ?? "Bot", accountId: "", bot: true });
  }
}

const BOT_NAMES = ["Ada", "Alan", "Barbara", "Blaise", "Edsger", "Emmy", "Frances", "Grace"].concat([
  "Hedy",
  "Joan",
  "Katherine",
  "Leslie",
  "Margaret",
  "Niklaus",
  "Radia",
  "Tim",
]);

function unusedSlot(world: World): number {
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (world.players.get(String(slot)) === undefined) return slot;
  }
  return NO_SLOT;
}

function restoreLeaver(world: World, player: Player): boolean {
  const index = world.leavers.findIndex((leaver) => leaver.accountId === player.accountId);
  const [leaver] = index === -1 ? [] : world.leavers.splice(index, 1);
  if (leaver === undefined) return false;
  player.kills = leaver.kills;
  player.deaths = leaver.deaths;
  player.shotsFired = leaver.shotsFired;
  player.shotsHit = leaver.shotsHit;
  player.playedTicks = leaver.playedTicks;
  return true;
}

/** A world without the engine: the same shape in plain objects, for tests, replays and looking ahead. */
export function createPlainWorld(settings: ArenaSettings): World {
  const world: World = {
    tick: 0,
    phase: PHASE.waiting,
    phaseEndsAtTick: 0,
    mode: settings.mode,
    matchNumber: 0,
    scoreLimit: 0,
    players: new Map<string, Player>(),
    pickups: new Map<string, Pickup>(),
    seed: 0,
    matchBase: "",
    botFill: 0,
    leavers: [],
    events: [],
    createPlayer: createPlainPlayer,
    createPickup: () => ({ kind: 0, x: 0, y: 0, availableAtTick: 0 }),
  };
  prepareWorld(world, settings);
  return world;
}

function createPlainPlayer(): Player {
  return {
    x: 0,
    y: 0,
    vx: 0,
    vy: 0,
    aim: 0,
    fireCooldown: 0,
    dashCooldown: 0,
    health: 0,
    alive: false,
    frozen: false,
    slot: NO_SLOT,
    name: "",
    bot: false,
    connected: true,
    kills: 0,
    deaths: 0,
    streak: 0,
    respawnAtTick: 0,
    shieldUntilTick: 0,
    boostUntilTick: 0,
    skin: 0,
    trail: 0,
    accountId: "",
    spawnedAtTick: 0,
    playedTicks: 0,
    shotsFired: 0,
    shotsHit: 0,
    ...createBotMemory(),
  };
}
