import type { ArenaPhase, ArenaRecord, ArenaResult } from "../../schema/state/arena.ts";
import { spawnPoints } from "./map.ts";
import { drawBelow } from "./random.ts";
import {
  COUNTDOWN_TICKS,
  HEALTH_MAX,
  LIMITS,
  MINUTE_TICKS,
  PHASE,
  PLACES_MATCH_TICKS_MIN,
  RESULTS_TICKS,
  SEATS,
  SHIELD_TICKS,
  SPAWN_SAFE_DISTANCE,
  XP_KILL,
  XP_PER_MINUTE,
  XP_PLACEMENT,
} from "./rules.ts";
import type { Player, Point, World } from "./world.ts";

/**
 * Moves the match on at the end of a step: waiting → countdown → playing → results → countdown or waiting. Every phase
 * but waiting has an end in ticks, and every phase looks at the seats anew, so none can be stuck in.
 */
export function advancePhase(world: World, players: readonly Player[]): void {
  const enough = players.length >= SEATS[world.mode].min;
  const due = world.tick >= world.phaseEndsAtTick;
  switch (world.phase) {
    case PHASE.waiting:
      if (enough) beginCountdown(world, players);
      return;
    case PHASE.countdown:
      if (!enough) enter(world, players, PHASE.waiting, 0);
      else if (due) beginMatch(world, players);
      return;
    case PHASE.playing:
      if (!enough || due || isForfeit(world) || isDecided(world, players)) endMatch(world, players);
      else for (const player of players) player.playedTicks += 1;
      return;
    case PHASE.results:
      if (due && enough) beginCountdown(world, players);
      else if (due) enter(world, players, PHASE.waiting, 0);
  }
}

/** Brings in everyone whose time has come. After a match nobody returns: the next countdown places them all. */
export function spawnDue(world: World, players: readonly Player[]): void {
  if (world.phase === PHASE.results) return;
  for (const player of players) {
    if (!player.alive && world.tick >= player.respawnAtTick) spawn(world, players, player);
  }
}

/** A duel is over when one of two leaves for good. Among many, the others play on. */
function isForfeit(world: World): boolean {
  return world.mode === "duel" && world.leavers.length > 0;
}

function isDecided(world: World, players: readonly Player[]): boolean {
  return players.some((player) => player.kills >= world.scoreLimit);
}

function enter(world: World, players: readonly Player[], phase: ArenaPhase, ticks: number): void {
  world.phase = phase;
  world.phaseEndsAtTick = phase === PHASE.waiting ? 0 : world.tick + ticks;
  const frozen = isStill(phase);
  for (const player of players) {
    player.frozen = frozen;
    if (!frozen) continue;
    player.vx = 0;
    player.vy = 0;
  }
  world.events.push({ type: "phase", phase, endsAtTick: world.phaseEndsAtTick });
}

function isStill(phase: ArenaPhase): boolean {
  return phase === PHASE.countdown || phase === PHASE.results;
}

/** Everyone starts anew, at a place of their own, and sees it for three seconds. */
function beginCountdown(world: World, players: readonly Player[]): void {
  world.scoreLimit = LIMITS[world.mode].score;
  for (const player of players) {
    player.alive = false;
    player.kills = 0;
    player.deaths = 0;
    player.streak = 0;
    player.playedTicks = 0;
    player.shotsFired = 0;
    player.shotsHit = 0;
  }
  for (let index = 0; index < world.pickups.size; index++) {
    const pickup = world.pickups.get(String(index));
    if (pickup !== undefined) pickup.availableAtTick = 0;
  }
  enter(world, players, PHASE.countdown, COUNTDOWN_TICKS);
  for (const player of players) spawn(world, players, player);
}

function beginMatch(world: World, players: readonly Player[]): void {
  world.matchNumber += 1;
  for (const player of players) player.playedTicks = 1;
  enter(world, players, PHASE.playing, LIMITS[world.mode].ticks);
}

