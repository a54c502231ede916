import type { Directory, Listing, Wanted } from "../../cluster/directory.ts";
import { createRedisDirectory } from "../../cluster/redis-directory.ts";
import { AppError } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { Host } from "./host.ts";
import { createRedisLink, type RedisLink } from "./redis-link.ts";
import type { RedisServer } from "./redis-server.ts";
import { SEAT_MS, SimulatedRoom } from "./simulated-room.ts";
import type { Timeline } from "./timeline.ts";
import type { ProcessWeather } from "./weather.ts";

/** Where a process may die between two steps. */
export const CRASH_POINTS = ["taken", "planned", "created", "listed", "reserved", "counted", "adopted"] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** What all processes share. */
export interface Surroundings {
  readonly timeline: Timeline;
  readonly server: RedisServer;
  readonly random: Random;
  readonly log: Log;
  /** Null for one that nobody hears of. */
  find(processId: string): GameProcess | null;
  /** Where a new room is made. */
  place(): string;
  /** Whether it dies here. */
  diesAt(point: CrashPoint, process: GameProcess): boolean;
  /** How long `onCreate` takes; null where it throws. */
  creationMs(): number | null;
  onEvent(process: GameProcess, text: string): void;
  /** A claim has come to its end: the owner's own count has it, or has refused it. */
  onCounted(roomId: string, claim: string): void;
  /** A claimed seat was not to be had. */
  onRefused(process: GameProcess, roomId: string): void;
}

export interface Join {
  readonly wanted: Wanted;
  readonly seats: number;
  /** A room by its id instead. */
  readonly roomId?: string;
}

export interface Seat {
  readonly room: string;
  readonly owner: string;
  readonly sessionId: string;
}

interface Reservation {
  readonly roomId: string;
  readonly sessionId: string;
  readonly claim: string;
}

export const KEEP_MS = 20_000;
const PREFIX = "sim";
const TRIES_MAX = 5;
const CALL_MS = 2000;
const MAKE_MS = 10_000;

/** The key of the directory in the store of the server. */
export const DIRECTORY_PREFIX = `${PREFIX}:rooms:`;

/** What a process that has died was waiting for. */
const never = new Promise<never>(() => {});

/** A process: the real directory over a simulated network, and as much of a game server as asks it. */
export class GameProcess {
  readonly id: string;
  readonly host: Host;
  readonly weather: ProcessWeather;
  readonly link: RedisLink;
  readonly directory: Directory;
  readonly rooms = new Map<string, SimulatedRoom>();
  crashedMs: number | null = null;
  readonly #around: Surroundings;
  #ids = 0;

  constructor(id: string, weather: ProcessWeather, around: Surroundings) {
    const { timeline, server, random, log } = around;
    this.id = id;
    this.weather = weather;
    this.#around = around;
    this.host = new Host(timeline);
    const { clock } = this.host;
    this.link = createRedisLink({
      prefix: PREFIX,
      server,
      clock,
      after: (delayMs, task) => void timeline.after(delayMs, task),
      nowMs: () => timeline.nowMs,
      deliver: (task) => this.host.deliver(task),
      weather,
      random,
    });
    const parts = { redis: this.link, clock, random, log, keepMs: KEEP_MS };
    this.directory = createRedisDirectory({ ...parts, processId: () => id });
    this.directory.onFenced((roomId) => {
      around.onEvent(this, `is fenced from ${roomId}`);
      this.rooms.get(roomId)?.end();
    });
  }

  crash(): void {
    this.#around.onEvent(this, "crashes");
    this.crashedMs = this.#around.timeline.nowMs;
    this.host.crash();
    this.link.close();
  }

