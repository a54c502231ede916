import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { createSystemClock } from "../../platform/clock.ts";
import { BEAT_MS, type Block, viewPulse } from "./watchdog.ts";

/** A block of this length is told. */
const WARN_MS = 100;
/** From this length on it is told while it lasts, at every doubling. */
const STUCK_MS = 1000;
const STDERR = 2;

const clock = createSystemClock();
const pulse = viewPulse(workerData as SharedArrayBuffer);
const nobody = new Int32Array(new SharedArrayBuffer(4));

let lastBeat = Atomics.load(pulse.beat, 0);
let beatAtMs = clock.monotonicMs();
let block: Block | undefined;
let tellAtMs = STUCK_MS;

/** Whose code ran while the loop stood still. */
function errandNow(): string {
  return new TextDecoder().decode(pulse.label.slice(0, Atomics.load(pulse.length, 0)));
}

function look(): void {
  const nowMs = clock.monotonicMs();
  const beat = Atomics.load(pulse.beat, 0);
  if (beat !== lastBeat) {
    if (block !== undefined) parentPort?.postMessage({ ...block, blockedMs: Math.round(nowMs - beatAtMs) });
    [lastBeat, beatAtMs, block, tellAtMs] = [beat, nowMs, undefined, STUCK_MS];
    return;
  }
  const blockedMs = Math.round(nowMs - beatAtMs);
  if (blockedMs >= WARN_MS + BEAT_MS) block ??= { blockedMs, errand: errandNow() };
  if (blockedMs >= tellAtMs) {
    tellAtMs *= 2;
    writeSync(
      STDERR,
      `${JSON.stringify({ level: "error", time: clock.date().toISOString(), blockedMs, errand: errandNow(), msg: "loop.stuck" })}\n`,
    );
  }
}

// Nobody ever wakes this wait: it is a timer that needs no event loop.
for (;;) {
  Atomics.wait(nobody, 0, 0, BEAT_MS);
  look();
}
