import { Protocol } from "@colyseus/sdk";
import type { Match } from "./match.ts";
import type { Corrections } from "./prediction.ts";

/** What a net graph shows. */
export interface NetStats {
  /**
   * Milliseconds from sending an input to hearing of its effect, smoothed: the network both ways, the wait for the
   * server's step and the wait for its patch. 0 until the first input was acknowledged.
   */
  readonly rttMs: number;
  /** By how much patches miss their cadence, in ms, smoothed as RFC 3550 does. */
  readonly jitterMs: number;
  readonly patchesPerSecond: number;
  /** Bytes of the newest patch. */
  readonly patchBytes: number;
  /** Bytes of everything received in the last second, without the framing of WebSocket and TCP. */
  readonly bytesPerSecond: number;
  /** The server's present tick, with a fraction: that of the newest state and the time since it was sent. */
  readonly serverTick: number;
  /** Inputs sent and not yet acknowledged. */
  readonly pendingInputs: number;
  readonly corrections: Corrections;
}

/** What `stats` needs of a prediction; none for a spectator. */
interface Predicted {
  readonly input: { readonly pendingCount: number };
  readonly corrections: Corrections;
}

interface StatsOptions {
  readonly prediction?: Predicted;
  readonly now?: () => number;
}

export interface Stats {
  read(): NetStats;
}

const WINDOW_MS = 1000;
/** The low five bits of a frame's first byte say what it is, the rest are modifiers. */
const CODE_MASK = 0x1f;
const noCorrections: Corrections = { count: 0, moved: 0, lastUnits: 0, maxUnits: 0 };

/** Measures a match from now on, at the cost of a few numbers per frame received. */
export function measureMatch<State extends { tick: number }>(
  match: Match<State>,
  { prediction, now = () => performance.now() }: StatsOptions = {},
): Stats {
  const { connection, clock } = match.room;
  let received: Received[] = [];
  let patchBytes = 0;
  const deliver = connection.events.onmessage;
  connection.events.onmessage = (event: { data: ArrayBuffer }) => {
    const isPatch = ((new Uint8Array(event.data)[0] ?? 0) & CODE_MASK) === Protocol.ROOM_STATE_PATCH;
    const bytes = event.data.byteLength;
    if (isPatch) patchBytes = bytes;
    received.push({ atMs: now(), bytes, isPatch });
    if (received.length % 64 === 0) received = recent(received, now());
    deliver?.(event);
  };
  return {
    read() {
      received = recent(received, now());
      const sinceStateMs = clock.lastServerTime() > 0 ? Math.max(0, clock.serverNow() - clock.lastServerTime()) : 0;
      return {
        rttMs: clock.smoothedRtt(),
        jitterMs: clock.jitter(),
        patchesPerSecond: received.filter(({ isPatch }) => isPatch).length,
        patchBytes,
        bytesPerSecond: received.reduce((sum, { bytes }) => sum + bytes, 0),
        serverTick: match.state.tick + sinceStateMs / match.stepMs,
        pendingInputs: prediction?.input.pendingCount ?? 0,
        corrections: prediction?.corrections ?? noCorrections,
      };
    },
  };
}

interface Received {
  readonly atMs: number;
  readonly bytes: number;
  readonly isPatch: boolean;
}

function recent(received: readonly Received[], nowMs: number): Received[] {
  return received.filter(({ atMs }) => nowMs - atMs < WINDOW_MS);
}