  /** The matchmaker's flow: see realtime/matchmaker.ts. */
  async join(join: Join): Promise<Seat> {
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const claim = this.#mint("claim");
      const listing = join.roomId === undefined ? await this.#takeOrMake(join, claim) : await this.#takeIn(join, claim);
      await this.#reach("taken");
      const seat = await this.#reserve(listing, claim);
      if (seat !== null) return seat;
    }
    throw new AppError("ROOM_FULL");
  }

  /** The owner's end of `reserve`. */
  async reserve({ roomId, sessionId, claim }: Reservation): Promise<boolean> {
    const room = this.rooms.get(roomId);
    if (room === undefined) throw new AppError("ROOM_NOT_FOUND");
    await this.#reach("reserved");
    const isKept = await this.directory.settle({ roomId, claim }, () => room.reserve(sessionId));
    this.#around.onCounted(roomId, claim);
    await this.#reach("counted");
    return isKept;
  }

  /** The engine's `handleCreateRoom`: the room is there for others before its own process can call it by its id. */
  async create(roomId: string, { wanted, seats }: Join): Promise<Listing> {
    const durationMs = this.#around.creationMs();
    await this.#wait(durationMs ?? 0);
    if (durationMs === null) throw new AppError("INTERNAL");
    await this.#reach("created");
    const listing: Listing = {
      ...{ name: wanted.name, roomId, processId: this.id, clients: 0, maxClients: seats },
      ...{ locked: false, private: false, unlisted: false },
      metadata: { ...wanted.filters } as never,
      createdAt: this.host.clock.date(),
    };
    if (!(await this.#open(listing))) throw new AppError("INTERNAL");
    await this.#reach("listed");
    return listing;
  }

  /** What recovery is going to do with a room of a process that is gone or silent. */
  async adopt(roomId: string, epoch: number): Promise<void> {
    const adopted = await this.directory.adopt(roomId, epoch);
    if (adopted === null) return;
    await this.#reach("adopted");
    const { listing } = adopted;
    this.#around.onEvent(this, `adopts ${roomId} with epoch ${adopted.epoch}`);
    // Its players are expected back.
    const expected = Array.from({ length: listing.clients }, () => this.#mint("back"));
    const own: Listing = { ...listing, processId: this.id, clients: 0, locked: false };
    if (!(await this.#open(own))) return;
    for (const sessionId of expected) void this.rooms.get(roomId)?.reserve(sessionId);
  }

  async #open(listing: Listing): Promise<boolean> {
    const { roomId } = listing;
    if (!(await this.directory.insert(listing))) return false;
    const onEnd = () => {
      this.#around.onEvent(this, `ends ${roomId}`);
      this.rooms.delete(roomId);
    };
    this.rooms.set(roomId, new SimulatedRoom({ listing, directory: this.directory, clock: this.host.clock, onEnd }));
    this.#around.onEvent(this, `opens ${roomId}`);
    return true;
  }

  async #takeIn({ roomId = "" }: Join, claim: string): Promise<Listing> {
    const taken = await this.directory.takeIn({ roomId, claim });
    if (taken.state === "found") return taken.listing;
    throw new AppError(taken.state === "full" ? "ROOM_FULL" : "ROOM_NOT_FOUND");
  }

  async #takeOrMake(join: Join, claim: string): Promise<Listing> {
    const { wanted, seats } = join;
    const found = await this.directory.take(wanted, { claim });
    if (found.state === "found") return found.listing;
    const plan = { roomId: this.#mint("room"), processId: this.#around.place(), seats };
    const taken = await this.directory.take(wanted, { claim, plan });
    if (taken.state === "found") return taken.listing;
    await this.#reach("planned");
    try {
      return await this.#call(plan.processId, MAKE_MS, (maker) => maker.create(plan.roomId, join));
    } catch (thrown) {
      await this.directory.failed(plan.roomId);
      throw thrown;
    }
  }

  async #reserve({ roomId, processId }: Listing, claim: string): Promise<Seat | null> {
    const sessionId = this.#mint("session");
    try {
      const isKept = await this.#call(processId, CALL_MS, (owner) => owner.reserve({ roomId, sessionId, claim }));
      if (isKept) return { room: roomId, owner: processId, sessionId };
      this.#around.onRefused(this, roomId);
    } catch (thrown) {
      this.#around.onEvent(this, `cannot reserve in ${roomId}: ${(thrown as Error).message}`);
    }
    await this.directory.giveBack({ roomId, claim });
    return null;
  }

  /** What travels between processes goes by Redis. A call that arrives after its deadline is not carried out. */
  #call<T>(to: string, deadlineMs: number, work: (process: GameProcess) => Promise<T>): Promise<T> {
    const { timeline, find } = this.#around;
    const endsMs = timeline.nowMs + deadlineMs;
    return new Promise((resolve, reject) => {
      const cancel = this.host.clock.after(deadlineMs, () => reject(new AppError("UNAVAILABLE")));
      const settled = (settle: () => void) => {
        cancel();
        settle();
      };
      const target = to === this.id ? this : find(to);
      if (target === null) return;
      const back = (settle: () => void) =>
        target === this ? settled(settle) : carry(target, this, timeline, () => settled(settle));
      const carryOut = () => {
        if (timeline.nowMs > endsMs) return;
        work(target).then(
          (value) => back(() => resolve(value)),
          (thrown: unknown) => back(() => reject(thrown)),
        );
      };
      if (target === this) carryOut();
      else carry(this, target, timeline, carryOut);
    });
  }

  async #reach(point: CrashPoint): Promise<void> {
    if (!this.#around.diesAt(point, this)) return;
    this.#around.onEvent(this, `is ${point}`);
    this.crash();
    await never;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((settle) => this.host.clock.after(ms, settle));
  }

  #mint(kind: string): string {
    this.#ids += 1;
    return `${kind}-${this.id}-${this.#ids}`;
  }
}

/** One message, which is lost where either end has lost Redis. */
function carry(from: GameProcess, to: GameProcess, timeline: Timeline, arrive: () => void): void {
  if (!from.link.isUp() || !to.link.isUp() || from.weather.breaks() !== null) return;
  timeline.after(from.weather.delayMs() + to.weather.delayMs(), () => {
    if (to.link.isUp()) to.host.deliver(arrive);
  });
}

/** How long after the last join no seat is kept any more. */
export const SEATS_LAPSE_MS = SEAT_MS;
