import { createBotMemory, decide } from "../../rooms/arena/bot.ts";
import { touchesWall } from "../../rooms/arena/geometry.ts";
import { CLEARANCE, movePlayer, predictedFields } from "../../rooms/arena/movement.ts";
import {
  COUNTDOWN_TICKS,
  DASH_COOLDOWN_INPUTS,
  DASH_SPEED,
  FIRE_COOLDOWN_INPUTS,
  FULL_TURN,
  HALF_HEIGHT,
  HALF_WIDTH,
  HEALTH_MAX,
  STEP_SECONDS,
  STICK_MAX,
} from "../../rooms/arena/rules.ts";
import { cosine, sine } from "../../rooms/arena/trigonometry.ts";
import type { BotMemory, MoveInput } from "../../rooms/arena/world.ts";
import {
  ArenaInput,
  type ArenaPhase,
  type ArenaPlayer,
  type ArenaWorld,
  buttons,
  phases,
  seats,
  TICK_HZ,
} from "../../schema/state/arena.ts";
import type { SeededRandom } from "../random.ts";
import type { Flaw, RoomBot } from "./room-bot.ts";

/** What of an arena has to follow from what was there before. */
interface Glance {
  readonly tick: number;
  readonly phase: ArenaPhase;
  readonly matchNumber: number;
  readonly mode: string;
}

const ROUND_SECONDS = 4;
/** Velocities travel in steps of a thousandth. */
const ROUNDING = 0.01;

/** Plays the arena as the room's own bots do. */
export const arenaBot: RoomBot<ArenaWorld, ArenaPlayer, MoveInput, BotMemory, Glance> = {
  tickHz: TICK_HZ,
  input: ArenaInput,
  still: { moveX: 0, moveY: 0, aim: 0, buttons: 0 },
  self: (state, slot) => state.players.get(String(slot)),
  prediction: {
    fields: predictedFields,
    drawn: ["x", "y"],
    step: movePlayer,
    snapUnits: 3,
    unitsPerInputMax: DASH_SPEED * STEP_SECONDS,
    lifeOf: ({ phase, matchNumber }, { alive, frozen, deaths, respawnAtTick, connected }) =>
      `${phase} ${matchNumber} ${alive} ${frozen} ${deaths} ${respawnAtTick} ${connected}`,
  },
  remember: createBotMemory,
  decide({ state, slot, self, body, mood }, memory, random) {
    const { x, y, vx, vy, aim, fireCooldown, dashCooldown, alive, frozen } = body;
    if (!alive || frozen) return { moveX: 0, moveY: 0, aim, buttons: 0 };
    const seen = { x, y, vx, vy, aim, fireCooldown, dashCooldown, alive, frozen, slot, health: self.health };
    const intent = decide(state, seen, memory, { seed: random.uint32() });
    return mood === "frantic" ? hurry(intent, dashCooldown, random) : intent;
  },
  rehearse(mood, random) {
    let walk = aWalk(random);
    return Array.from({ length: ROUND_SECONDS * TICK_HZ }, (_, step) => {
      if (random.below(TICK_HZ) === 0) walk = aWalk(random);
      const pressed = random.below(TICK_HZ) === 0 ? buttons.fire : 0;
      const intent = { ...walk, aim: (walk.aim + step * walk.turn) & (FULL_TURN - 1), buttons: pressed };
      const { moveX, moveY, aim } = intent;
      return mood === "frantic"
        ? hurry(intent, step % DASH_COOLDOWN_INPUTS, random)
        : { moveX, moveY, aim, buttons: pressed };
    });
  },
  glance: ({ tick, phase, matchNumber, mode }) => ({ tick, phase, matchNumber, mode }),
  flawsOf(state, _slot, before) {
    const flaws: Flaw[] = [];
    const flaw = (invariant: string, details: string) => void flaws.push({ invariant, details });
    const { max } = seats[state.mode] ?? { max: 0 };
    if (state.players.size > max) flaw("I5", `${state.players.size} players sit in a ${state.mode} for ${max}.`);
    for (const [key, player] of state.players) {
      if (key !== String(player.slot)) flaw("I7", `The player under slot ${key} says that its slot is ${player.slot}.`);
      judgePlayer(player, (details) => flaw("I7", details));
    }
    if (before !== undefined) judgeOrder(before, state, (details) => flaw("I7", details));
    return flaws;
  },
};

