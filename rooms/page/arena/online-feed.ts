import type { ArenaEvent, ArenaInput, ArenaPlayer, ArenaWorld } from "../../../schema/state/arena.ts";
import type { Match } from "../../../src/client/match.ts";
import { type Prediction, predictSelf } from "../../../src/client/prediction.ts";
import { measureMatch } from "../../../src/client/stats.ts";
import { ACT, movePlayer } from "../../arena/movement.ts";
import { SLOT_COUNT } from "../../arena/rules.ts";
import { turnBetween } from "../../arena/trigonometry.ts";
import type { Feed, Hands, Place, Recorded, SeenPlayer } from "./feed.ts";

/** Further than anybody runs or dashes between two patches: whoever moved this far was put there. */
const SNAP_UNITS = 3;
/** How fast the barrels of others follow what was received, in seconds. */
const AIM_SECONDS = 0.05;
const FULL_TURN_MASK = 0xffff;

/** A match on a server: oneself predicted, everyone else as received a moment ago. */
export function createOnlineFeed(match: Match<ArenaWorld>, hands: Hands): Feed {
  const prediction = predict(match);
  const stats = measureMatch(match, { prediction });
  const heard = listen(match);
  const barrels = createBarrels();
  const acts = createActs(match, prediction);
  return {
    get slot() {
      return match.slot;
    },
    get world() {
      return match.state;
    },
    get isConnected() {
      return match.isConnected;
    },
    get endCode() {
      return match.end?.code ?? null;
    },
    tickNow() {
      const { clock } = match.room;
      const sinceMs = clock.lastServerTime() > 0 ? clock.serverNow() - clock.lastServerTime() : 0;
      return match.state.tick + Math.max(0, sinceMs) / match.stepMs;
    },
    advance(nowMs) {
      if (match.end !== undefined) return;
      prediction.frame(nowMs, (input) => Object.assign(input, hands.take()));
      acts.watch();
      barrels.turn(match.state, nowMs);
    },
    place(player, out) {
      placeAt(prediction, player, out);
      out.aim = player.slot === match.slot ? hands.aim : barrels.aim(player.slot);
    },
    dashCooldown() {
      const self = match.self(match.state.players);
      return self === undefined ? 0 : prediction.valueOf(self, "dashCooldown");
    },
    takeEvents: heard.takeEvents,
    takeRecorded: heard.takeRecorded,
    takeActs: acts.take,
    net() {
      const { rttMs, jitterMs, bytesPerSecond, pendingInputs, corrections } = stats.read();
      return { rttMs, jitterMs, bytesPerSecond, pendingInputs, correctionUnits: corrections.lastUnits };
    },
    leave() {
      prediction.stop();
      match.leave().catch(() => {});
    },
  };
}

function predict(match: Match<ArenaWorld>): Prediction<ArenaPlayer, ArenaInput> {
  return predictSelf<ArenaWorld, ArenaPlayer, ArenaInput>(match, {
    self: (state) => match.self<ArenaPlayer>(state.players),
    fields: ["x", "y", "vx", "vy", "aim", "fireCooldown", "dashCooldown", "alive", "frozen"],
    drawn: ["x", "y"],
    step: movePlayer,
    others: { players: ["x", "y"] },
    snapUnits: SNAP_UNITS,
  });
}

function listen(match: Match<ArenaWorld>) {
  let events: ArenaEvent[] = [];
  let recorded: Recorded | null = null;
  match.on<ArenaEvent[]>("events", (heard) => {
    events.push(...heard);
  });
  match.on<Recorded>("recorded", (heard) => {
    recorded = heard;
  });
  return {
    takeEvents() {
      const taken = events;
      events = [];
      return taken;
    },
    takeRecorded() {
      const taken = recorded;
      recorded = null;
      return taken;
    },
  };
}

function placeAt(prediction: Prediction<ArenaPlayer, ArenaInput>, player: SeenPlayer, out: Place): void {
  out.x = prediction.valueOf(player, "x");
  out.y = prediction.valueOf(player, "y");
  out.vx = player.vx;
  out.vy = player.vy;
}

/** The aim of others. It is an angle that wraps around, so it is turned here and not interpolated with the places. */
function createBarrels() {
  const aims = new Float64Array(SLOT_COUNT);
  let lastMs = 0;
  return {
    aim: (slot: number) => (aims[slot] ?? 0) & FULL_TURN_MASK,
    turn(world: ArenaWorld, nowMs: number) {
      const share = 1 - Math.exp(-(nowMs - lastMs) / 1000 / AIM_SECONDS);
      lastMs = nowMs;
      for (const player of world.players.values()) {
        const from = aims[player.slot] ?? 0;
        aims[player.slot] = from + turnBetween(from & FULL_TURN_MASK, player.aim) * share;
      }
    },
  };
}

/** Notices own shots and dashes in the prediction: their cooldown begins in the very frame of the click. */
function createActs(match: Match<ArenaWorld>, prediction: Prediction<ArenaPlayer, ArenaInput>) {
  let fireCooldown = 0;
  let dashCooldown = 0;
  let acts = 0;
  return {
    watch() {
      const self = match.self<ArenaPlayer>(match.state.players);
      if (self === undefined) return;
      const fire = prediction.valueOf(self, "fireCooldown");
      const dash = prediction.valueOf(self, "dashCooldown");
      if (fire > fireCooldown) acts |= ACT.shot;
      if (dash > dashCooldown) acts |= ACT.dash;
      fireCooldown = fire;
      dashCooldown = dash;
    },
    take() {
      const taken = acts;
      acts = 0;
      return taken;
    },
  };
}
