import type { ArenaEvent, ArenaMode } from "../../../schema/state/arena.ts";
import { createBotMemory, decide } from "../../arena/bot.ts";
import { ACT } from "../../arena/movement.ts";
import { NO_SLOT, SLOT_COUNT, STEP_SECONDS } from "../../arena/rules.ts";
import { addPlayer, createPlainWorld, seated } from "../../arena/seats.ts";
import { step } from "../../arena/simulation.ts";
import type { Inputs, Past, PlayerInput, World } from "../../arena/world.ts";
import { seedFromCrypto } from "./chance.ts";
import type { Feed, Hands, Place, SeenPlayer } from "./feed.ts";

interface OfflineRequest {
  readonly mode: ArenaMode;
  /** Who plays slot 0; without hands bots are among themselves. */
  readonly hands?: Hands;
  /** People and bots together. */
  readonly players: number;
  /** A bot moves the own player, too: the demonstration plays itself. */
  readonly isAutopilot?: boolean;
  /** Start of all chance in it, 32 bits; by default a new one each time. */
  readonly seed?: number;
}

const STEP_MS = STEP_SECONDS * 1000;
/** After a pause of the page the missed time is dropped instead of being simulated at once. */
const STEPS_PER_FRAME_MAX = 8;
/** Nobody moves this far in one step, except by being put somewhere. */
const TELEPORT = 2;

const NAMES = [
  "Vera",
  "Kepler",
  "Mirzakhani",
  "Otto",
  "Bosco",
  "Juno",
  "Emmy",
  "Tycho",
  "Nadia",
  "Euler",
  "Ruth",
  "Galois",
];

const presentOnly: Past = { at: () => null };

/** The real simulation, run in this browser with bots: for practice without a server and for the lobby's background. */
export function createOfflineFeed(request: OfflineRequest): Feed {
  const world = createPlainWorld({
    mode: request.mode,
    seed: request.seed ?? seedFromCrypto(),
    matchBase: "practice",
    botFill: 0,
  });
  const slot = request.hands !== undefined ? 0 : NO_SLOT;
  seatEverybody(world, request);
  const steps = createSteps(world, request, slot);
  const { before } = steps;
  return {
    slot,
    world,
    isConnected: true,
    endCode: null,
    tickNow: () => world.tick + steps.fraction(),
    advance: steps.advance,
    place(player, out) {
      placeBetween(player, before, steps.fraction(), out);
      if (player.slot === slot && request.hands && !request.isAutopilot) out.aim = request.hands.aim;
    },
    dashCooldown: () => world.players.get(String(slot))?.dashCooldown ?? 0,
    takeEvents: steps.takeEvents,
    takeActs: steps.takeActs,
    takeRecorded: () => null,
    net: () => null,
    leave() {},
  };
}

function seatEverybody(world: World, { hands, players }: OfflineRequest): void {
  for (let slot = 0; slot < players; slot++) {
    const bot = !(hands !== undefined && slot === 0);
    const name = bot ? (NAMES[slot % NAMES.length] ?? "Bot") : "You";
    addPlayer(world, { slot, name, accountId: "", bot });
  }
}

function createSteps(world: World, request: OfflineRequest, slot: number) {
  const before = { x: new Float64Array(SLOT_COUNT), y: new Float64Array(SLOT_COUNT) };
  const memory = createBotMemory();
  const dice = { seed: request.seed ?? seedFromCrypto() };
  let lastMs: number | null = null;
  let restMs = 0;
  let events: ArenaEvent[] = [];
  let acts = 0;

  const ownInput = (hands: Hands): PlayerInput => {
    const wanted = hands.take();
    const self = world.players.get(String(slot));
    const isDriven = request.isAutopilot && self?.alive && !self.frozen;
    return { ...(isDriven ? decide(world, self, memory, dice) : wanted), viewTick: world.tick };
  };
  const stepOnce = () => {
    for (const player of seated(world)) {
      before.x[player.slot] = player.x;
      before.y[player.slot] = player.y;
    }
    const own = request.hands === undefined ? [] : [ownInput(request.hands)];
    const inputs: Inputs = { of: (asked) => (asked === slot ? own : []) };
    step(world, inputs, presentOnly);
    events.push(...world.events);
    acts |= actsOf(world.events, slot);
  };
  return {
    before,
    fraction: () => restMs / STEP_MS,
    advance(nowMs: number) {
      restMs += Math.min(nowMs - (lastMs ?? nowMs), STEPS_PER_FRAME_MAX * STEP_MS);
      lastMs = nowMs;
      for (; restMs >= STEP_MS; restMs -= STEP_MS) stepOnce();
    },
    takeEvents() {
      const taken = events;
      events = [];
      return taken;
    },
    takeActs() {
      const taken = acts;
      acts = 0;
      return taken;
    },
  };
}

function actsOf(events: readonly ArenaEvent[], slot: number): number {
  let acts = 0;
  for (const event of events) {
    if (event.type === "shot" && event.slot === slot) acts |= ACT.shot;
    if (event.type === "dash" && event.slot === slot) acts |= ACT.dash;
  }
  return acts;
}

/** Between the last step and the one before: a frame shows a moment at most one step old. */
function placeBetween(
  player: SeenPlayer,
  before: { readonly x: Float64Array; readonly y: Float64Array },
  fraction: number,
  out: Place,
): void {
  const fromX = before.x[player.slot] ?? player.x;
  const fromY = before.y[player.slot] ?? player.y;
  const dx = player.x - fromX;
  const dy = player.y - fromY;
  const share = dx * dx + dy * dy > TELEPORT * TELEPORT ? 1 : fraction;
  out.x = fromX + dx * share;
  out.y = fromY + dy * share;
  out.vx = dx / STEP_SECONDS;
  out.vy = dy / STEP_SECONDS;
  out.aim = player.aim;
}
