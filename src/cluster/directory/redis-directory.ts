import { matchMaker, type SortOptions } from "@colyseus/core";
import { z } from "zod";
import { AppError } from "../../platform/errors.ts";
import type { RedisSubscriber } from "../../platform/redis.ts";
import { isRedisUnavailable } from "../../platform/redis-failures.ts";
import {
  type Adopted,
  CLAIM_MS,
  type Claim,
  type Directory,
  type Listing,
  type LobbyChange,
  MAKE_MS,
  type RoomIndex,
  type RoomPlan,
  type Taken,
  type TakenById,
  type Wanted,
} from "./directory.ts";
import { RoomIndexes } from "./listing-index.ts";
import { applyChanges, decodeListing, queryListings } from "./listing-query.ts";
import { createLobbies, type LobbyDelta, type LobbySource } from "./lobby.ts";
import { type DirectoryScripts, loadScripts } from "./redis-directory-scripts.ts";
import { type OwnershipParts, RedisOwnership } from "./redis-ownership.ts";
import { RedisPlans } from "./redis-plans.ts";

interface RedisDirectoryParts
  extends Pick<OwnershipParts, "redis" | "clock" | "random" | "log" | "leaseMs" | "keepMs"> {
  /** This process's name, by default the engine's, which has one once it starts. */
  readonly processId?: () => string;
}

const rowsSchema = z.array(z.string());
const takenSchema = z.union([
  z.tuple([z.enum(["found", "waiting"]), z.string()]),
  z.tuple([z.enum(["planned", "none", "again"])]),
]);
const takenByIdSchema = z.union([
  z.tuple([z.literal("found"), z.string()]),
  z.tuple([z.enum(["absent", "locked", "full"])]),
]);
const deltaSchema = z.strictObject({ version: z.coerce.number(), roomId: z.string(), row: z.string() });

type NamedParts = RedisDirectoryParts & Pick<OwnershipParts, "processId">;

/** How many rows are asked for at once: a query of many rooms keeps neither Redis nor this process for long. */
const ROWS = 200;

/** The directory of all processes that share a Redis. It starts with `boot` and does without Redis until that is there. */
export function createRedisDirectory(parts: RedisDirectoryParts): Directory {
  return new RedisDirectory({ processId: () => matchMaker.processId, ...parts });
}

class RedisDirectory implements Directory {
  readonly #parts: NamedParts;
  readonly #prefix: string;
  readonly #scripts: DirectoryScripts;
  readonly #subscriber: RedisSubscriber;
  readonly #indexes = new RoomIndexes();
  readonly #own: RedisOwnership;
  readonly #plans: RedisPlans;
  readonly #lobbies: ReturnType<typeof createLobbies>;
  #settling: Claim | null = null;

