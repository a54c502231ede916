import { createHash } from "node:crypto";
import { MAKE_MS } from "../../cluster/directory/directory.ts";
import { createLog } from "../../platform/log.ts";
import { createSeededRandom, type Random } from "../../platform/random.ts";
import type { Board } from "./board.ts";
import { checkCalm, checkEmpty, checkSeats, whenQuiet } from "./calm.ts";
import type { NamedScript } from "./directory-twins.ts";
import { drawFaults, type Fault, GONE_MS, recover, watchPlan } from "./faults.ts";
import {
  type CrashPoint,
  DIRECTORY_PREFIX,
  GameProcess,
  KEEP_MS,
  SEATS_LAPSE_MS,
  type Surroundings,
} from "./game-process.ts";
import { RedisServer } from "./redis-server.ts";
import { Referee } from "./referee.ts";
import { briefly, type Run } from "./run.ts";
import type { Join } from "./simulated-matchmaker.ts";
import { Timeline } from "./timeline.ts";
import { ProcessWeather } from "./weather.ts";
import { allWishes, aWish, indexRooms, KINDS, LANES, LEVELS, patienceMs } from "./wishes.ts";

const START_MS = 2000;
const FAULTY_MS = 34_000;
/** FAULTS.md: listings are right again ten seconds after. */
const HEAL_MS = 10_000;
/** By then plans that nobody carries out have lapsed, too, and the claims on what they became. */
const LAPSE_MS = 6000;
const PROCESSES = 3;
const NOTHING_LOST = { id: "", roomId: "", untilMs: 0, memory: 0 };
const CREATION_MS_MAX = 1500;
const CREATION_FAILS_ONE_IN = 12;
/** Finding, making and reserving without the making, where nothing fails. */
const JOIN_MS_MAX = 1000;

/** Runs one seed from start to end. A fourth of the seeds is without faults, so that nothing is put down to them. */
export async function simulate(seed: number, scripts: ReadonlyMap<string, NamedScript>): Promise<Run> {
  const world = new World(seed, scripts);
  try {
    await world.run();
  } catch (thrown) {
    // Somebody who looked for something failed in the calm.
    world.referee.violate(`the run broke off: ${thrown}`);
  }
  const { events, referee } = world;
  const hash = createHash("sha256").update(events.join("\n")).digest("hex");
  return { seed, violations: referee.violations, events, hash };
}

/** All processes of a run, what happens to them and who plays. */
export class World {
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly events: string[] = [];
  readonly isFaultless: boolean;
  readonly referee: Referee;
  readonly server: RedisServer;
  readonly processes: GameProcess[] = [];
  readonly lobbies = new Map<GameProcess, Map<string, Set<string>>>();
  readonly #board: Board = new Map();
  #armed: CrashPoint | null = null;
  /** Whoever plans a room next does not hear that it has. */
  losesNextPlan = false;
  /** Likewise whoever takes a room over next. */
  losesNextAdoption = false;
  #lost = NOTHING_LOST;
  #faults: readonly Fault[] = [];
  readonly #around: Surroundings;

