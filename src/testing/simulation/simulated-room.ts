import type { Directory, Listing } from "../../cluster/directory/directory.ts";
import type { Clock } from "../../platform/clock.ts";

interface RoomParts {
  readonly listing: Listing;
  readonly directory: Directory;
  readonly clock: Clock;
  /** It has ended, whether its record is still there or not. */
  readonly onEnd: () => void;
}

/** A seat that nobody comes for is free again, and a room to which nobody comes ends. */
export const SEAT_MS = 15_000;

/** The engine's room as far as seats go: what it counts, when it locks itself, and what it writes and in which order. */
export class SimulatedRoom {
  readonly listing: Listing;
  /** Those who play, and those for whom a seat is kept. */
  readonly seats = new Map<string, () => void>();
  hasEnded = false;
  /** When what it says of itself last changed. */
  changedMs: number;
  readonly #parts: RoomParts;
  #isLockedByHand = false;
  #isLockedByCount = false;
  #emptyFor = () => {};

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.listing = parts.listing;
    this.changedMs = parts.clock.monotonicMs();
    this.#awaitFirst();
  }

  get isFull(): boolean {
    return this.hasEnded || this.seats.size >= this.listing.maxClients;
  }

  /** Keeps a seat. Writes the new count before its first pause. */
  async reserve(sessionId: string): Promise<boolean> {
    if (this.isFull) return false;
    const { clock } = this.#parts;
    this.seats.set(
      sessionId,
      clock.after(SEAT_MS, () => this.leave(sessionId)),
    );
    this.#awaitFirst();
    if (!this.listing.locked && this.isFull) {
      this.#isLockedByCount = true;
      this.#setLocked(true);
    }
    await this.#update({ $inc: { clients: 1 }, $set: { locked: this.listing.locked === true } });
    return true;
  }

  /** Takes the seat. False where it is kept no more. */
  join(sessionId: string): boolean {
    this.seats.get(sessionId)?.();
    return this.seats.has(sessionId);
  }

  leave(sessionId: string): void {
    const cancel = this.seats.get(sessionId);
    if (cancel === undefined || this.hasEnded) return;
    cancel();
    this.seats.delete(sessionId);
    if (this.seats.size === 0) {
      this.end();
      return;
    }
    if (this.#isLockedByCount && !this.#isLockedByHand) {
      this.#isLockedByCount = false;
      this.#setLocked(false);
    }
    void this.#update({ $inc: { clients: -1 }, $set: { locked: this.listing.locked === true } });
  }

  lock(isLocked: boolean): void {
    if (this.hasEnded || (isLocked && this.listing.locked)) return;
    this.#isLockedByHand = isLocked;
    if (!isLocked && this.seats.size >= this.listing.maxClients) return;
    if (isLocked !== this.listing.locked) this.#setLocked(isLocked);
  }

  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.#emptyFor();
    for (const cancel of this.seats.values()) cancel();
    this.seats.clear();
    void this.#parts.directory.remove(this.listing.roomId);
    this.#parts.onEnd();
  }

  #awaitFirst(): void {
    this.#emptyFor();
    this.#emptyFor = this.#parts.clock.after(SEAT_MS, () => {
      if (this.seats.size === 0) this.end();
    });
  }

  #setLocked(locked: boolean): void {
    void this.#update({ $set: { locked } });
  }

  async #update(operations: Parameters<Directory["update"]>[1]): Promise<void> {
    this.changedMs = this.#parts.clock.monotonicMs();
    await this.#parts.directory.update(this.listing, operations);
  }
}
