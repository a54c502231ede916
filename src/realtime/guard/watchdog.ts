import { Worker } from "node:worker_threads";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Errand } from "./activity.ts";

/** The loop shows that it turns this often; the thread looks as often. */
export const BEAT_MS = 50;
/** Longest name of a room and hook that the thread can read, in bytes; what is longer is cut. */
const LABEL_BYTES_MAX = 256;

/** The memory that both threads see: the beat, the length of the running errand's label, and the label. */
export interface Pulse {
  readonly beat: Int32Array;
  readonly length: Int32Array;
  readonly label: Uint8Array;
}

/** What the thread tells once the loop turns again. */
export interface Block {
  readonly blockedMs: number;
  /** `roomName roomId hook`, or empty when no room's code ran. */
  readonly errand: string;
}

export interface Watchdog {
  /** Shows the thread whose code runs now. */
  show(errand: Errand | undefined): void;
  stop(): Promise<void>;
}

export function viewPulse(memory: SharedArrayBuffer): Pulse {
  return {
    beat: new Int32Array(memory, 0, 1),
    length: new Int32Array(memory, 4, 1),
    label: new Uint8Array(memory, 8, LABEL_BYTES_MAX),
  };
}

/** How an errand is named, made once per room and hook so that showing it is a copy of a few bytes. */
export function labelOf({ room, hook }: Pick<Errand, "room" | "hook">): Uint8Array {
  return new TextEncoder().encode(`${room.roomName} ${room.roomId} ${hook}`).slice(0, LABEL_BYTES_MAX);
}

/**
 * Watches the event loop from a thread of its own, which alone can see who blocks it: a block of 100 ms or more is
 * logged with its room and hook as soon as the loop turns again; one of a second or more is written to standard error
 * while it lasts, because the loop may never come back.
 */
export function startWatchdog({ clock, log, metrics }: { clock: Clock; log: Log; metrics: Metrics }): Watchdog {
  const memory = new SharedArrayBuffer(8 + LABEL_BYTES_MAX);
  const pulse = viewPulse(memory);
  const thread = new Worker(new URL("./watchdog-thread.ts", import.meta.url), { workerData: memory, execArgv: [] });
  thread.unref();
  thread.on("message", ({ blockedMs, errand }: Block) => {
    const [room, roomId, ...words] = errand === "" ? [] : errand.split(" ");
    const hook = words.join(" ");
    metrics.loopBlocked.inc({ room: room ?? "none", hook });
    log.warn({ blockedMs, ...(room !== undefined && { room, roomId, hook }) }, "loop.blocked");
  });
  thread.on("error", (err) => log.error({ err }, "watchdog.failed"));
  const stopBeating = clock.every(BEAT_MS, () => Atomics.add(pulse.beat, 0, 1));
  return {
    show(errand) {
      if (errand === undefined) {
        pulse.length[0] = 0;
        return;
      }
      pulse.label.set(errand.label);
      pulse.length[0] = errand.label.length;
    },
    async stop() {
      stopBeating();
      await thread.terminate();
    },
  };
}
