import { setTimeout as pause } from "node:timers/promises";
import { createSeededRandom, type SeededRandom } from "../loadtest/random.ts";
import type { Truth } from "./contenders/contender.ts";
import { type Direction, PLACE_ERROR_MAX, type Place, STRIDE, TICK_MS } from "./contenders/movement.ts";
import type { Probe } from "./probes.ts";

const PUSH = 100;
/** An input that is not seen by then was lost, which no honest server does. */
const SEEN_MS_MAX = 5000;
const REST_MS_MIN = 20;
const REST_MS_MAX = 120;

/**
 * Sends one input after the other, at moments that have nothing to do with the server's ticks, and measures in
 * milliseconds how long each takes until the probe sees itself moved. Goes on until `deadlineMs`.
 */
export async function measureLatency(probe: Probe, deadlineMs: number, seed: number): Promise<number[]> {
  const random = createSeededRandom(seed);
  const latencies: number[] = [];
  for (let turn = 0; performance.now() < deadlineMs; turn++) {
    latencies.push(await untilSeen(probe, { dx: turn % 2 === 0 ? PUSH : -PUSH, dy: 0 }));
    await rest(random);
  }
  return latencies;
}

const rest = (random: SeededRandom) => pause(REST_MS_MIN + random.below(REST_MS_MAX - REST_MS_MIN));

/** Sends an input and waits until the own player is elsewhere. */
async function untilSeen(probe: Probe, direction: Direction): Promise<number> {
  const { x, y } = placeOf(probe);
  const sentMs = performance.now();
  probe.move(direction);
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("The probe's input was never reflected.")), SEEN_MS_MAX);
    probe.onState = () => {
      const now = probe.place();
      if (now === undefined || (now.x === x && now.y === y)) return;
      clearTimeout(timer);
      probe.onState = () => {};
      resolve();
    };
  });
  return performance.now() - sentMs;
}

/**
 * Why a contender does not play the game that is measured, or null. The probe sends one more input and must see exactly
 * that move; then every probe must see itself where the server says it is. A fast server that is wrong is no server.
 */
export async function checkProbes(probes: readonly Probe[], askTruth: () => Promise<Truth>): Promise<string | null> {
  for (const probe of probes) {
    const { x, y } = { ...placeOf(probe) };
    await untilSeen(probe, { dx: PUSH, dy: -PUSH });
    await pause(2 * TICK_MS);
    const after = placeOf(probe);
    const error = distance(after, { x: x + PUSH * STRIDE, y: y - PUSH * STRIDE });
    if (error > 2 * PLACE_ERROR_MAX) return `an input moved its player ${error} units too far or too little`;
  }
  const truth = await askTruth();
  for (const probe of probes) {
    const there = truth[probe.name()];
    if (there === undefined) return `the server knows no player ${probe.name()}`;
    const error = distance(placeOf(probe), there);
    if (error > PLACE_ERROR_MAX) return `a decoded place is ${error} units off the server's`;
  }
  return null;
}

function placeOf(probe: Probe): Place {
  const place = probe.place();
  if (place === undefined) throw new Error(`The probe does not see its own player ${probe.name()}.`);
  return place;
}

function distance(a: Place, b: Place): number {
  return Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));
}
