import { distanceToCircle, distanceToWall } from "./geometry.ts";
import {
  BOOST_FACTOR,
  BOOST_RETURN_TICKS,
  BOOST_TICKS,
  HEALTH_MAX,
  HIT_RADIUS,
  KILL_HEAL,
  NO_SLOT,
  PACK_HEALTH,
  PACK_RETURN_TICKS,
  PHASE,
  PICKUP,
  PICKUP_REACH,
  RESPAWN_TICKS,
  REWIND_TICKS_MAX,
  SHOT_DAMAGE,
  SHOT_RANGE,
} from "./rules.ts";
import { cosine, sine } from "./trigonometry.ts";
import type { Past, Pickup, Player, Point, World } from "./world.ts";

/** A trigger pulled in this step. Where the shooter stood is kept, since it may move on within the same step. */
export interface Shot extends Point {
  shooter: Player;
  aim: number;
  viewTick: number;
}

interface Hit {
  shooter: Player;
  victim: Player;
}

/**
 * Flies the shots of one step. All of them fly through the same moment, then all blows land, then kills are rewarded:
 * so two players can kill each other, and no order of slots saves one of them. It decides only who is credited with a
 * victim that two shots finish in one step.
 */
export function fireShots(world: World, players: readonly Player[], shots: readonly Shot[], past: Past): void {
  const hits: Hit[] = [];
  for (const shot of shots) {
    const victim = fly(world, players, shot, past);
    if (victim !== undefined) hits.push({ shooter: shot.shooter, victim });
  }
  const kills = hits.filter((hit) => wound(world, hit));
  for (const kill of kills) reward(world, kill);
}

/** It hits what its shooter saw: the nearest of the others as they stood at the view tick, unless a wall is nearer. */
function fly(world: World, players: readonly Player[], shot: Shot, past: Past): Player | undefined {
  const { shooter } = shot;
  const dx = cosine(shot.aim);
  const dy = sine(shot.aim);
  let reach = distanceToWall(shot.x, shot.y, dx, dy, SHOT_RANGE);
  let victim: Player | undefined;
  for (const target of players) {
    if (target === shooter || !target.alive) continue;
    const seen = seenAt(world, target, shot.viewTick, past);
    if (seen === null) continue;
    const distance = distanceToCircle(shot.x, shot.y, dx, dy, seen.x, seen.y, HIT_RADIUS);
    if (distance >= reach) continue;
    reach = distance;
    victim = target;
  }
  shooter.shotsFired += 1;
  shooter.shieldUntilTick = 0;
  const end = { toX: shot.x + dx * reach, toY: shot.y + dy * reach };
  world.events.push({ type: "shot", slot: shooter.slot, x: shot.x, y: shot.y, ...end, hit: victim?.slot ?? NO_SLOT });
  return victim;
}

/**
 * Where the shooter saw the target. A life that began later was not there to be seen, so neither it nor the slot's last
 * owner is hit. A past that nobody recorded, as after a move to another process, gives way to the present.
 */
function seenAt(world: World, target: Player, viewTick: number, past: Past): Readonly<Point> | null {
  if (!(viewTick < world.tick)) return target;
  const tick = Math.max(viewTick, world.tick - REWIND_TICKS_MAX);
  return tick < target.spawnedAtTick ? null : (past.at(tick, target) ?? target);
}

/**
 * A shield stops the shot and lets nothing through, and outside a match nobody is hurt.
 * @returns whether the victim fell.
 */
function wound(world: World, { shooter, victim }: Hit): boolean {
  const harmless = world.tick < victim.shieldUntilTick || world.phase !== PHASE.playing;
  const strength = world.tick < shooter.boostUntilTick ? SHOT_DAMAGE * BOOST_FACTOR : SHOT_DAMAGE;
  const damage = harmless ? 0 : Math.min(victim.health, strength);
  victim.health -= damage;
  shooter.shotsHit += 1;
  world.events.push({ type: "hit", slot: victim.slot, by: shooter.slot, damage });
  if (victim.health > 0 || !victim.alive) return false;
  victim.alive = false;
  victim.vx = 0;
  victim.vy = 0;
  victim.deaths += 1;
  victim.streak = 0;
  victim.respawnAtTick = world.tick + RESPAWN_TICKS;
  return true;
}

/** Whoever fell in the same step keeps the kill, but the streak and the healing are for the living. */
function reward(world: World, { shooter, victim }: Hit): void {
  shooter.kills += 1;
  if (shooter.alive) {
    shooter.streak += 1;
    heal(shooter, KILL_HEAL);
  }
  world.events.push({ type: "kill", slot: victim.slot, by: shooter.slot, streak: shooter.streak });
}

function heal(player: Player, health: number): void {
  player.health = Math.min(HEALTH_MAX, player.health + health);
}

/** Hands what lies on the floor to the first player, by slot, who stands on it and can use it. */
export function collectPickups(world: World, players: readonly Player[]): void {
  for (let index = 0; index < world.pickups.size; index++) {
    const pickup = world.pickups.get(String(index));
    if (pickup === undefined || world.tick < pickup.availableAtTick) continue;
    const taker = players.find((player) => canTake(player, pickup));
    if (taker === undefined) continue;
    if (pickup.kind === PICKUP.health) heal(taker, PACK_HEALTH);
    else taker.boostUntilTick = world.tick + BOOST_TICKS;
    pickup.availableAtTick = world.tick + (pickup.kind === PICKUP.health ? PACK_RETURN_TICKS : BOOST_RETURN_TICKS);
    world.events.push({ type: "pickup", slot: taker.slot, pickup: index, kind: pickup.kind });
  }
}

function canTake(player: Player, pickup: Pickup): boolean {
  if (!player.alive || player.frozen) return false;
  if (pickup.kind === PICKUP.health && player.health >= HEALTH_MAX) return false;
  const dx = player.x - pickup.x;
  const dy = player.y - pickup.y;
  return dx * dx + dy * dy <= PICKUP_REACH * PICKUP_REACH;
}
