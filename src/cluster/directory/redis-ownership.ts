import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import type { Redis, RedisSubscriber } from "../../platform/redis.ts";
import { isRedisUnavailable } from "../../platform/redis-failures.ts";
import { type Adopted, CLAIM_MS, type Listing, MAKE_MS } from "./directory.ts";
import type { RoomIndexes } from "./listing-index.ts";
import { decodeListing, encodeListing } from "./listing-query.ts";
import { adoptedSchema, answersSchema, type DirectoryScripts, idsSchema } from "./redis-directory-scripts.ts";

export interface OwnershipParts {
  readonly redis: Redis;
  readonly subscriber: RedisSubscriber;
  readonly scripts: DirectoryScripts;
  readonly prefix: string;
  readonly indexes: RoomIndexes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** This process's name; the engine has one only once it starts. */
  readonly processId: () => string;
  /** How long a process that says nothing counts as alive. */
  readonly leaseMs?: number | undefined;
  /** How long what the dead have left is kept for whoever takes it over. */
  readonly keepMs?: number | undefined;
}

interface OwnRoom {
  readonly roomId: string;
  /** The room's own object, so that it says what is so now. */
  readonly listing: Listing;
  readonly epoch: number;
  /** Numbers its writes: one that was held up somewhere never undoes a later one. */
  seq: number;
}

const LEASE_MS = 8000;
/** Whoever has less of its lease left has been silent for five of its eight seconds: it keeps its rooms, and gets nobody new. */
const SPARE_SHARE = 3 / 8;
const KEEP_MS = 60_000;
const START_MS_MAX = 1000;
const RENEWALS_PER_LEASE = 8;
/** Every so many renewals, give or take one, the lists are compared with what there is, and a part is written again. */
const BEAT = 5;
const PARTS = 24;
const BATCH = 50;
const FIRST_EPOCH = 1;

/**
 * The rooms of this process as Redis has them. Writing them never fails for want of Redis: they are written again when it is
 * back, when it has forgotten them, when this process was held to be dead, and on a slow beat. A write that is refused
 * because somebody else owns the room ends our ownership.
 */