/** Never stands, never lets go of the trigger, and dashes whenever it can. */
function hurry({ moveX, moveY, aim }: MoveInput, dashCooldown: number, random: SeededRandom): MoveInput {
  const pressed = buttons.fire | (dashCooldown === 0 ? buttons.dash : 0);
  if (moveX !== 0 || moveY !== 0) return { moveX, moveY, aim, buttons: pressed };
  const { moveX: awayX, moveY: awayY } = aWalk(random);
  return { moveX: awayX, moveY: awayY, aim, buttons: pressed };
}

/** A heading at full tilt, and how the head turns on the way. */
function aWalk(random: SeededRandom) {
  const heading = random.below(FULL_TURN);
  const moveX = Math.round(cosine(heading) * STICK_MAX);
  const moveY = Math.round(sine(heading) * STICK_MAX);
  return { moveX, moveY, aim: heading, turn: random.below(800) - 400 };
}

function judgePlayer(player: ArenaPlayer, flaw: (details: string) => void): void {
  const { x, y, vx, vy, alive, health, fireCooldown, dashCooldown } = player;
  if (!(Math.abs(x) <= HALF_WIDTH && Math.abs(y) <= HALF_HEIGHT)) {
    flaw(`A player is at ${x.toFixed(1)}, ${y.toFixed(1)}, outside the map of ±${HALF_WIDTH}, ±${HALF_HEIGHT}.`);
  } else if (alive && touchesWall(x, y, CLEARANCE - ROUNDING)) {
    flaw(`A living player is inside a wall at ${x.toFixed(1)}, ${y.toFixed(1)}.`);
  }
  if (!(Math.hypot(vx, vy) <= DASH_SPEED + ROUNDING))
    flaw(`A player is faster than a dash of ${DASH_SPEED} units per second.`);
  if (!(health <= HEALTH_MAX)) flaw(`A player's health is ${health}, allowed are 0 to ${HEALTH_MAX}.`);
  if (alive && health === 0) flaw("A player lives with a health of 0.");
  if (fireCooldown > FIRE_COOLDOWN_INPUTS)
    flaw(`fireCooldown is ${fireCooldown}, allowed are 0 to ${FIRE_COOLDOWN_INPUTS}.`);
  if (dashCooldown > DASH_COOLDOWN_INPUTS)
    flaw(`dashCooldown is ${dashCooldown}, allowed are 0 to ${DASH_COOLDOWN_INPUTS}.`);
}

/** By phase, the ones that may stand in the next patch. */
const followers: Readonly<Record<ArenaPhase, readonly ArenaPhase[]>> = {
  [phases.waiting]: [phases.countdown],
  [phases.countdown]: [phases.waiting, phases.playing],
  [phases.playing]: [phases.results],
  [phases.results]: [phases.countdown, phases.waiting],
};
/** A duel starts over when a second person comes late. */
const restarts: readonly ArenaPhase[] = [phases.waiting, phases.countdown];

function judgeOrder(before: Glance, { tick, phase, matchNumber, mode }: ArenaWorld, flaw: (details: string) => void) {
  if (mode !== before.mode) flaw(`The mode changed from ${before.mode} to ${mode}.`);
  if (matchNumber < before.matchNumber) flaw("An earlier match came back.");
  if (!(phase in followers)) return flaw(`The phase is ${phase}, which there is not.`);
  // Whoever has missed so much may have missed a whole phase.
  if (phase === before.phase || tick - before.tick > COUNTDOWN_TICKS) return;
  const mayRestart = mode === "duel" && before.phase === phases.playing && restarts.includes(phase);
  if (!mayRestart && !followers[before.phase]?.includes(phase))
    flaw(`Phase ${phase} followed on phase ${before.phase}.`);
}
