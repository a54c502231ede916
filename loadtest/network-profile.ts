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
  /** What happens on the line now and then; nothing, unless given. */
  readonly events?: readonly NetworkEvent[];
}

/** It comes without memory, in the mean `everyS` seconds after the end of the one before; see network-events.ts. */
export type NetworkEvent =
  /** A lift, a tunnel: nothing passes for a while between the two, in ms; connections stay. */
  | { readonly kind: "blackhole"; readonly everyS: number; readonly lastsMs: readonly [number, number] }
  /** The router forgets whose the connections are: they are dead, and the server hears nothing of it. New ones work. */
  | { readonly kind: "rebinding"; readonly everyS: number; readonly answer: RebindingAnswer }
  /** From Wi-Fi to 4G: the connections are dead, nothing passes for a while, and then `to` is the profile. */
  | {
      readonly kind: "handover";
      readonly everyS: number;
      readonly lastsMs: readonly [number, number];
      readonly to: NetworkProfileName | NetworkProfile;
    };

/** What a client gets that goes on sending: the reset of a server that knows no such connection, or nothing. */
export type RebindingAnswer = "reset" | "silence";

export type NetworkProfileName = "none" | "lan" | "fibre" | "dsl" | "4g" | "3g" | "train" | "satellite";

const mbit = (count: number) => (count * 1_000_000) / 8;

/**
 * The links players really have. Latency and bandwidth of dsl, 4g (as its "LTE") and 3g are WebPageTest's, which halve its
 * round trips; the rest are our own round numbers. Jitter and loss, which WebPageTest leaves out, are our estimates from
 * ordinary days. So is how often something happens; how long an outage lasts follows LTE's timers for a lost link, 1 s until it
 * counts as lost and up to 1 s to find another cell (T310 and T311, defaults of 3GPP TS 36.331), and what a tunnel adds.
 * That carriers forget connections, some with and some without a reset: Wang et al., An Untold Story of Middleboxes in
 * Cellular Networks, SIGCOMM 2011.
 */
export const networkProfiles: Readonly<Record<NetworkProfileName, NetworkProfile>> = {
  /** Nothing is shaped: the control of a measurement. */
  none: profile({ latencyMs: 0, jitterMs: 0, lossRate: 0, up: null, down: null }),
  /** One switch away, gigabit. True to tenths of a millisecond for a few lines in a thread; a crowd of them is up to 1 ms late. */
  lan: profile({ latencyMs: 0.5, jitterMs: 0.2, lossRate: 0, up: mbit(1000), down: mbit(1000) }),
  /** Fibre to the home and a server in the same country. */
  fibre: profile({ latencyMs: 5, jitterMs: 1, lossRate: 0.0001, up: mbit(100), down: mbit(300) }),
  /** An old copper line: 50 ms round trip, 1.5 Mbit/s down, 384 kbit/s up. */
  dsl: profile({ latencyMs: 25, jitterMs: 5, lossRate: 0.001, up: mbit(0.384), down: mbit(1.5) }),
  /** A telephone with good reception: 70 ms round trip, 12 Mbit/s. */
  "4g": profile({
    ...{ latencyMs: 35, jitterMs: 15, lossRate: 0.002, up: mbit(12), down: mbit(12), shape: "uniform" },
    events: [
      { kind: "blackhole", everyS: 600, lastsMs: [1000, 5000] },
      { kind: "rebinding", everyS: 1800, answer: "reset" },
    ],
  }),
  /** A telephone with poor reception: 300 ms round trip, 1.6 Mbit/s down, 768 kbit/s up. */
  "3g": profile({ latencyMs: 150, jitterMs: 50, lossRate: 0.01, up: mbit(0.768), down: mbit(1.6), shape: "uniform" }),
  /** A telephone in a moving train: handovers between cells make wide jitter and much loss, and there are tunnels. */
  train: profile({
    ...{ latencyMs: 90, jitterMs: 80, lossRate: 0.03, up: mbit(0.5), down: mbit(2), shape: "uniform" },
    events: [
      { kind: "blackhole", everyS: 40, lastsMs: [800, 4000] },
      { kind: "rebinding", everyS: 600, answer: "silence" },
    ],
  }),
  /** A geostationary satellite: light alone needs 240 ms one way. Low orbits (Starlink) are nearer to `4g`. */
  satellite: profile({ latencyMs: 300, jitterMs: 20, lossRate: 0.005, up: mbit(3), down: mbit(25) }),
};

/** The profile of that name, or the given one if its numbers make sense; otherwise a RangeError that says which does not. */
export function networkProfile(choice: NetworkProfileName | NetworkProfile): NetworkProfile {
  if (typeof choice === "string") {
    if (!Object.hasOwn(networkProfiles, choice)) throw new RangeError(`There is no network profile "${choice}".`);
    return networkProfiles[choice];
  }
  const { latencyMs, jitterMs, jitterShape, lossRate, bytesPerSecondUp, bytesPerSecondDown } = choice;
  insist(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY, "latencyMs must be a number of 0 or more.");
  insist(
    jitterMs >= 0 && jitterMs <= latencyMs,
    "jitterMs must be from 0 to latencyMs: nothing arrives before it is sent.",
  );
  insist(jitterShape === "uniform" || jitterShape === "normal", "jitterShape must be uniform or normal.");
  insist(lossRate >= 0 && lossRate <= 1, "lossRate must be from 0 to 1.");
  insist(isRate(bytesPerSecondUp), "bytesPerSecondUp must be above 0, or null for no limit.");
  insist(isRate(bytesPerSecondDown), "bytesPerSecondDown must be above 0, or null for no limit.");
  for (const event of choice.events ?? []) insistOnEvent(event);
  return choice;
}

function insistOnEvent(event: NetworkEvent): void {
  const { kind, everyS } = event;
  insist(["blackhole", "rebinding", "handover"].includes(kind), `There is no network event "${kind}".`);
  insist(everyS > 0 && everyS < Number.POSITIVE_INFINITY, `everyS of a ${kind} must be above 0.`);
  if (event.kind === "rebinding") {
    insist(event.answer === "reset" || event.answer === "silence", "A rebinding is answered with reset or silence.");
    return;
  }
  const [shortestMs, longestMs] = event.lastsMs;
  insist(shortestMs >= 0, `lastsMs of a ${kind} must begin with 0 or more.`);
  insist(
    longestMs >= shortestMs && longestMs < Number.POSITIVE_INFINITY,
    `lastsMs of a ${kind} must end with no less than it begins.`,
  );
  if (event.kind === "handover") networkProfile(event.to);
}

function isRate(bytesPerSecond: number | null): boolean {
  return bytesPerSecond === null || bytesPerSecond > 0;
}

interface ProfileRow {
  latencyMs: number;
  jitterMs: number;
  lossRate: number;
  up: number | null;
  down: number | null;
  shape?: NetworkProfile["jitterShape"];
  events?: readonly NetworkEvent[];
}

function profile({ up, down, shape = "normal", ...rest }: ProfileRow): NetworkProfile {
  return { ...rest, jitterShape: shape, bytesPerSecondUp: up, bytesPerSecondDown: down };
}

function insist(condition: boolean, message: string): void {
  if (!condition) throw new RangeError(message);
}
