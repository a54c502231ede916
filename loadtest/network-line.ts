import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import type {
  ConnectionChoice,
  CutOptions,
  HalfCloseOptions,
  Network,
  NetworkOptions,
  NetworkStatistics,
  RebindOptions,
} from "./network.ts";
import type { NetworkClock } from "./network-clock.ts";
import { createNetworkClock } from "./network-clock.ts";
import type { Connection } from "./network-connection.ts";
import { loseConnection, openConnection, resetConnection } from "./network-connection.ts";
import type { Timetable } from "./network-events.ts";
import { createTimetable } from "./network-events.ts";
import { hashText } from "./network-hash.ts";
import type { PipeTally } from "./network-pipe.ts";
import type { Direction, NetworkEvent, NetworkProfile, NetworkProfileName } from "./network-profile.ts";
import { networkProfile } from "./network-profile.ts";
import type { Schedule } from "./network-schedule.ts";
import { createSchedule } from "./network-schedule.ts";

const bufferBytesMaxDefault = 256 * 1024;

/** One for all networks of this thread, so that they wait for one timer. */
const systemClock = createNetworkClock();

/** What `startNetwork` starts. */
export class NetworkLine implements Network {
  readonly #options: NetworkOptions;
  readonly #clock: NetworkClock;
  readonly #listener: Server;
  readonly #connections = new Map<number, Connection>();
  readonly #tallies: Record<Direction, PipeTally> = { up: emptyTally(), down: emptyTally() };
  #profile: NetworkProfile;
  #connectionsOpened = 0;
  #heldUntilMs = 0;
  #outageUntilMs = 0;
  #timetable: Timetable;
  #cancelEvent: () => void = () => {};
  readonly #events = { blackhole: 0, rebinding: 0, handover: 0 };
  /** Of timetables that are no longer in force. */
  #hashOfEvents = 0;
  /** The sum of the schedules of connections that are gone; a sum, so that the order of their going does not matter. */
  #hashOfClosed = 0;
  #stopped: Promise<void> | null = null;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#profile = networkProfile(options.profile);
    // A bad seed must be refused here, where the caller sees it, and not when the first player connects.
    this.#timetable = createTimetable(this.#profile, options.seed);
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

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.on("error", reject);
      this.#listener.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, resolve);
    });
    this.#awaitEvent(this.#clock.monotonicMs());
  }

  setProfile(profile: NetworkProfileName | NetworkProfile): void {
    this.#useProfile(networkProfile(profile));
    this.#cancelEvent();
    this.#hashOfEvents += this.#timetable.hash();
    this.#timetable = createTimetable(this.#profile, this.#options.seed);
    this.#awaitEvent(this.#clock.monotonicMs());
  }

  #useProfile(profile: NetworkProfile): void {
    this.#profile = profile;
    for (const { schedules } of this.#connections.values()) {
      for (const schedule of schedules) schedule.setProfile(this.#profile);
    }
  }

  stall(ms: number, { connection }: ConnectionChoice = {}): void {
    if (!(ms >= 0)) throw new RangeError("A stall lasts 0 ms or more.");
    const untilMs = ms === 0 ? 0 : this.#clock.monotonicMs() + ms;
    if (connection === undefined) {
      this.#heldUntilMs = untilMs;
      this.#outageUntilMs = 0;
    }
    for (const { pipes } of this.#chosen(connection)) {
      pipes.up.hold(untilMs);
      pipes.down.hold(untilMs);
    }
  }

  blackhole(ms: number): void {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError("A blackhole lasts 0 ms or more, and ends.");
    this.#outageUntilMs = Math.max(this.#outageUntilMs, this.#clock.monotonicMs() + ms);
    for (const { pipes } of this.#connections.values()) {
      pipes.up.lapse(this.#outageUntilMs);
      pipes.down.lapse(this.#outageUntilMs);
    }
  }

  rebind({ connection, answer = "reset" }: RebindOptions = {}): void {
    for (const chosen of this.#chosen(connection)) loseConnection(chosen, answer);
  }

  handover(ms: number, to: NetworkProfileName | NetworkProfile): void {
    const profile = networkProfile(to);
    this.#leave(ms);
    this.setProfile(profile);
  }

  cut({ connection, afterBytes = 0, direction = "down" }: CutOptions = {}): void {
    if (!Number.isInteger(afterBytes) || afterBytes < 0) throw new RangeError("afterBytes must be whole, 0 or more.");
    for (const chosen of this.#chosen(connection)) {
      if (afterBytes === 0) resetConnection(chosen);
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
      events: { ...this.#events },
      scheduleHash: hashText(hash + this.#hashOfEvents + this.#timetable.hash()),
    };
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  async #close(): Promise<void> {
    this.#cancelEvent();
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
    const connection = openConnection({
      client,

      target: this.#options.target,
      clock: this.#clock,
      tallies: this.#tallies,
      schedule: (direction) =>
        createSchedule({ profile: this.#profile, seed: this.#options.seed, connection: number, direction }),
      bufferBytesMax: (direction) => this.#options.bufferBytesMax ?? windowBytes(this.#profile, direction),
    });
    this.#connections.set(number, connection);
    void connection.closed.then(() => {
      this.#connections.delete(number);
      this.#hashOfClosed = addHashes(this.#hashOfClosed, connection.schedules);
    });
    for (const pipe of [connection.pipes.up, connection.pipes.down]) {
      pipe.hold(this.#heldUntilMs);
      if (this.#outageUntilMs > this.#clock.monotonicMs()) pipe.lapse(this.#outageUntilMs);
    }
    connection.pipes.up.signal("open", 3 * this.#profile.latencyMs);
  }

  #awaitEvent(startMs: number): void {
    const upcoming = this.#timetable.upcoming();
    if (upcoming === null || this.#stopped !== null) return;
    const { event, atMs, lastsMs } = upcoming;
    this.#cancelEvent = this.#clock.after(startMs + atMs - this.#clock.monotonicMs(), () => {
      this.#timetable.take();
      this.#events[event.kind] += 1;
      this.#happen(event, lastsMs);
      this.#awaitEvent(startMs);
    });
  }

  #happen(event: NetworkEvent, lastsMs: number): void {
    if (event.kind === "blackhole") this.blackhole(lastsMs);
    else if (event.kind === "rebinding") this.rebind({ answer: event.answer });
    else {
      this.#leave(lastsMs);
      // The timetable goes on by itself to what happens on the other profile.
      this.#useProfile(networkProfile(event.to));
    }
  }

  #leave(ms: number): void {
    this.rebind({ answer: "silence" });
    this.blackhole(ms);
  }
}

/**
 * Twice what is under way in a round trip, as one is advised to set TCP's buffers, so that a line can be filled; and what
 * comes in a moment in which this process does something else.
 */
function windowBytes(profile: NetworkProfile, direction: Direction): number {
  const bytesPerSecond = (direction === "up" ? profile.bytesPerSecondUp : profile.bytesPerSecondDown) ?? 0;
  return Math.max(bufferBytesMaxDefault, (bytesPerSecond * (2 * 2 * profile.latencyMs + 10)) / 1000);
}

function addHashes(sum: number, schedules: readonly Schedule[]): number {
  return schedules.reduce((total, schedule) => (total + schedule.hash()) >>> 0, sum);
}

function emptyTally(): PipeTally {
  return { bytesIn: 0, bytesOut: 0, bytesWaiting: 0, bytesWaitingMax: 0, segments: 0, segmentsLost: 0, lateMsMax: 0 };
}
