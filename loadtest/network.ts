import type { Server } from "node:net";
import { createServer, Socket } from "node:net";
import type { NetworkClock, PipeTally } from "./network-pipe.ts";
import { NetworkPipe } from "./network-pipe.ts";
import type { Direction, NetworkProfile, NetworkProfileName } from "./network-profile.ts";
import { networkProfile } from "./network-profile.ts";
import type { Schedule } from "./network-schedule.ts";
import { createSchedule, hashText } from "./network-schedule.ts";

export interface NetworkOptions {
  /** The TCP server behind the network. */
  target: { host: string; port: number };
  /** A name from `networkProfiles` or numbers of one's own. */
  profile: NetworkProfileName | NetworkProfile;
  /** From 0 to 2^32 - 1. The same seed gives the nth segment of each connection and direction the same fate. */
  seed: number;
  /** Real time unless given. */
  clock?: NetworkClock;
  /**
   * Bytes that may wait per connection and direction before the sender is no longer read; 256 KiB unless given. It acts as
   * TCP's window: at 150 ms one way it allows 1.7 MB/s. One or two reads of 64 KiB may come on top.
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
  /** A fingerprint of every fate given out. The same in two runs exactly if each connection carried the same segments' fates. */
  readonly scheduleHash: string;
}

/** A link that misbehaves on purpose and repeatably. */
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
  const network = new ShapedNetwork(options);
  await network.start();
  return network;
}

interface Connection {
  client: Socket;
  server: Socket;
  pipes: Record<Direction, NetworkPipe>;
  schedules: Schedule[];
  closed: Promise<unknown>;
}

const bufferBytesMaxDefault = 256 * 1024;

const systemClock: NetworkClock = {
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

class ShapedNetwork implements Network {
  readonly #options: NetworkOptions;
  readonly #clock: NetworkClock;
  readonly #listener: Server;
  readonly #connections = new Map<number, Connection>();
  readonly #tallies: Record<Direction, PipeTally> = { up: emptyTally(), down: emptyTally() };
  #profile: NetworkProfile;
  #connectionsOpened = 0;
  #heldUntilMs = 0;
  /** The sum of the schedules of connections that are gone; a sum, so that the order of their going does not matter. */
  #hashOfClosed = 0;
  #stopped: Promise<void> | null = null;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#profile = networkProfile(options.profile);
    // A bad seed must be refused here, where the caller sees it, and not when the first player connects.
    createSchedule({ profile: this.#profile, seed: options.seed });
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  get port(): number {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("The network is stopped and has no port.");
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.on("error", reject);
      this.#listener.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, resolve);
    });
  }

  setProfile(profile: NetworkProfileName | NetworkProfile): void {
    this.#profile = networkProfile(profile);
    for (const { schedules } of this.#connections.values()) {
      for (const schedule of schedules) schedule.setProfile(this.#profile);
    }
  }

  stall(ms: number, { connection }: ConnectionChoice = {}): void {
    if (!(ms >= 0)) throw new RangeError("A stall lasts 0 ms or more.");
    const untilMs = ms === 0 ? 0 : this.#clock.monotonicMs() + ms;
    if (connection === undefined) this.#heldUntilMs = untilMs;
    for (const { pipes } of this.#chosen(connection)) {
      pipes.up.hold(untilMs);
      pipes.down.hold(untilMs);
    }
  }

  cut({ connection, afterBytes = 0, direction = "down" }: CutOptions = {}): void {
    if (!Number.isInteger(afterBytes) || afterBytes < 0) throw new RangeError("afterBytes must be whole, 0 or more.");
    for (const chosen of this.#chosen(connection)) {
      if (afterBytes === 0) reset(chosen);
      else chosen.pipes[direction].cutAfter(afterBytes);
    }
  }

  halfClose({ connection, direction = "down" }: HalfCloseOptions = {}): void {
    for (const { pipes } of this.#chosen(connection)) pipes[direction].finish();
  }

  statistics(): NetworkStatistics {
    let hash = this.#hashOfClosed;
    for (const { schedules } of this.#connections.values()) hash = addHashes(hash, schedules);
    const { lateMsMax: lateMsMaxUp, ...up } = this.#tallies.up;
    const { lateMsMax: lateMsMaxDown, ...down } = this.#tallies.down;
    return {
      connectionsOpened: this.#connectionsOpened,
      connectionsOpen: this.#connections.size,
      up,
      down,
      lateMsMax: Math.max(lateMsMaxUp, lateMsMaxDown),
      scheduleHash: hashText(hash),
    };
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  async #close(): Promise<void> {
    const closed = [new Promise<unknown>((resolve) => this.#listener.close(resolve))];
    for (const connection of this.#connections.values()) {
      closed.push(connection.closed);
      connection.client.destroy();
      connection.server.destroy();
    }
    await Promise.all(closed);
  }

  /** Open connections; a number that was never given out is the caller's mistake, one that is gone is nothing to do. */
  #chosen(number: number | undefined): Connection[] {
    if (number === undefined) return [...this.#connections.values()];
    if (!Number.isInteger(number) || number < 0 || number >= this.#connectionsOpened) {
      throw new RangeError(`There has been no connection ${number}; ${this.#connectionsOpened} were opened so far.`);
    }
    const connection = this.#connections.get(number);
    return connection === undefined ? [] : [connection];
  }

  #accept(client: Socket): void {
    const number = this.#connectionsOpened++;
    const server = new Socket({ allowHalfOpen: true });
    server.setNoDelay(true);
    const pipes = { up: this.#pipe(number, "up", client, server), down: this.#pipe(number, "down", server, client) };
    const connection: Connection = {
      client,
      server,
      pipes: { up: pipes.up.pipe, down: pipes.down.pipe },
      schedules: [pipes.up.schedule, pipes.down.schedule],
      closed: Promise.all([socketClosed(client), socketClosed(server)]),
    };
    this.#connections.set(number, connection);
    void connection.closed.then(() => {
      this.#connections.delete(number);
      this.#hashOfClosed = addHashes(this.#hashOfClosed, connection.schedules);
    });
    connection.pipes.up.hold(this.#heldUntilMs);
    connection.pipes.down.hold(this.#heldUntilMs);
    connection.pipes.up.signal("open", 3 * this.#profile.latencyMs);
  }

  #pipe(connection: number, direction: Direction, source: Socket, destination: Socket) {
    const schedule = createSchedule({ profile: this.#profile, seed: this.#options.seed, connection, direction });
    const pipe = new NetworkPipe({
      source,
      destination,
      schedule,
      clock: this.#clock,
      tally: this.#tallies[direction],
      bufferBytesMax: this.#options.bufferBytesMax ?? bufferBytesMaxDefault,
      dial: () => destination.connect(this.#options.target),
      onCut: () => {
        const cut = this.#connections.get(connection);
        if (cut !== undefined) reset(cut);
      },
    });
    return { pipe, schedule };
  }
}

function reset({ client, server }: Connection): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}

/** An error is followed by "close", which is where a pipe learns of it; nobody else has to. */
function socketClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.once("close", () => resolve());
  });
}

function addHashes(sum: number, schedules: readonly Schedule[]): number {
  return schedules.reduce((total, schedule) => (total + schedule.hash()) >>> 0, sum);
}

function emptyTally(): PipeTally {
  return { bytesIn: 0, bytesOut: 0, bytesWaiting: 0, bytesWaitingMax: 0, segments: 0, segmentsLost: 0, lateMsMax: 0 };
}
