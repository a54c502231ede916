/** The way bytes go: `up` is from the client to the server, `down` from the server to the client. */
export type Direction = "up" | "down";

/** What a link does to a TCP connection. Both directions have the same latency, jitter and loss, drawn independently. */
export interface NetworkProfile {
  /** Mean one-way latency in ms; a round trip takes twice as much. */
  readonly latencyMs: number;
  /** The furthest a one-way latency strays from the mean, in ms; at most `latencyMs`. */
  readonly jitterMs: number;
  /**
   * `uniform`: every latency within ± `jitterMs` is equally likely, as on radio links that wait for a slot.
   * `normal`: a bell of standard deviation `jitterMs / 2`, redrawn outside ± `jitterMs`, as on wires with short queues.
   */
  readonly jitterShape: "uniform" | "normal";
  /** Probability from 0 to 1 that a segment is lost and comes again one retransmission timeout later. */
  readonly lossRate: number;
  /** Bytes per second from client to server, for each connection; null is unlimited. */
  readonly bytesPerSecondUp: number | null;
  /** Bytes per second from server to client, for each connection; null is unlimited. */
  readonly bytesPerSecondDown: number | null;
}

export type NetworkProfileName = "none" | "lan" | "fibre" | "dsl" | "4g" | "3g" | "train" | "satellite";

const mbit = (count: number) => (count * 1_000_000) / 8;

/**
 * The links players really have. Latency and bandwidth of dsl, 4g (as its "LTE") and 3g are WebPageTest's, which halve its
 * round trips; the rest are our own round numbers. Jitter and loss, which WebPageTest leaves out, are our estimates from
 * ordinary days; long outages (a lift, a tunnel) are not in any profile: they are `stall` and `cut`.
 */
export const networkProfiles: Readonly<Record<NetworkProfileName, NetworkProfile>> = {
  /** Nothing is shaped: the control of a measurement. */
  none: profile({ latencyMs: 0, jitterMs: 0, lossRate: 0, up: null, down: null }),
  /** One switch away, gigabit. Timers of 1 ms make it about 1.5 ms one way in practice. */
  lan: profile({ latencyMs: 0.5, jitterMs: 0.2, lossRate: 0, up: mbit(1000), down: mbit(1000) }),
  /** Fibre to the home and a server in the same country. */
  fibre: profile({ latencyMs: 5, jitterMs: 1, lossRate: 0.0001, up: mbit(100), down: mbit(300) }),
  /** An old copper line: 50 ms round trip, 1.5 Mbit/s down, 384 kbit/s up. */
  dsl: profile({ latencyMs: 25, jitterMs: 5, lossRate: 0.001, up: mbit(0.384), down: mbit(1.5) }),
  /** A telephone with good reception: 70 ms round trip, 12 Mbit/s. */
  "4g": profile({ latencyMs: 35, jitterMs: 15, lossRate: 0.002, up: mbit(12), down: mbit(12), shape: "uniform" }),
  /** A telephone with poor reception: 300 ms round trip, 1.6 Mbit/s down, 768 kbit/s up. */
  "3g": profile({ latencyMs: 150, jitterMs: 50, lossRate: 0.01, up: mbit(0.768), down: mbit(1.6), shape: "uniform" }),
  /** A telephone in a moving train: handovers make wide jitter and much loss. */
  train: profile({ latencyMs: 90, jitterMs: 80, lossRate: 0.03, up: mbit(0.5), down: mbit(2), shape: "uniform" }),
  /** A geostationary satellite: light alone needs 240 ms one way. Low orbits (Starlink) are nearer to `4g`. */
  satellite: profile({ latencyMs: 300, jitterMs: 20, lossRate: 0.005, up: mbit(3), down: mbit(25) }),
};

/** The profile of that name, or the given one if its numbers make sense; otherwise a RangeError that says which does not. */
export function networkProfile(choice: NetworkProfileName | NetworkProfile): NetworkProfile {
  if (typeof choice === "string") {
    if (!Object.hasOwn(networkProfiles, choice)) throw new RangeError(`There is no network profile "${choice}".`);
    return networkProfiles[choice];
  }
  const { latencyMs, jitterMs, lossRate, bytesPerSecondUp, bytesPerSecondDown } = choice;
  insist(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY, "latencyMs must be 0 or more.");
  insist(
    jitterMs >= 0 && jitterMs <= latencyMs,
    "jitterMs must be from 0 to latencyMs: nothing arrives before it is sent.",
  );
  insist(lossRate >= 0 && lossRate <= 1, "lossRate must be from 0 to 1.");
  for (const bytesPerSecond of [bytesPerSecondUp, bytesPerSecondDown]) {
    insist(bytesPerSecond === null || bytesPerSecond > 0, "bytesPerSecond must be above 0, or null for no limit.");
  }
  return choice;
}

interface ProfileRow {
  latencyMs: number;
  jitterMs: number;
  lossRate: number;
  up: number | null;
  down: number | null;
  shape?: NetworkProfile["jitterShape"];
}

function profile({ up, down, shape = "normal", ...rest }: ProfileRow): NetworkProfile {
  return { ...rest, jitterShape: shape, bytesPerSecondUp: up, bytesPerSecondDown: down };
}

function insist(condition: boolean, message: string): void {
  if (!condition) throw new RangeError(message);
}
