import type { Room } from "@colyseus/sdk";

/** The engine drops a round trip this many times longer than the smoothed one, taking it for a tab that was asleep. */
const OUTLIER_TIMES = 4;
/** So many in a row are what the network is like now. */
const OUTLIERS_MAX = 5;

/**
 * Keeps the room's clock true to its network. The engine's own would go by the first few round trips for ever, were the
 * later ones four times longer: from the first millisecond of a good wire, or after a phone has left it. Others would then
 * be drawn, and shots rewound, at instants that never were.
 */
export function followRoundTrip({ clock }: Pick<Room, "clock">): void {
  // A room that takes no input has a stand-in, which measures nothing.
  if (!isResettable(clock)) return;
  const sample = clock.sample.bind(clock);
  let outliers = 0;
  clock.sample = (serverTimeMs, rttMs) => {
    const smoothedMs = clock.smoothedRtt();
    if (rttMs >= 0) outliers = smoothedMs > 0 && rttMs > smoothedMs * OUTLIER_TIMES ? outliers + 1 : 0;
    if (outliers === OUTLIERS_MAX) {
      outliers = 0;
      clock.reset();
    }
    sample(serverTimeMs, rttMs);
  };
}

function isResettable(clock: Room["clock"]): clock is Room["clock"] & { reset(): void } {
  return "reset" in clock && typeof clock.reset === "function";
}