  constructor(seed: number, scripts: ReadonlyMap<string, NamedScript>) {
    const { timeline } = this;
    const nowMs = () => timeline.nowMs;
    this.random = createSeededRandom(seed);
    this.isFaultless = seed % 4 === 0;
    this.referee = new Referee({ nowMs, processes: () => this.processes, isFaultless: this.isFaultless });
    this.server = new RedisServer({
      scripts,
      nowMs,
      witness: (call) => {
        if (call.name !== "renew") this.event("redis", `${call.name} ${briefly(call.args)} -> ${briefly(call.answer)}`);
        this.referee.witness(call);
        if (call.name === "take" && String(call.answer) === "planned") this.#losePlan(call.args[6] ?? "");
        if (call.name === "adopt" && String(call.answer) !== "") this.#loseAdoption(call.args);
        if (call.name === "write" && call.args.includes(this.#lost.roomId)) this.#lost = NOTHING_LOST;
      },
    });
    const log = createLog({ level: "error", destination: { write: (line) => this.#defect(line) } });
    this.#around = {
      ...{ timeline, server: this.server, random: this.random, log },
      find: (id) => this.processes.find((process) => process.id === id) ?? null,
      board: this.#board,
      diesAt: (point, process) => this.#diesAt(point, process),
      creationMs: () => this.#creationMs(),
      onEvent: (process, text) => this.event(process.id, text),
      onLeft: (process, roomId) => this.#left(process, roomId),
      onCounted: (roomId, claim) => this.referee.ended(roomId, claim),
      onRefused: (process, roomId) => this.#refused(process, roomId),
    };
  }

  event(who: string, text: string): void {
    this.events.push(`${this.timeline.nowMs.toFixed(0).padStart(6)} ${who.padEnd(5)} ${text}`);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.random.below(items.length)] as T;
  }

  up(): GameProcess[] {
    return this.processes.filter(({ host }) => host.state === "up");
  }

  arm(point: CrashPoint): void {
    this.#armed = point;
  }

  /** A process starts: an id is never given twice. */
  start(): void {
    const weather = new ProcessWeather(this.timeline, this.random);
    const process = new GameProcess(`p${this.processes.length + 1}`, weather, this.#around);
    this.processes.push(process);
    const { directory } = process;
    indexRooms(directory);
    this.event(process.id, "starts");
    void directory.boot?.();
    const seen = new Map<string, Set<string>>();
    this.lobbies.set(process, seen);
    for (const name of KINDS.keys()) {
      const rooms = new Set<string>();
      seen.set(name, rooms);
      directory.watch(name, ({ isWhole, changed, removed }) => {
        if (isWhole) rooms.clear();
        for (const { roomId } of changed) rooms.add(roomId);
        for (const roomId of removed) rooms.delete(roomId);
      });
    }
  }

  async run(): Promise<void> {
    const { timeline, random } = this;
    for (let count = 0; count < PROCESSES; count++) this.start();
    await timeline.runFor(START_MS);
    this.#faults = this.isFaultless ? [] : drawFaults(random, FAULTY_MS);
    for (const fault of this.#faults) timeline.after(fault.atMs, () => fault.strike(this));
    const bursts = 8 + random.below(5);
    for (let burst = 0; burst < bursts; burst++) timeline.after(random.below(FAULTY_MS), () => this.#burst());
    for (let turn = 0; turn < 6; turn++) timeline.after(random.below(FAULTY_MS), () => this.#turnKey());
    for (let turn = 0; turn < 4; turn++) timeline.after(random.below(FAULTY_MS), () => this.#grasp());
    await timeline.runFor(FAULTY_MS);
    this.#heal();
    timeline.after(HEAL_MS / 2, () => {
      for (const process of this.up()) this.#join(process, { wish: aWish("probe", "a", 1) }, { isSure: true });
    });
    await timeline.runFor(HEAL_MS);
    await whenQuiet(this, checkCalm);
    await timeline.runFor(LAPSE_MS);
    await whenQuiet(this, () => checkSeats(this, allWishes()));
    for (const { rooms } of this.up())
      for (const room of [...rooms.values()]) for (const id of [...room.seats.keys()]) room.leave(id);
    await timeline.runFor(Math.max(SEATS_LAPSE_MS, KEEP_MS) + HEAL_MS);
    await checkEmpty(this, DIRECTORY_PREFIX);
  }

  /** Some come at once, wherever they came in. */
  #burst(): void {
    const count = 1 + this.random.below(this.random.below(3) === 0 ? 14 : 4);
    const name = this.pick(["duel", "team", "ladder"]);
    const lane = this.pick(LANES);
    for (let index = 0; index < count; index++) {
      const process = this.pick(this.up());
      if (process === undefined) continue;
      const rooms = this.up().flatMap((each) => [...each.rooms.keys()]);
      const roomId = this.random.below(8) === 0 ? this.pick(rooms) : undefined;
      const join = { wish: aWish(name, lane, this.pick(LEVELS)), ...(roomId !== undefined && { roomId }) };
      this.#join(process, join, { isSure: this.isFaultless && roomId === undefined });
    }
  }

  #join(process: GameProcess, join: Join, { isSure }: { isSure: boolean }): void {
    const startedMs = this.timeline.nowMs;
    const longestMs = patienceMs(join.wish) + JOIN_MS_MAX + CREATION_MS_MAX;
    process.join(join).then(
      ({ room, owner, sessionId }) => {
        this.event(process.id, `seats ${sessionId} in ${room} of ${owner}`);
        const tookMs = this.timeline.nowMs - startedMs;
        if (isSure && tookMs > longestMs) this.referee.violate(`a join took ${Math.round(tookMs)} ms`);
        this.#play(owner, room, sessionId);
      },
      (thrown: Error) => {
        this.event(process.id, `fails to join: ${thrown.message}`);
        if (isSure) this.referee.violate(`a join failed though nothing was in its way: ${thrown.message}`);
      },
    );
  }

  #play(owner: string, roomId: string, sessionId: string): void {
    const room = () => this.processes.find(({ id }) => id === owner)?.rooms.get(roomId);
    // Some never come for their seat, and some stay to the end.
    if (this.random.below(12) > 0) this.timeline.after(5 + this.random.below(300), () => room()?.join(sessionId));
    if (this.random.below(6) > 0)
      this.timeline.after(500 + this.random.below(12_000), () => this.#leave(owner, () => room()?.leave(sessionId)));
  }

  #leave(owner: string, leave: () => void): void {
    if (this.timeline.nowMs < START_MS + FAULTY_MS + HEAL_MS / 2) {
      this.processes.find(({ id }) => id === owner)?.host.deliver(leave);
    }
  }

  /** A room is closed to others, or opened again. */
  #turnKey(): void {
    const rooms = this.up().flatMap(({ rooms }) => [...rooms.values()]);
    const room = this.pick(rooms);
    if (room === undefined) return;
    room.lock(true);
    if (this.random.below(4) > 0) this.timeline.after(this.random.below(5000), () => room.lock(false));
  }

  /** Somebody takes a room for ownerless that is not: the directory knows better. */
  #grasp(): void {
    const owner = this.pick(this.up());
    const grasper = this.pick(this.up().filter((process) => process !== owner));
    for (const roomId of owner?.rooms.keys() ?? []) {
      const epoch = owner?.directory.epochOf(roomId);
      if (grasper === undefined || epoch == null) continue;
      this.event(grasper.id, `grasps at ${roomId} of ${owner?.id}`);
      grasper.adopt(roomId, epoch).catch((thrown: Error) => this.event(grasper.id, `cannot grasp: ${thrown.message}`));
    }
  }

  #losePlan(text: string): void {
    if (!this.losesNextPlan) return;
    this.losesNextPlan = false;
    const plan = JSON.parse(text) as { maker: string; roomId: string };
    watchPlan(this, this.#loses(plan.maker), plan.roomId);
  }

  #loseAdoption([id = "", roomId = ""]: readonly string[]): void {
    if (!this.losesNextAdoption) return;
    this.losesNextAdoption = false;
    this.#loses(id);
    this.#lost = { id, roomId, untilMs: this.timeline.nowMs + MAKE_MS - 1000, memory: this.server.memory };
  }

  #loses(id: string): GameProcess | undefined {
    this.event(id, "loses the answer");
    const process = this.#around.find(id) ?? undefined;
    process?.link.lost({ isAtOnce: true });
    return process;
  }

  /** It has to be its own when it asks again, unless Redis has forgotten it. */
  #left({ id }: GameProcess, roomId: string): void {
    const { untilMs, memory, ...lost } = this.#lost;
    if (lost.id !== id || lost.roomId !== roomId || this.timeline.nowMs > untilMs) return;
    if (memory === this.server.memory)
      this.referee.violate(`I4: ${id} took ${roomId} over, and was told that it had not`);
  }

