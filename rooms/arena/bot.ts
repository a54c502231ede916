import { isClear } from "./geometry.ts";
import { pickupPoints, waypoints } from "./map.ts";
import { hopTowards, isWalkable, NOWHERE, nearestWaypoint } from "./navigation.ts";
import { drawBelow } from "./random.ts";
import { BUTTON, FULL_TURN, NO_SLOT, PICKUP, SLOT_COUNT, STICK_MAX } from "./rules.ts";
import { angleOf, turnBetween } from "./trigonometry.ts";
import type { Body, BotMemory, Dice, Entities, MoveInput, Pickup } from "./world.ts";

/** What a bot can see of a player: only what every client is sent. */
export type BotBody = Body & { slot: number; health: number };

/** What a bot sees: the room's world, or the state that a client received. */
export interface BotView {
  readonly tick: number;
  readonly players: Pick<Entities<BotBody>, "get">;
  readonly pickups: Pick<Entities<Pickup>, "get">;
}

// A bot is a casual player: it needs a third of a second to react, its hand lags behind what it sees, it aims a few
// degrees off and lets go of the trigger between bursts. About one shot in three hits a player who keeps moving.
const DEGREE = Math.round(FULL_TURN / 360);
const THINK_TICKS = 4;
const SIGHT = 22;
const REACTION_TICKS = 10;
const AIM_ERROR = 12 * DEGREE;
const TURN_MAX = 8 * DEGREE;
const TURN_SHARE = 0.21;
const FIRE_WITHIN = 10 * DEGREE;
const CLOSE = 6;
const FAR = 11;
const HURT = 45;
const ARRIVED = 1;

/**
 * What a bot does next. Pure: what it remembers is in `memory`, which it updates, its moods come from `dice`, and it
 * sees no more than a client does, so the same bot plays in the room and in a load test.
 */
export function decide(view: BotView, self: BotBody, memory: BotMemory, dice: Dice): MoveInput {
  if (view.tick >= memory.botThinkAtTick) think(view, self, memory, dice);
  const enemy = memory.botTarget === NO_SLOT ? undefined : view.players.get(String(memory.botTarget));
  return enemy?.alive ? fight(view, self, enemy, memory, dice) : travel(self, memory, dice);
}

/** Fresh memory for a bot outside the room. */
export function createBotMemory(): BotMemory {
  return {
    botTarget: NO_SLOT,
    botGoal: NOWHERE,
    botStep: NOWHERE,
    botStrafe: 0,
    botBurst: 0,
    botAimError: 0,
    botHealth: 0,
    botThinkAtTick: 0,
    botFireAtTick: 0,
    botStrafeUntilTick: 0,
  };
}

/** Looks around ten times a second: whom to fight, where to go, which way to sidestep. */
function think(view: BotView, self: BotBody, memory: BotMemory, dice: Dice): void {
  memory.botThinkAtTick = view.tick + THINK_TICKS - 1 + drawBelow(dice, 3);
  const target = nearestEnemy(view, self, memory.botTarget);
  if (target !== memory.botTarget) {
    memory.botTarget = target;
    memory.botFireAtTick = view.tick + REACTION_TICKS + drawBelow(dice, 8);
    memory.botBurst = 0;
  }
  if (drawBelow(dice, 3) === 0) memory.botAimError = drawAimError(dice);
  if (view.tick >= memory.botStrafeUntilTick) {
    memory.botStrafe = drawBelow(dice, 5) === 0 ? 0 : drawBelow(dice, 2) * 2 - 1;
    memory.botStrafeUntilTick = view.tick + 12 + drawBelow(dice, 28);
  }
  chooseGoal(view, self, memory, dice);
}

function nearestEnemy(view: BotView, self: BotBody, current: number): number {
  let best: number = NO_SLOT;
  let bestSquare = SIGHT * SIGHT;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const other = slot === self.slot ? undefined : view.players.get(String(slot));
    if (other === undefined || !other.alive) continue;
    const square = (other.x - self.x) * (other.x - self.x) + (other.y - self.y) * (other.y - self.y);
    // It keeps to the one it fights unless another comes much closer.
    const felt = slot === current ? square / 2 : square;
    if (felt >= bestSquare || !isClear(self.x, self.y, other.x, other.y)) continue;
    best = slot;
    bestSquare = felt;
  }
  return best;
}

/** The sum of two dice: small errors are common, large ones rare. */
function drawAimError(dice: Dice): number {
  return drawBelow(dice, AIM_ERROR) + drawBelow(dice, AIM_ERROR) - AIM_ERROR;
}

/** Health when hurt, now and then the boost, otherwise anywhere. Also finds back to the waypoints after a fight. */
function chooseGoal(view: BotView, self: BotBody, memory: BotMemory, dice: Dice): void {
  const pack = self.health <= HURT ? nearestPack(view, self) : NOWHERE;
  if (pack !== NOWHERE) {
    memory.botGoal = pack;
  } else if (memory.botGoal === NOWHERE || memory.botStep === NOWHERE) {
    const boost = view.pickups.get("0");
    const tempted = boost !== undefined && view.tick >= boost.availableAtTick && drawBelow(dice, 3) === 0;
    memory.botGoal = tempted ? 0 : drawBelow(dice, waypoints.length);
  }
  if (memory.botStep === NOWHERE || !isWalkable(self.x, self.y, memory.botStep)) {
    memory.botStep = nearestWaypoint(self.x, self.y);
  }
}

