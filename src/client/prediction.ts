import { type InputHandle, Predict, type Reconciler } from "@colyseus/sdk";
import type { Match } from "./match.ts";

/** The fields of an entity that hold numbers. */
type NumericField<Entity> = { [Field in keyof Entity]-?: Entity[Field] extends number ? Field : never }[keyof Entity] &
  string;

export interface PredictionOptions<State, Self extends object, Input extends object> {
  /** Finds the player's own entity in the state, or undefined while there is none: asked anew in every frame. */
  readonly self: (state: State) => Self | undefined;
  /** Every field that `step` reads or writes. */
  readonly fields: readonly (keyof Self & string)[];
  /** Of those, the ones that are drawn: a place in units. Only they are smoothed, measured and compared with `snapUnits`. */
  readonly drawn: readonly NumericField<Self>[];
  /**
   * What one input does to the player: the very function that the server calls, pure. It is called again for the same
   * input after each correction, so whatever it reads must be in the body or in the input.
   */
  readonly step: (body: Self, input: Input) => void;
  /** The collections of other entities, each with the numeric fields to interpolate: `{ players: ["x", "y"] }`. */
  readonly others?: Readonly<Record<string, readonly string[]>>;
  /**
   * How far in the past the others are drawn, in ms: two patch intervals let one patch be late. The server rewinds shots
   * by the same number, so that what a player sees is what it hits.
   */
  readonly lerpMs?: number;
  /** Time constant in ms by which a correction fades: 63 % gone after one, 95 % after three. By default one patch. */
  readonly smoothMs?: number;
  /** A jump of more units than this is a teleport or a respawn: drawn at once instead of as a glide. */
  readonly snapUnits?: number;
}

/** How far the server's truth was from the prediction, in units of the drawn fields. */
export interface Corrections {
  /** Corrections looked for: one for each patch that acknowledged an input. */
  readonly count: number;
  /** Of those, the ones that moved the player. */
  readonly moved: number;
  readonly lastUnits: number;
  readonly maxUnits: number;
}

export interface Prediction<Self extends object, Input extends object> {
  /** The engine's predictor, for predicted events and spawns. Its `tick` belongs to `frame`. */
  readonly predict: Predict;
  readonly input: InputHandle<Input>;
  /** The engine's reconciler of the player's own entity; undefined while there is no such entity. */
  readonly reconciler: Reconciler<Self, Input> | undefined;
  readonly corrections: Corrections;
  /**
   * Moves everything to this frame. Call it once per frame, first of all, with the timestamp of requestAnimationFrame.
   * `stage` writes what the player wants into the input, once for each input that is due; each is sent and predicted.
   * Returns how many were sent: none while the connection is down.
   */
  frame(nowMs: number, stage: (input: Input) => void): number;
  /** Where to draw: the player's own entity as predicted, others as interpolated, and anything else as it is. */
  valueOf<Entity extends object>(entity: Entity, field: NumericField<Entity>): number;
  /** Ends the prediction. The match goes on. */
  stop(): void;
}

const LERP_MS = 100;

/**
 * Sets up prediction for a match, the one way there is: the player's own entity moves in the frame in which its input is
 * sent and is corrected by replay when the server has spoken; all others are drawn `lerpMs` in the past. An own entity
 * that goes away and comes back is predicted again, and so it is after a reconnect.
 */