  #refused(process: GameProcess, roomId: string): void {
    this.event(process.id, `is refused in ${roomId}`);
    const isThere = this.processes.some(({ rooms }) => rooms.get(roomId)?.hasEnded === false);
    if (this.isFaultless && isThere) this.referee.violate(`I5: a claimed seat of ${roomId} was not there`);
  }

  #heal(): void {
    this.event("all", "is well from here on");
    this.#armed = null;
    this.losesNextPlan = false;
    this.losesNextAdoption = false;
    for (const fault of this.#faults) fault.heal?.(this);
    for (const { host } of this.processes) host.resume();
    if (this.up().length < 2) this.start();
  }

  #creationMs(): number | null {
    if (
      !this.isFaultless &&
      this.timeline.nowMs < START_MS + FAULTY_MS &&
      this.random.below(CREATION_FAILS_ONE_IN) === 0
    )
      return null;
    return this.random.below(CREATION_MS_MAX);
  }

  #diesAt(point: CrashPoint, process: GameProcess): boolean {
    if (this.#armed !== point || this.up().length < 2) return false;
    this.#armed = null;
    recover(this, process, GONE_MS);
    this.timeline.after(1000 + this.random.below(2000), () => this.start());
    return true;
  }

  /** What the directory logs as an error is a defect: no match pays for it, and nobody would see it. */
  #defect(line: string): void {
    this.referee.violate(`an error was logged: ${line.slice(0, 600)}`);
  }
}
