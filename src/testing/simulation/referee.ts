import { CLAIM_MS, type Listing, MAKE_MS } from "../../cluster/directory/directory.ts";
import type { Entries } from "../../cluster/directory/listing-index.ts";
import { decodeListing } from "../../cluster/directory/listing-query.ts";
import type { GameProcess } from "./game-process.ts";
import type { Witness } from "./redis-server.ts";
import { type Bounds, entriesOf, isFound } from "./wishes.ts";

interface Plan {
  readonly entries: Entries;
  readonly seats: number;
}

interface RefereeParts {
  readonly nowMs: () => number;
  readonly processes: () => readonly GameProcess[];
  /** Nothing fails in this run, so nothing may come of failures. */
  readonly isFaultless: boolean;
}

/** A process that has said nothing for so long is silent, whatever was under way. */
const SILENT_MS = 8000 + 1000;
/** Where the network is calm, the server sees the end of a connection by then. */
const GONE_MS = 50;
/** By then a process that was back has renewed its lease, and is heard. */
const SETTLED_MS = 2500;
/** What a room has written is with the server by then, where nothing fails. */
const WRITTEN_MS = 50;

/** Sees each script's call as the server carries it out, and what there really is, and says what must not be. */
export class Referee {
  readonly violations: string[] = [];
  /** Of all rooms there ever were. */
  readonly roomIds = new Set<string>();
  readonly #parts: RefereeParts;
  readonly #owners = new Map<string, { readonly epoch: number; readonly pid: string }>();
  readonly #claims = new Map<string, Map<string, number>>();
  readonly #plans = new Map<string, Plan>();
  #forgotMs = 0;

  constructor(parts: RefereeParts) {
    this.#parts = parts;
  }

  /** Redis has forgotten everything, and nobody can blame it for that. */
  forget(): void {
    for (const memory of [this.#owners, this.#claims, this.#plans]) memory.clear();
    this.#forgotMs = this.#parts.nowMs();
  }

  readonly witness: Witness = ({ name, args, answer }) => {
    const [state, text = ""] = Array.isArray(answer) ? (answer as string[]) : [];
    if (name === "write") this.#written(args, answer as number[]);
    if (name === "giveBack") this.#claims.get(args[0] ?? "")?.delete(args[1] ?? "");
    if (name === "failed" || name === "remove") this.#plans.delete(args[0] ?? "");
    if (name === "adopt" && state !== undefined) this.#adopted(args[1] ?? "", Number(state), args[0] ?? "");
    if (name === "take" && state === "found") this.#offered(decodeListing(text), args[0] ?? "");
    if (name === "take" && state === "waiting") this.#claim(text, args[0] ?? "");
    if (name === "take" && state === "planned") this.#planned(args);
    if (name === "takeIn" && state === "found") this.#offered(decodeListing(text), args[1] ?? "");
  };

  /** One id, one owner; every seat is somebody's or free. Returns the rooms there are. */
  checkRooms(): Map<string, Listing> {
    const rooms = new Map<string, Listing>();
    for (const process of this.#parts.processes()) {
      if (process.host.state !== "up") continue;
      for (const { listing, seats } of process.rooms.values()) {
        if (rooms.has(listing.roomId)) this.violate(`I4: ${listing.roomId} has two owners, one is ${process.id}`);
        if (seats.size > listing.maxClients) this.violate(`I5: ${listing.roomId} has ${seats.size} players`);
        if (seats.size !== listing.clients)
          this.violate(`I5: ${listing.roomId} says ${listing.clients}, has ${seats.size}`);
        rooms.set(listing.roomId, listing);
      }
    }
    return rooms;
  }

  #written([pid = "", , , ...rooms]: readonly string[], answers: readonly number[]): void {
    answers.forEach((answer, index) => {
      const [id = "", epoch] = rooms.slice(index * 6, index * 6 + 6);
      if (answer === 0) return;
      this.#plans.delete(id);
      this.#owns(id, Number(epoch), pid);
    });
  }

  #owns(id: string, epoch: number, pid: string): void {
    this.roomIds.add(id);
    const last = this.#owners.get(id);
    const isStale = last !== undefined && (epoch < last.epoch || (epoch === last.epoch && pid !== last.pid));
    if (isStale) this.violate(`I4: ${pid} wrote ${id} with epoch ${epoch} after ${last.pid} with ${last.epoch}`);
    else this.#owners.set(id, { epoch, pid });
  }