function endMatch(world: World, players: readonly Player[]): void {
  // The start is not stored, because the end of the time was counted from it.
  const startedTick = world.phaseEndsAtTick - LIMITS[world.mode].ticks;
  const matchId = `${world.matchBase}-${world.matchNumber}`;
  const results = rank(world, players, world.tick - startedTick);
  world.leavers.length = 0;
  enter(world, players, PHASE.results, RESULTS_TICKS);
  world.events.push({ type: "matchEnded", matchId, mode: world.mode, startedTick, endedTick: world.tick, results });
}

/**
 * Who played, best first. Those who stayed come before those who left; then more kills, then fewer deaths decide, and
 * equals share a placement. Whoever sat down too late to play a single step is not listed.
 */
function rank(world: World, players: readonly Player[], matchTicks: number): ArenaResult[] {
  const stayed = players
    .filter((player) => player.playedTicks > 0)
    .map((player) => ({ ...recordOf(player), left: false }));
  const lines = [...stayed, ...world.leavers.map((record) => ({ ...record, left: true }))];
  const people = lines.filter((line) => !line.bot).length;
  const results = lines.map(({ playedTicks, ...line }) => {
    const better = lines.filter((other) => isBetter(other, line)).length;
    // When the last person leaves, the bots are gone too, and still nobody wins by leaving.
    const placement = line.left ? Math.max(2, better + 1) : better + 1;
    const paysPlaces = !line.left && matchTicks >= PLACES_MATCH_TICKS_MIN;
    const forPlace = paysPlaces ? (XP_PLACEMENT[placement - 1] ?? 0) : 0;
    const xp = line.bot ? 0 : experience(line.kills, playedTicks, forPlace, people);
    return { ...line, placement, xp };
  });
  return results.sort((a, b) => a.placement - b.placement || a.slot - b.slot);
}

export function recordOf(player: Player): ArenaRecord {
  const { slot, accountId, bot, name, kills, deaths, shotsFired, shotsHit, playedTicks } = player;
  return { slot, accountId, bot, name, kills, deaths, shotsFired, shotsHit, playedTicks };
}

type Standing = Pick<ArenaResult, "left" | "kills" | "deaths">;

function isBetter(a: Standing, b: Standing): boolean {
  if (a.left !== b.left) return b.left;
  return a.kills !== b.kills ? a.kills > b.kills : a.deaths < b.deaths;
}

/**
 * 10 per kill, 8 per minute played, and 50, 25 or 10 for the first three places; half of it when all the others were
 * bots; rounded up, so that whoever played has something to show. A place counts for those who stayed, in matches of
 * 30 s or more. Bots get nothing.
 */
function experience(kills: number, playedTicks: number, forPlace: number, people: number): number {
  const xp = XP_KILL * kills + (XP_PER_MINUTE * playedTicks) / MINUTE_TICKS + forPlace;
  return Math.ceil(people > 1 ? xp : xp / 2);
}

function spawn(world: World, players: readonly Player[], player: Player): void {
  const point = safestPoint(world, players);
  player.x = point.x;
  player.y = point.y;
  player.vx = 0;
  player.vy = 0;
  player.health = HEALTH_MAX;
  player.alive = true;
  player.frozen = isStill(world.phase);
  player.fireCooldown = 0;
  player.dashCooldown = 0;
  player.boostUntilTick = 0;
  player.spawnedAtTick = world.tick;
  player.shieldUntilTick = world.tick + SHIELD_TICKS;
  world.events.push({ type: "spawn", slot: player.slot, x: player.x, y: player.y });
}

/** The point farthest from every living player, where beyond a safe distance all are equal and chance decides. */
function safestPoint(world: World, players: readonly Player[]): Point {
  const start = drawBelow(world, spawnPoints.length);
  let best: Point = { x: 0, y: 0 };
  let bestSquare = -1;
  for (let turn = 0; turn < spawnPoints.length; turn++) {
    const point = spawnPoints[(start + turn) % spawnPoints.length];
    if (point === undefined) continue;
    let square = SPAWN_SAFE_DISTANCE * SPAWN_SAFE_DISTANCE;
    for (const other of players) {
      if (!other.alive) continue;
      square = Math.min(square, (other.x - point.x) * (other.x - point.x) + (other.y - point.y) * (other.y - point.y));
    }
    if (square <= bestSquare) continue;
    best = point;
    bestSquare = square;
  }
  return best;
}