  constructor(parts: NamedParts) {
    const { redis, clock } = parts;
    this.#parts = parts;
    this.#prefix = `${redis.key("rooms")}:`;
    this.#scripts = loadScripts(redis, this.#prefix);
    this.#subscriber = redis.subscriber();
    const shared = { scripts: this.#scripts, subscriber: this.#subscriber };
    this.#own = new RedisOwnership({ ...parts, ...shared, prefix: this.#prefix, indexes: this.#indexes });
    this.#plans = new RedisPlans(this.#scripts, clock);
    this.#lobbies = createLobbies({ source: this.#lobbySource(), clock });
  }

  async boot(): Promise<void> {
    this.#subscriber.subscribe(`${this.#prefix}made`, (roomId) => this.#plans.heard(roomId));
    await this.#own.start();
  }

  async shutdown(): Promise<void> {
    this.#lobbies.stop();
    await this.#own.stop();
    this.#subscriber.close();
  }

  /** For tests: what every process has said is gone, as far as rooms go. */
  async clear(): Promise<void> {
    await this.#own.removeAll();
    const { redis } = this.#parts;
    const keys = (await redis.call((client) => client.keys(`${this.#prefix}*`))).filter(
      (key) => key !== `${this.#prefix}leases`,
    );
    if (keys.length > 0) await redis.call((client) => client.unlink(...keys));
  }

  index(name: string, index: RoomIndex): void {
    this.#indexes.set(name, index);
  }

  insert(room: Listing): Promise<boolean> {
    return this.#own.insert(room);
  }

  async persist(room: Listing, create = false): Promise<boolean> {
    if (!room.roomId) return false;
    if (create && this.#own.get(room.roomId) !== room) return this.#own.insert(room);
    return this.#own.put(room);
  }

  async update(room: Listing, operations: { $set?: Partial<Listing>; $inc?: Partial<Listing> }): Promise<boolean> {
    applyChanges(room, operations);
    const settling = this.#settling;
    return this.#own.put(room, settling !== null && settling.roomId === room.roomId ? settling.claim : "");
  }

  /** Only the owner's own: what others list is theirs to remove. */
  remove(roomId: string): Promise<boolean> {
    return this.#own.remove(roomId);
  }

  /** Those of other processes leave the lists by their lease, and a peer's guess that one is dead changes nothing. */
  async cleanup(processId: string): Promise<void> {
    if (processId === this.#parts.processId()) await this.#own.removeAll();
  }

  async has(roomId: string): Promise<boolean> {
    return (await this.#rows([roomId])).length > 0;
  }

  async findOne(conditions: object, sort?: SortOptions): Promise<Listing> {
    return (await this.query(conditions, sort))[0] as Listing;
  }

  async findByIds(roomIds: string[]): Promise<Map<string, Listing>> {
    return new Map((await this.#rows(roomIds)).map((listing) => [listing.roomId, listing]));
  }

  async query(conditions: object, sort?: SortOptions): Promise<Listing[]> {
    const { roomId } = conditions as Partial<Listing>;
    if (roomId !== undefined) return queryListings(await this.#byId(roomId), conditions, sort);
    const found: Listing[] = [];
    for await (const ids of this.#ids(conditions)) {
      found.push(...queryListings(await this.#rows(ids), conditions));
    }
    return queryListings(found, {}, sort);
  }

  async take(wanted: Wanted, { claim, plan = null }: { claim: string; plan?: RoomPlan | null }): Promise<Taken> {
    const { clock } = this.#parts;
    const deadlineMs = clock.monotonicMs() + MAKE_MS;
    const args = this.#describeWanted(wanted, claim, plan);
    while (clock.monotonicMs() < deadlineMs) {
      const [state, text = ""] = takenSchema.parse(await this.#scripts.take(args));
      if (state === "none" || state === "planned") return { state };
      if (state === "found") return { state, listing: decodeListing(text) };
      if (state === "again") continue;
      const listing = await this.#plans.wait(text);
      if (listing !== null && !listing.private && !listing.locked) return { state: "found", listing };
      await this.giveBack({ roomId: text, claim });
    }
    throw new AppError("UNAVAILABLE", { reason: "rooms", retryAfterSeconds: 1 });
  }

  async takeIn({ roomId, claim }: Claim): Promise<TakenById> {
    const [state, row = ""] = takenByIdSchema.parse(await this.#scripts.takeIn([roomId, claim, CLAIM_MS]));
    return state === "found" ? { state, listing: decodeListing(row) } : { state };
  }

  settle<T>(claim: Claim, reserve: () => T): T {
    this.#settling = claim;
    try {
      return reserve();
    } finally {
      this.#settling = null;
    }
  }

  async giveBack({ roomId, claim }: Claim): Promise<void> {
    await this.#scripts.giveBack([roomId, claim]).catch(ignoreUnavailable);
  }

  failed(roomId: string): Promise<void> {
    return this.#own.failed(roomId);
  }

  async ownerOf(roomId: string): Promise<string | null> {
    return (await this.#byId(roomId))[0]?.processId ?? null;
  }

  epochOf(roomId: string): number | null {
    return this.#own.epochOf(roomId);
  }

  adopt(roomId: string, epoch: number): Promise<Adopted | null> {
    return this.#own.adopt(roomId, epoch);
  }

  onFenced(listener: (roomId: string) => void): () => void {
    return this.#own.onFenced(listener);
  }

  watch(name: string, listener: (change: LobbyChange) => void): () => void {
    return this.#lobbies.watch(name, listener);
  }

  async #rows(roomIds: readonly string[]): Promise<Listing[]> {
    if (roomIds.length === 0) return [];
    return rowsSchema.parse(await this.#scripts.rows(roomIds)).map(decodeListing);
  }

  /** Our own rooms are known also while Redis is away, so that their dropped players come back to them. */
  async #byId(roomId: string): Promise<Listing[]> {
    try {
      return await this.#rows([roomId]);
    } catch (thrown) {
      const own = this.#own.get(roomId);
      if (own === undefined || !isRedisUnavailable(thrown)) throw thrown;
      return [own];
    }
  }

  /** Those that may fit, each once, in handfuls. */
  async *#ids({ name, processId }: Partial<Listing>): AsyncGenerator<string[]> {
    const set = name !== undefined ? `name:${name}` : processId !== undefined ? `of:${processId}` : "all";
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const [next, ids] = await this.#parts.redis.call((client) =>
        client.sscan(`${this.#prefix}${set}`, cursor, "COUNT", ROWS),
      );
      const fresh = ids.filter((id) => !seen.has(id));
      for (const id of fresh) seen.add(id);
      yield fresh;
      cursor = next;
    } while (cursor !== "0");
  }

  #describeWanted(wanted: Wanted, claim: string, plan: RoomPlan | null): (string | number)[] {
    const { name, ranges = {}, order = "fullest" } = wanted;
    const places = JSON.stringify(this.#indexes.placesOf(wanted));
    const bounds = JSON.stringify(Object.entries(ranges).map(([field, [least, most]]) => [field, least, most]));
    const entries = plan && JSON.stringify(this.#indexes.entriesOfPlan(wanted, plan));
    const planned = plan && {
      ...plan,
      name,
      entries,
      seats: Number.isFinite(plan.seats) ? plan.seats : -1,
      maker: this.#parts.processId(),
    };
    const plans = planned === null ? "" : JSON.stringify(planned);
    return [claim, CLAIM_MS, MAKE_MS, order, places, bounds, plans, this.#own.spareMs];
  }

  #lobbySource(): LobbySource {
    return {
      listen: (name, on) => {
        const unsubscribe = this.#subscriber.subscribe(`${this.#prefix}lobby:${name}`, (message) =>
          on.delta(decodeDelta(message)),
        );
        const stops = [unsubscribe, this.#subscriber.onHearing(on.gap), this.#own.onForgotten(on.gap)];
        return () => {
          for (const stop of stops) stop();
        };
      },
      // The version first: what changes while the rooms are read is told once more, and does no harm.
      snapshot: async (name) => {
        const version = await this.#parts.redis.call((client) => client.hget(`${this.#prefix}versions`, name));
        return { version: Number(version), listings: await this.query({ name, private: false, unlisted: false }) };
      },
    };
  }
}

function decodeDelta(message: string): LobbyDelta {
  const { version, roomId, row } = deltaSchema.parse(JSON.parse(message));
  return { version, roomId, listing: row === "" ? null : decodeListing(row) };
}

function ignoreUnavailable(thrown: unknown): void {
  if (!isRedisUnavailable(thrown)) throw thrown;
}