  /** Only what nobody runs is taken over. */
  #adopted(id: string, epoch: number, pid: string): void {
    const last = this.#owners.get(id);
    const owner = this.#parts.processes().find((process) => process.id === last?.pid);
    this.#owns(id, epoch, pid);
    if (last === undefined || owner === undefined || last.pid === pid) return;
    const nowMs = this.#parts.nowMs();
    const isWell = owner.host.state === "up" && owner.weather.isCalm && nowMs - owner.link.upSinceMs() > SETTLED_MS;
    // Until each has said that it lives, a Redis that was emptied knows nobody.
    if (isWell && nowMs - Math.max(this.#forgotMs, owner.host.resumedMs) > SETTLED_MS)
      this.violate(`I4: ${pid} took ${id} over from ${owner.id}, which lives`);
  }

  #offered({ roomId, processId }: Listing, claim: string): void {
    this.#claim(roomId, claim);
    const owner = this.#parts.processes().find(({ id }) => id === processId);
    if (owner === undefined) return;
    const { nowMs } = this.#parts;
    const goneMs = owner.crashedMs ?? nowMs();
    const stoppedMs = Math.min(owner.host.stoppedMs ?? nowMs(), owner.weather.cutSinceMs ?? nowMs());
    const isGone = nowMs() - goneMs > GONE_MS && owner.weather.isCalm;
    if (isGone || nowMs() - stoppedMs > SILENT_MS)
      this.violate(`I6: ${roomId} of ${processId}, which is dead, was offered`);
  }

  #claim(roomId: string, claim: string): void {
    const claims = this.#claims.get(roomId) ?? new Map<string, number>();
    this.#claims.set(roomId, claims.set(claim, this.#parts.nowMs()));
  }

  #claimsOf(roomId: string): number {
    const oldestMs = this.#parts.nowMs() - CLAIM_MS - MAKE_MS;
    return [...(this.#claims.get(roomId)?.values() ?? [])].filter((madeMs) => madeMs > oldestMs).length;
  }

  #planned([claim = "", , , , places = "", bounds = "", text = ""]: readonly string[]): void {
    const plan = JSON.parse(text) as { roomId: string; seats: number; entries: string };
    const wanted = { places: JSON.parse(places) as { bucket: string }[], bounds: JSON.parse(bounds) as Bounds };
    if (this.#parts.isFaultless) this.#checkNeed((entries) => isFound(entries, wanted.places, wanted.bounds));
    this.#plans.set(plan.roomId, { entries: JSON.parse(plan.entries) as Entries, seats: plan.seats });
    this.#claim(plan.roomId, claim);
  }

  /** A room is planned, so there must be none with a seat that everybody could know of. */
  #checkNeed(fits: (entries: Entries) => boolean): void {
    for (const [roomId, plan] of this.#plans) {
      if (fits(plan.entries) && this.#claimsOf(roomId) < plan.seats) this.violate(`I5: ${roomId} was planned already`);
    }
    for (const process of this.#parts.processes()) {
      for (const { listing, seats, changedMs } of process.rooms.values()) {
        const isKnown = this.#parts.nowMs() - changedMs > WRITTEN_MS;
        const used = seats.size + this.#claimsOf(listing.roomId);
        if (!isKnown || listing.locked || !fits(entriesOf(listing)) || used >= listing.maxClients) continue;
        this.violate(`I5: a room was planned though ${listing.roomId} has a seat`);
      }
    }
  }

  ended(roomId: string, claim: string): void {
    this.#claims.get(roomId)?.delete(claim);
  }

  /** Something is as it must not be. */
  violate(text: string): void {
    this.violations.push(`${Math.round(this.#parts.nowMs())} ms: ${text}`);
  }
}
