import { type Decoder, Encoder, Reflection, type Schema, type SchemaType, schema, t } from "@colyseus/schema";
import { addPlayer, createPlainWorld } from "../rooms/arena/seats.ts";
import { step } from "../rooms/arena/simulation.ts";
import { QUANTIZED } from "../schema/state/arena.ts";
import { packedBytes } from "./contenders/packed.ts";
import type { Length, SuiteResult } from "./report.ts";

/**
 * W4: bytes per client and second for the positions of 16 players over 60 s of a recorded match of bots. The trace is
 * deterministic and nothing is timed, so the numbers are the same on every machine.
 */
const PLAYERS = 16;
const SECONDS = 60;
const PATCHES_PER_SECOND = 20;
const STEPS_PER_PATCH = 2;
const SEED = 20_260_101;
/** Pixels of one unit on the page at its usual zoom; an error below 1/32 px cannot be seen. */
const PIXELS_PER_UNIT = 20;
const ERROR_PX_MAX = 1 / 32;

const Place = schema({ x: t.quantized(QUANTIZED), y: t.quantized(QUANTIZED) }, "Place");
const Places = schema({ places: t.map(Place) }, "Places");
const StockPlace = schema({ x: t.float32(), y: t.float32() }, "StockPlace");
const StockPlaces = schema({ places: t.map(StockPlace) }, "StockPlaces");
type AnyPlaces = SchemaType<typeof Places> | SchemaType<typeof StockPlaces>;

type Frame = readonly { readonly x: number; readonly y: number }[];

export function benchBytes({ length }: { length: Length }): SuiteResult {
  const seconds = length === "quick" ? SECONDS / 4 : SECONDS;
  const trace = record(seconds);
  const ours = encode(new Places(), () => new Place(), trace);
  const stock = encode(new StockPlaces(), () => new StockPlace(), trace);
  const float = packedTotal(trace, (moved) => packedBytes(moved, 4)) / seconds;
  const same = packedTotal(trace, (moved) => packedBytes(moved, 2)) / seconds;
  const bytes = ours.bytes / seconds;
  const ratioRow = (against: string, other: number, target: number) => ({
    id: "W4",
    against,
    ratio: bytes / other,
    target,
    ok: bytes / other <= target,
    isGate: true,
    measured: { "ours B/s": bytes, "theirs B/s": other },
  });
  const tooFar = ours.errorPxMax > ERROR_PX_MAX ? `error of ${ours.errorPxMax} px` : null;
  return {
    suite: "bytes",
    void: tooFar,
    rows: [
      ratioRow("packed f32", float, 1.0),
      ratioRow("packed same width", same, 1.75),
      ratioRow("stock float32", stock.bytes / seconds, 0.7),
    ],
  };
}

/** Sixteen bots play; every patch keeps where each of them is. */
function record(seconds: number): Frame[] {
  const world = createPlainWorld({ mode: "ffa", seed: SEED, matchBase: "bench", botFill: 0 });
  for (let slot = 0; slot < PLAYERS; slot++) addPlayer(world, { slot, name: `bot ${slot}`, accountId: "", bot: true });
  const nobody = { of: () => [] };
  const frames: Frame[] = [];
  for (let patch = 0; patch < seconds * PATCHES_PER_SECOND; patch++) {
    for (let count = 0; count < STEPS_PER_PATCH; count++) step(world, nobody, { at: (_tick, entity) => entity });
    frames.push(
      Array.from({ length: PLAYERS }, (_, slot) => {
        const player = world.players.get(String(slot));
        return { x: player?.x ?? 0, y: player?.y ?? 0 };
      }),
    );
  }
  return frames;
}

/** Encodes the trace as the engine does, decodes it with the engine's decoder, and says how far the result is off. */
function encode(state: AnyPlaces & Schema, aPlace: () => { x: number; y: number }, trace: readonly Frame[]) {
  const encoder = new Encoder(state);
  const places = state.places as Map<string, { x: number; y: number }>;
  for (let slot = 0; slot < PLAYERS; slot++) places.set(String(slot), aPlace());
  const decoder: Decoder = Reflection.decode(Reflection.encode(encoder));
  decoder.decode(encoder.encodeAll());
  encoder.discardChanges();
  let bytes = 0;
  let errorPxMax = 0;
  for (const frame of trace) {
    for (const [slot, { x, y }] of frame.entries()) Object.assign(places.get(String(slot)) ?? {}, { x, y });
    if (!encoder.hasChanges) continue;
    const patch = encoder.encode().slice();
    encoder.discardChanges();
    bytes += patch.length;
    decoder.decode(patch);
    const seen = (decoder.state as unknown as { places: Map<string, { x: number; y: number }> }).places;
    for (const [slot, { x, y }] of frame.entries()) {
      const place = seen.get(String(slot));
      const error = Math.max(Math.abs((place?.x ?? Infinity) - x), Math.abs((place?.y ?? Infinity) - y));
      errorPxMax = Math.max(errorPxMax, error * PIXELS_PER_UNIT);
    }
  }
  return { bytes, errorPxMax };
}

/** A hand-written protocol sends whoever moved since the last patch. */
function packedTotal(trace: readonly Frame[], bytesOf: (moved: number) => number): number {
  let bytes = 0;
  let before: Frame = [];
  for (const frame of trace) {
    bytes += bytesOf(frame.filter(({ x, y }, slot) => before[slot]?.x !== x || before[slot]?.y !== y).length);
    before = frame;
  }
  return bytes;
}