export class RedisOwnership {
  readonly #parts: OwnershipParts;
  readonly #rooms = new Map<string, OwnRoom>();
  readonly #adopted = new Map<string, { readonly epoch: number }>();
  readonly #failed = new Set<string>();
  readonly #fenced = new Set<(roomId: string) => void>();
  readonly #forgotten = new Set<() => void>();
  readonly #leaseMs: number;
  #behind = new Set<string>();
  #beats = 0;
  #nextBeat = BEAT;
  readonly #stops: (() => void)[] = [];
  #publishing: Promise<void> | null = null;
  #isStale = false;

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    this.#leaseMs = parts.leaseMs ?? LEASE_MS;
  }

  /** Resolves once this process counts as alive, or after a second: a Redis that is away keeps nobody from starting. */
  async start(): Promise<void> {
    const { redis, subscriber, prefix, processId, clock } = this.#parts;
    let cancel = () => {};
    const waited = new Promise<void>((settle) => {
      cancel = clock.after(START_MS_MAX, settle);
    });
    const heard = new Promise<void>((settle) => {
      this.#stops.push(subscriber.onHearing(settle));
    });
    this.#stops.push(
      // Whoever is gone is seen by this: the kernel closes the connection, however the process has ended.
      subscriber.subscribe(`${prefix}alive:${processId()}`, () => {}),
      subscriber.onHearing(() => void this.publishAll()),
      redis.onBack(() => void this.#renew({ isBack: true })),
      clock.every(this.#leaseMs / RENEWALS_PER_LEASE, () => void this.#renew({ isBack: false })),
    );
    const renewed = redis.isUp() ? this.#renew({ isBack: true }) : waited;
    await Promise.race([waited, Promise.all([heard, renewed])]);
    cancel();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await this.removeAll();
    await this.#tolerating(() => this.#parts.scripts.leave([this.#parts.processId()]));
  }

  /** How much of its lease a process must have left for players to be sent there, in ms. */
  get spareMs(): number {
    return this.#leaseMs * SPARE_SHARE;
  }

  get(roomId: string): Listing | undefined {
    return this.#rooms.get(roomId)?.listing;
  }

  epochOf(roomId: string): number | null {
    return this.#rooms.get(roomId)?.epoch ?? null;
  }

  onFenced(listener: (roomId: string) => void): () => void {
    this.#fenced.add(listener);
    return () => void this.#fenced.delete(listener);
  }

  /** Called when Redis did not know this process any more: whatever it knew before may be gone, and nobody said so. */
  onForgotten(listener: () => void): () => void {
    this.#forgotten.add(listener);
    return () => void this.#forgotten.delete(listener);
  }

  /** Takes a room over, and keeps it for its insertion, though not for ever: also where the answer is lost. */
  async adopt(roomId: string, epoch: number): Promise<Adopted | null> {
    const { scripts, processId, clock } = this.#parts;
    // Each attempt forgets its own alone, since one that was refused may lie not long back.
    const mine = { epoch: epoch + 1 };
    this.#adopted.set(roomId, mine);
    const forget = () => this.#adopted.get(roomId) === mine && this.#adopted.delete(roomId);
    clock.after(MAKE_MS, forget);
    const [next, row] = adoptedSchema.parse(await scripts.adopt([processId(), roomId, epoch]));
    if (next !== undefined && row !== undefined) return { epoch: next, listing: decodeListing(row) };
    forget();
    return null;
  }

  /** The plan came to nothing. Others wait for that room, so a Redis that cannot be told now is told as soon as it can. */
  async failed(roomId: string): Promise<void> {
    this.#failed.add(roomId);
    await this.#tolerating(() => this.#tellFailed());
  }

  async #tellFailed(): Promise<void> {
    for (const roomId of this.#failed) {
      await this.#parts.scripts.failed([roomId, this.#parts.processId()]);
      this.#failed.delete(roomId);
    }
  }

  /** False where the id is taken. A room that Redis cannot be told of is ours until it says otherwise. */
  async insert(listing: Listing): Promise<boolean> {
    const { roomId } = listing;
    if (this.#rooms.has(roomId)) return false;
    const room = { roomId, listing, epoch: this.#adopted.get(roomId)?.epoch ?? FIRST_EPOCH, seq: 1 };
    this.#rooms.set(roomId, room);
    const [answer = 1] = (await this.#write([room], "insert")) ?? [];
    this.#adopted.delete(roomId);
    if (answer === 0) this.#rooms.delete(roomId);
    return answer !== 0;
  }

  /** Writes what the listing says now, and with it ends the claim. Runs up to its request before it pauses. */
  async put(listing: Listing, claim = ""): Promise<boolean> {
    const room = this.#rooms.get(listing.roomId);
    if (room?.listing !== listing) return false;
    room.seq += 1;
    this.#judge([room], await this.#write([room], "put", claim));
    return true;
  }

  async remove(roomId: string): Promise<boolean> {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return false;
    this.#rooms.delete(roomId);
    const { processId, scripts } = this.#parts;
    // What cannot be said now is seen on the next beat: what is listed and not here is taken out.
    await this.#tolerating(() => scripts.remove([processId(), roomId, room.epoch]));
    return true;
  }

  async removeAll(): Promise<void> {
    const rooms = [...this.#rooms.values()];
    this.#rooms.clear();
    for (let from = 0; from < rooms.length; from += BATCH) {
      const args = rooms.slice(from, from + BATCH).flatMap(({ roomId, epoch }) => [roomId, epoch]);
      await this.#tolerating(() => this.#parts.scripts.remove([this.#parts.processId(), ...args]));
    }
  }

  /** Writes every room again. Whoever asks while that goes on has it done once more. */
  publishAll(): Promise<void> {
    this.#isStale = true;
    this.#publishing ??= this.#publishUntilFresh().finally(() => {
      this.#publishing = null;
    });
    return this.#publishing;
  }

  async #publishUntilFresh(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      // Lobbies that were read while this process did not count as alive have none of its rooms.
      await this.#publish([...this.#rooms.keys()], "again");
    }
  }

  async #publish(roomIds: readonly string[], how: "put" | "again" = "put"): Promise<void> {
    for (let from = 0; from < roomIds.length; from += BATCH) {
      const rooms = roomIds.slice(from, from + BATCH).flatMap((roomId) => this.#rooms.get(roomId) ?? []);
      for (const room of rooms) room.seq += 1;
      const answers = await this.#write(rooms, how);
      if (answers === null) return;
      this.#judge(rooms, answers);
    }
  }

  async #renew({ isBack }: { isBack: boolean }): Promise<void> {
    const { scripts, processId, keepMs = KEEP_MS, random } = this.#parts;
    await this.#tolerating(async () => {
      const wasKept = await scripts.renew([processId(), this.#leaseMs, keepMs]);
      await this.#tellFailed();
      if (wasKept !== 1) for (const listener of this.#forgotten) listener();
      if (isBack || wasKept !== 1) {
        await this.publishAll();
        await this.#compare();
        return;
      }
      const behind = [...this.#behind];
      this.#behind = new Set();
      await this.#publish(behind);
      this.#nextBeat -= 1;
      if (this.#nextBeat > 0) return;
      this.#nextBeat = BEAT - 1 + random.below(3);
      this.#beats += 1;
      await this.#compare();
      await this.#publish([...this.#rooms.keys()].filter((_, index) => index % PARTS === this.#beats % PARTS));
    });
  }

  /** What is listed as ours and is not here is taken out, and what is here and not listed is written. */
  async #compare(): Promise<void> {
    const { redis, scripts, processId, prefix } = this.#parts;
    const pid = processId();
    const membersOf = (set: string) => redis.call((client) => client.smembers(`${prefix}${set}:${pid}`));
    const [of, dead] = await Promise.all([membersOf("of"), membersOf("dead")]);
    const listed = new Set(idsSchema.parse(of));
    // While this process was held to be dead, its rooms were kept under another name: those that have ended since are there.
    const ghosts = [...listed, ...idsSchema.parse(dead)].filter(
      (roomId) => !this.#rooms.has(roomId) && !this.#adopted.has(roomId),
    );
    if (ghosts.length > 0) {
      await scripts.remove([pid, ...ghosts.flatMap((roomId) => [roomId, Number.MAX_SAFE_INTEGER])]);
    }
    await this.#publish([...this.#rooms.keys()].filter((roomId) => !listed.has(roomId)));
  }

  /** Null where Redis cannot be had: it is done later. */
  async #write(rooms: readonly OwnRoom[], how: "put" | "insert" | "again", claim = ""): Promise<number[] | null> {
    const { scripts, processId } = this.#parts;
    if (rooms.length === 0) return [];
    const args = rooms.flatMap((room) => [...this.#describe(room), claim]);
    const answers = await this.#tolerating(() => scripts.write([processId(), how, CLAIM_MS, ...args]));
    if (answers !== null) return answersSchema.parse(answers);
    for (const { roomId } of rooms) this.#behind.add(roomId);
    return null;
  }

  #describe({ roomId, listing, epoch, seq }: OwnRoom): (string | number)[] {
    const { name, clients, maxClients, locked, private: isPrivate, unlisted, createdAt } = listing;
    const fields = {
      name,
      clients,
      max: Number.isFinite(maxClients) ? maxClients : -1,
      open: locked || isPrivate ? "0" : "1",
      shown: isPrivate || unlisted ? "0" : "1",
      made: createdAt === undefined ? 0 : new Date(createdAt).getTime(),
      entries: JSON.stringify(this.#parts.indexes.entriesOf(listing)),
    };
    return [roomId, epoch, seq, encodeListing(listing), JSON.stringify(fields)];
  }

  #judge(rooms: readonly OwnRoom[], answers: readonly number[] | null): void {
    rooms.forEach((room, index) => {
      if (answers?.[index] !== 0 || this.#rooms.get(room.roomId) !== room) return;
      this.#rooms.delete(room.roomId);
      this.#parts.log.warn({ roomId: room.roomId, epoch: room.epoch }, "room.fenced");
      for (const listener of this.#fenced) listener(room.roomId);
    });
  }

  async #tolerating<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (thrown) {
      // Anything else is a defect, which no match pays for either.
      if (!isRedisUnavailable(thrown)) this.#parts.log.error({ err: thrown }, "directory.write_failed");
      return null;
    }
  }
}
