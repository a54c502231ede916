import type { Adopted, Directory, Listing } from "../../cluster/directory/directory.ts";
import { createRedisDirectory } from "../../cluster/directory/redis-directory.ts";
import { AppError } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { type Board, readBoard, SAY_MS, write } from "./board.ts";
import { Host } from "./host.ts";
import { createRedisLink, type RedisLink } from "./redis-link.ts";
import type { RedisServer } from "./redis-server.ts";
import { call } from "./simulated-calls.ts";
import {
  createSimulatedMatchmaker,
  type Join,
  type SimulatedCalls,
  type SimulatedReservation,
} from "./simulated-matchmaker.ts";
import { SEAT_MS, SimulatedRoom } from "./simulated-room.ts";
import type { Timeline } from "./timeline.ts";
import type { ProcessWeather } from "./weather.ts";
import { KINDS, type Wish } from "./wishes.ts";

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
  readonly board: Board;
  /** Whether it dies here. */
  diesAt(point: CrashPoint, process: GameProcess): boolean;
  /** How long `onCreate` takes; null where it throws. */
  creationMs(): number | null;
  onEvent(process: GameProcess, text: string): void;
  /** Asked again for what it may have taken over, it was refused. */
  onLeft(process: GameProcess, roomId: string): void;
  /** A claim has come to its end: the owner's own count has it, or has refused it. */
  onCounted(roomId: string, claim: string): void;
  /** A claimed seat was not to be had. */
  onRefused(process: GameProcess, roomId: string): void;
}

export interface Seat {
  readonly room: string;
  readonly owner: string;
  readonly sessionId: string;
}

export const KEEP_MS = 20_000;
const PREFIX = "sim";
const ADOPT_TRIES_MAX = 6;
const ADOPT_PAUSE_MS = 700;

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
  readonly #matchmake: ReturnType<typeof createSimulatedMatchmaker>;
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
    const processes = readBoard(around.board, id, () => timeline.nowMs);
    const given = { clock, random, log, directory: this.directory, processes };
    this.#matchmake = createSimulatedMatchmaker({ ...given, calls: this.#calls() });
    clock.every(SAY_MS, () => this.#say());
    this.#say();
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

  /** The real matchmaker's. */
  async join(join: Join): Promise<Seat> {
    const { roomId, processId, sessionId } = (await this.#matchmake(join)) as unknown as Record<string, string>;
    return { room: roomId ?? "", owner: processId ?? "", sessionId: sessionId ?? "" };
  }

  /** The owner's end of `reserve`. */
  async reserve({ roomId, sessionId, claim }: SimulatedReservation): Promise<boolean> {
    const room = this.rooms.get(roomId);
    if (room === undefined) throw new AppError("ROOM_NOT_FOUND");
    await this.#reach("reserved");
    const isKept = await this.directory.settle({ roomId, claim }, () => room.reserve(sessionId));
    this.#around.onCounted(roomId, claim);
    await this.#reach("counted");
    return isKept;
  }

  /** The engine's `handleCreateRoom`: the room is there for others before its own process can call it by its id. */
  async create(roomId: string, { name, filters }: Wish): Promise<Listing> {
    const durationMs = this.#around.creationMs();
    await this.#wait(durationMs ?? 0);
    if (durationMs === null) throw new AppError("INTERNAL");
    await this.#reach("created");
    const listing: Listing = {
      ...{ name, roomId, processId: this.id, clients: 0, maxClients: KINDS.get(name)?.seats ?? 2 },
      ...{ locked: false, private: false, unlisted: false },
      metadata: { ...filters } as never,
      createdAt: this.host.clock.date(),
    };
    if (!(await this.#open(listing))) throw new AppError("INTERNAL");
    await this.#reach("listed");
    return listing;
  }

  /** What recovery is going to do with a room of a process that is gone or silent. */
  async adopt(roomId: string, epoch: number): Promise<void> {
    const adopted = await this.#takeOver(roomId, epoch);
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

  /** Whoever loses the answer asks again, and has to be answered the same. */
  async #takeOver(roomId: string, epoch: number): Promise<Adopted | null> {
    for (let tries = 1; ; tries++) {
      try {
        const adopted = await this.directory.adopt(roomId, epoch);
        if (adopted === null && tries > 1) this.#around.onLeft(this, roomId);
        return adopted;
      } catch (thrown) {
        if (tries >= ADOPT_TRIES_MAX) throw thrown;
        this.#around.onEvent(this, `asks again for ${roomId}`);
        await this.#wait(ADOPT_PAUSE_MS);
      }
    }
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

  #calls(): SimulatedCalls {
    const { timeline, find } = this.#around;
    const ask = <T>(id: string, work: (process: GameProcess) => Promise<T>) => call(this, find(id), timeline, work);
    return {
      create: async (processId, roomId, wish) => {
        await this.#reach("planned");
        return ask(processId, (maker) => maker.create(roomId, wish));
      },
      reserve: async (processId, reservation) => {
        await this.#reach("taken");
        const isKept = await ask(processId, (owner) => owner.reserve(reservation));
        if (!isKept) this.#around.onRefused(this, reservation.roomId);
        return isKept;
      },
    };
  }

  #say(): void {
    const { board, timeline } = this.#around;
    const rooms = [...this.rooms.values()];
    const players = rooms.reduce((sum, { seats }) => sum + seats.size, 0);
    if (this.link.isUp()) write(board, this.id, { players, rooms: rooms.length, nowMs: timeline.nowMs });
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

/** How long after the last join no seat is kept any more. */
export const SEATS_LAPSE_MS = SEAT_MS;
