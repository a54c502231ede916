import type { Match } from "../../src/client/match.ts";
import { type Prediction, predictSelf } from "../../src/client/prediction.ts";
import { createSeededRandom } from "../random.ts";
import type { BotPlan, BotWorld } from "./bot.ts";
import { contained } from "./failure.ts";
import { InputAudit } from "./input-audit.ts";
import { moodOf } from "./room-bot.ts";
import type { AnyRoomBot, AnyState } from "./rooms.ts";
import { StateJudge } from "./state-judge.ts";
import { tickerOf } from "./ticker.ts";

/** How often a bot looks whether an input is due. It is also how late the swarm itself may be. */
const GLANCE = { periodMs: 5, phases: 1 };
/** Streams of a bot's seed. */
export const DECISIONS = 1;

interface SeatParts {
  readonly match: Match<AnyState>;
  readonly room: AnyRoomBot;
  readonly plan: BotPlan;
  readonly world: BotWorld;
}

/** A full bot in its seat: plays, predicts, measures, and checks what it sees. */
export class FullSeat {
  readonly #match: Match<AnyState>;
  readonly #room: AnyRoomBot;
  readonly #world: BotWorld;
  readonly #mood;
  readonly #random;
  readonly #memory: unknown;
  readonly #prediction: Prediction<object, object>;
  readonly #judge: StateJudge;
  readonly #audit: InputAudit;
  readonly #stops: (() => void)[];
  /** When the next input is due, in ms of the run. */
  #dueMs = 0;
  #corrections = 0;
  #hasNewLife = true;

  constructor({ match, room, plan, world }: SeatParts) {
    this.#match = match;
    this.#room = room;
    this.#world = world;
    this.#mood = moodOf(plan.persona);
    this.#random = createSeededRandom(plan.seed, DECISIONS);
    this.#memory = room.remember(this.#random);
    const violation = (invariant: string, details: string) => world.recorder.violation(invariant, details);
    this.#judge = new StateJudge(room, violation);
    this.#audit = new InputAudit({ room, violation, onEcho: (ms) => world.recorder.record("echoMs", ms) });
    this.#prediction = predict(match, room);
    this.#judge.look(match.state, match.slot);
    // The engine's signal has no way back that can be relied on, so this stays for as long as the room.
    match.room.onStateChange(() => contained(world.recorder, () => this.#look()));
    this.#stops = [
      match.onDropped(() => {
        this.#judge.interrupt();
        this.#audit.reset();
      }),
      tickerOf(GLANCE).add(() => contained(world.recorder, () => this.#play())),
    ];
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#prediction.stop();
  }

  #look(): void {
    const { state, slot, isConnected } = this.#match;
    if (!isConnected || this.#stops.length === 0) return;
    this.#judge.look(state, slot);
    const self = this.#room.self(state, slot);
    if (self === undefined) return;
    const seq = this.#prediction.input.lastProcessed;
    this.#audit.look({ state, self, seq, atMs: this.#world.nowMs() });
    this.#hasNewLife ||= this.#audit.hasNewLife;
  }

  #play(): void {
    const nowMs = this.#world.nowMs();
    if (nowMs < this.#dueMs || this.#match.end !== undefined) return;
    const { stepMs } = this.#match;
    const sent = this.#prediction.frame(performance.now(), (input) => {
      const intent = this.#decide();
      const dueMs = Math.min(this.#dueMs, nowMs);
      this.#audit.sent(this.#prediction.input.sentCount + 1, { dueMs, input: intent });
      Object.assign(input, intent);
      this.#dueMs = dueMs + stepMs;
    });
    // What the engine leaves out after a hitch of the swarm's own is never sent, and so never due.
    if (nowMs - this.#dueMs >= stepMs) this.#dueMs = nowMs;
    if (sent > 0) this.#world.recorder.count("inputsSent", sent);
    this.#recordCorrection();
  }

  #decide(): object {
    const { state, slot } = this.#match;
    const self = this.#room.self(state, slot);
    if (this.#mood === "idle" || self === undefined) return this.#room.still;
    const body = this.#prediction.reconciler?.state ?? self;
    return this.#room.decide({ state, slot, self, body, mood: this.#mood }, this.#memory, this.#random);
  }

  /** To be put somewhere by a rule of the game is no correction. */
  #recordCorrection(): void {
    const { count, lastUnits } = this.#prediction.corrections;
    if (count === this.#corrections) return;
    if (!this.#hasNewLife) this.#world.recorder.record("correctionUnits", lastUnits);
    this.#corrections = count;
    this.#hasNewLife = false;
  }
}

function predict(match: Match<AnyState>, room: AnyRoomBot): Prediction<object, object> {
  const { fields, drawn, step, snapUnits } = room.prediction;
  return predictSelf<AnyState, object, object>(match, {
    self: (state) => room.self(state, match.slot),
    // The room's file is checked against its own state; here all rooms look alike.
    fields: fields as readonly never[],
    drawn: drawn as readonly never[],
    step,
    snapUnits,
  });
}