/** Waypoints begin with the pickups, in the same order. */
function nearestPack(view: BotView, self: BotBody): number {
  let best = NOWHERE;
  let bestSquare = Number.POSITIVE_INFINITY;
  for (let index = 0; index < pickupPoints.length; index++) {
    const pickup = view.pickups.get(String(index));
    if (pickup === undefined || pickup.kind !== PICKUP.health || view.tick < pickup.availableAtTick) continue;
    const square = (pickup.x - self.x) * (pickup.x - self.x) + (pickup.y - self.y) * (pickup.y - self.y);
    if (square >= bestSquare) continue;
    best = index;
    bestSquare = square;
  }
  return best;
}

/** Keeps its distance, sidesteps and shoots in bursts. A hurt bot runs for health and shoots back over its shoulder. */
function fight(view: BotView, self: BotBody, enemy: BotBody, memory: BotMemory, dice: Dice): MoveInput {
  const dx = enemy.x - self.x;
  const dy = enemy.y - self.y;
  const distance = Math.sqrt(dx * dx + dy * dy) + 0.001;
  const wanted = angleOf(dx, dy) + memory.botAimError;
  const aim = turnTowards(self.aim, wanted);
  const onTarget = Math.abs(turnBetween(aim, wanted)) < FIRE_WITHIN;
  let pressed = 0;
  if (onTarget && view.tick >= memory.botFireAtTick) {
    pressed = BUTTON.fire;
    if (self.fireCooldown <= 1) countShot(view, memory, dice);
  }
  const stung = self.health < memory.botHealth;
  memory.botHealth = self.health;
  if (stung && drawBelow(dice, 3) === 0) pressed |= BUTTON.dash;

  if (self.health <= HURT && memory.botGoal < pickupPoints.length) {
    const retreat = travel(self, memory, dice);
    return { moveX: retreat.moveX, moveY: retreat.moveY, aim, buttons: pressed };
  }
  const along = distance > FAR ? 1 : distance < CLOSE ? -1 : 0;
  const wayX = (dx * along - dy * memory.botStrafe) / distance;
  const wayY = (dy * along + dx * memory.botStrafe) / distance;
  return { moveX: stick(wayX), moveY: stick(wayY), aim, buttons: pressed };
}

/** A burst is two to five shots; after it the finger rests for up to 0.7 s. */
function countShot(view: BotView, memory: BotMemory, dice: Dice): void {
  if (memory.botBurst > 1) {
    memory.botBurst -= 1;
  } else if (memory.botBurst === 1) {
    memory.botBurst = 0;
    memory.botFireAtTick = view.tick + 10 + drawBelow(dice, 18);
  } else {
    memory.botBurst = 1 + drawBelow(dice, 4);
  }
}

/** Walks from waypoint to waypoint, looking ahead, and now and then dashes for the joy of it. */
function travel(self: BotBody, memory: BotMemory, dice: Dice): MoveInput {
  memory.botHealth = self.health;
  let point = waypoints[memory.botStep];
  if (point !== undefined && isNear(self, point.x, point.y)) {
    const arrived = memory.botStep === memory.botGoal;
    memory.botStep = arrived ? NOWHERE : hopTowards(memory.botStep, memory.botGoal);
    if (arrived) {
      memory.botGoal = NOWHERE;
      memory.botThinkAtTick = 0;
    }
    point = waypoints[memory.botStep];
  }
  if (point === undefined) return { moveX: 0, moveY: 0, aim: self.aim, buttons: 0 };
  const dx = point.x - self.x;
  const dy = point.y - self.y;
  const distance = Math.sqrt(dx * dx + dy * dy) + 0.001;
  const dashes = distance > CLOSE && drawBelow(dice, 200) === 0;
  return {
    moveX: stick(dx / distance),
    moveY: stick(dy / distance),
    aim: turnTowards(self.aim, angleOf(dx, dy)),
    buttons: dashes ? BUTTON.dash : 0,
  };
}

function isNear(self: BotBody, x: number, y: number): boolean {
  return (x - self.x) * (x - self.x) + (y - self.y) * (y - self.y) < ARRIVED * ARRIVED;
}

/** A hand turns fast at first and slows down towards its aim. */
function turnTowards(aim: number, wanted: number): number {
  const turn = turnBetween(aim, wanted);
  const eased = Math.max(-TURN_MAX, Math.min(TURN_MAX, turn * TURN_SHARE));
  return Math.floor(aim + eased + 0.5) & (FULL_TURN - 1);
}

function stick(share: number): number {
  const tilt = Math.floor(share * STICK_MAX + 0.5);
  return Math.max(-STICK_MAX, Math.min(STICK_MAX, tilt));
}