export function predictSelf<State extends object, Self extends object, Input extends object>(
  match: Match<State>,
  options: PredictionOptions<State, Self, Input>,
): Prediction<Self, Input> {
  const { self, others = {}, drawn, lerpMs = LERP_MS, snapUnits = 0 } = options;
  const predict = Predict.get(match.room as never, { mode: "lerp", delay: lerpMs }) as unknown as Predict;
  const detachers = Object.entries(others).map(([collection, fields]) =>
    predict.attachAll(collection as never, { mode: "lerp", fields, snap: snapUnits } as never),
  );
  const input = match.room.input({ mode: "reliable" }) as InputHandle<Input>;
  let own: OwnEntity<Self, Input> | undefined;
  let corrections: Corrections = { count: 0, moved: 0, lastUnits: 0, maxUnits: 0 };

  /** Follows the player's own entity, which dies, respawns as another instance, or is not there yet. */
  const follow = (entity: Self | undefined) => {
    if (entity === own?.entity) return;
    own?.reconciler.dispose();
    own = entity && { entity, reconciler: reconcile(predict, entity, input, options) };
  };
  const advance = (nowMs: number): number => {
    if (own === undefined) return predict.tick(nowMs);
    const fading = drawn.map((field) => offsetsOf(own?.reconciler)[field] ?? 0);
    const seen = own.reconciler.reconcileSeq;
    const due = predict.tick(nowMs);
    if (own.reconciler.reconcileSeq === seen) return due;
    const units = correctionUnits(own.reconciler, drawn, fading);
    corrections = addCorrection(corrections, units);
    if (snapUnits > 0 && units > snapUnits) drawAtOnce(own.reconciler, drawn);
    return due;
  };
  // The engine starts its counters anew at the drop; what was predicted on the old state is void once the new one is here.
  const forgetBack = match.onBack(() => own?.reconciler.reset());

  return {
    predict,
    input,
    get reconciler() {
      return own?.reconciler;
    },
    get corrections() {
      return corrections;
    },
    frame(nowMs, stage) {
      follow(self(match.state));
      const due = advance(nowMs);
      // A socket that is open again is not yet a seat: what it carries now may be lost, and both ends count inputs.
      return match.isConnected ? sendInputs(input, due, stage) : 0;
    },
    valueOf(entity, field) {
      // Between two steps there is no such thing as half a cooldown or half a turn of the aim.
      if (own !== undefined && Object.is(entity, own.entity) && !drawn.includes(field as never)) {
        const body = own.reconciler.state as Record<string, unknown>;
        return (body[field] ?? entity[field]) as number;
      }
      return predict.value(entity, field as never);
    },
    stop() {
      forgetBack();
      follow(undefined);
      for (const detach of detachers) detach();
      predict.dispose();
    },
  };
}

interface OwnEntity<Self extends object, Input> {
  readonly entity: Self;
  readonly reconciler: Reconciler<Self, Input>;
}

function sendInputs<Input>(input: InputHandle<Input>, due: number, stage: (input: Input) => void): number {
  let sent = 0;
  for (; sent < due; sent++) {
    stage(input.data);
    if (input.send() === 0) break;
  }
  return sent;
}

function reconcile<State, Self extends object, Input extends object>(
  predict: Predict,
  entity: Self,
  input: InputHandle<Input>,
  { fields, step, smoothMs }: PredictionOptions<State, Self, Input>,
): Reconciler<Self, Input> {
  return predict.reconciler<Self, Input>(entity, {
    input,
    fields,
    step: (_context, body, command) => step(body, command as Input),
    // The engine keeps the corrections that are measured below only when it is told to warn; it never will.
    warnOnDivergence: Number.POSITIVE_INFINITY,
    ...(smoothMs === undefined ? {} : { smoothMs }),
  }) as Reconciler<Self, Input>;
}

/** By field, what is still to fade of former corrections. Protected by the engine's declaration, and to be had nowhere else. */
function offsetsOf(reconciler: Reconciler | undefined): Record<string, number> {
  return reconciler?.["error"] ?? {};
}

/**
 * How far the last reconcile moved the predicted place. The engine reports the distance to what was drawn, in which
 * former corrections still fade: `fading` takes them out again.
 */
function correctionUnits(reconciler: Reconciler, drawn: readonly string[], fading: readonly number[]): number {
  if (reconciler.lastCorrectionMag === 0) return 0;
  const moved = drawn.map((field, index) => (reconciler.lastCorrection[field] ?? 0) - (fading[index] ?? 0));
  return Math.hypot(...moved);
}

/** Below a thousandth of a unit, corrections are the rounding of floats. */
const ROUNDING_UNITS = 1e-3;

function addCorrection({ count, moved, maxUnits }: Corrections, units: number): Corrections {
  const isMove = units > ROUNDING_UNITS;
  return { count: count + 1, moved: moved + (isMove ? 1 : 0), lastUnits: units, maxUnits: Math.max(maxUnits, units) };
}

/**
 * Cuts to the corrected place. The engine's own threshold compares the largest change of any field, so that a turned aim
 * or a cooldown would count as a jump across the map.
 */
function drawAtOnce(reconciler: Reconciler, drawn: readonly string[]): void {
  for (const field of drawn) {
    reconciler["error"][field] = 0;
    reconciler["prev"][field] = reconciler.state[field];
  }
}
