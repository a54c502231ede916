import type { NetworkClock } from "./network-clock.ts";
import { NetworkLine } from "./network-line.ts";
import type { PipeTally } from "./network-pipe.ts";
import type {
  Direction,
  NetworkEvent,
  NetworkProfile,
  NetworkProfileName,
  RebindingAnswer,
} from "./network-profile.ts";

export interface NetworkOptions {
  /** The TCP server behind the network. */
  target: { host: string; port: number };
  /** A name from `networkProfiles` or numbers of one's own. */
  profile: NetworkProfileName | NetworkProfile;
  /**
   * From 0 to 2^32 - 1. The same seed gives the nth segment of each connection and direction the same fate, and makes the
   * same things happen at the same times.
   */
  seed: number;
  /** Real time unless given. */
  clock?: NetworkClock;
  /**
   * Bytes that may wait per connection and direction before the sender is no longer read. It acts as TCP's window: 256 KiB,
   * or twice what the profile's bandwidth has under way in a round trip, unless given. One or two reads of 64 KiB may come on top.
   */
  bufferBytesMax?: number;
}

/** Which connection is meant; all that are open, unless given. Connections count from 0 in the order of acceptance. */
export interface ConnectionChoice {
  connection?: number;
}

export interface CutOptions extends ConnectionChoice {
  /** Let this many further bytes through first; 0 unless given. A receiver that does not read delays the cut. */
  afterBytes?: number;
  /** Which way `afterBytes` counts; `down` unless given. */
  direction?: Direction;
}

export interface HalfCloseOptions extends ConnectionChoice {
  /** Which way ends; `down` unless given: the client sees the end, and the server still hears it. */
  direction?: Direction;
}

export interface RebindOptions extends ConnectionChoice {
  /** `reset` unless given. */
  answer?: RebindingAnswer;
}

/** One way, summed over all connections since the start. */
export type DirectionStatistics = Readonly<Omit<PipeTally, "lateMsMax">>;

export interface NetworkStatistics {
  readonly connectionsOpened: number;
  readonly connectionsOpen: number;
  /** `bytesWaitingMax` is of the one connection where it was highest. */
  readonly up: DirectionStatistics;
  readonly down: DirectionStatistics;
  /** The worst delay of a delivery behind its due time, in ms. Large means that the machine, not the profile, was measured. */
  readonly lateMsMax: number;
  /** How often something happened that the profile has among its events. */
  readonly events: Readonly<Record<NetworkEvent["kind"], number>>;
  /**
   * A fingerprint of every fate given out and every event of the profile. The same in two runs exactly if each connection
   * carried the same segments' fates and the same things happened to the line.
   */
  readonly scheduleHash: string;
}

/**
 * A link that misbehaves on purpose and repeatably: one player's line, whatever the connections on it. What a profile's events
 * do happens to all of them, on a timetable that begins with the network and with every change of profile.
 */
export interface Network {
  /** The port on 127.0.0.1 to connect to instead of the target's. */
  readonly port: number;
  /** `http://127.0.0.1:<port>`, as clients of an HTTP and WebSocket server want it. */
  readonly url: string;
  /** Changes the profile for what is sent from now on; what is under way keeps its time. */
  setProfile(profile: NetworkProfileName | NetworkProfile): void;
  /**
   * Holds everything for `ms` from now, both ways; then all of it arrives at once. Infinity holds until it is lifted; 0 lifts.
   * Neither end hears of the other's closing meanwhile, so a connection can be left half-open. Without a chosen connection,
   * those opened meanwhile are held too.
   */
  stall(ms: number, choice?: ConnectionChoice): void;
  /**
   * Nothing passes for `ms`, as in a tunnel; connections stay, and those opened meanwhile wait. What was under way or is sent
   * meanwhile arrives when its sender tries again, which after a long outage is up to as long again (see `NetworkPipe.lapse`).
   */
  blackhole(ms: number): void;
  /**
   * The router forgets all connections, or the chosen one: nothing passes on them any more and the server hears of nothing.
   * A client that goes on sending is reset a round trip later, or with `silence` not even that. New connections work.
   */
  rebind(options?: RebindOptions): void;
  /** All connections are dead without a word, nothing passes for `ms`, and those opened from now on have the other profile. */
  handover(ms: number, to: NetworkProfileName | NetworkProfile): void;
  /** Resets both ends (ECONNRESET), now or after a number of bytes. What is under way is lost. */
  cut(options?: CutOptions): void;
  /** Ends one way behind the bytes that the network carries; the other way goes on. What is sent that way later is dropped. */
  halfClose(options?: HalfCloseOptions): void;
  statistics(): NetworkStatistics;
  /** Closes the port and every connection; resolves when all sockets are closed. May be called twice. */
  stop(): Promise<void>;
}

/**
 * A seeded TCP proxy on 127.0.0.1 in front of any TCP server. It shapes each direction of each connection on its own.
 * Opening a connection costs what a TCP handshake does: the target sees it three latencies after the client dialled, and the
 * client's first bytes with it. Only the client's own "connected" comes at once, since the kernel answers it.
 * Absent, because a proxy never sees them: segments of other sizes than it reads, congestion control, a link shared by connections.
 */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const network = new NetworkLine(options);
  await network.start();
  return network;
}
