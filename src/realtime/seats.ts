import type { AccountId } from "../../schema/ids.ts";
import type { EngineClient } from "./engine.ts";

/** A person in a room. The slot is public and stays with the player; the engine's session id is a secret and is not here. */
export interface Player {
  readonly slot: number;
  readonly accountId: AccountId;
  readonly name: string;
}

/** Who wants in. */
export interface Guest {
  readonly accountId: AccountId;
  readonly name: string;
}

/** A place in the room, also while its player is away. */
export interface Seat {
  readonly player: Player;
  client: EngineClient;
  /** True once the player may not come back: signed out, or sitting elsewhere. */
  isOver: boolean;
  /** True once the player has come back: it was in the room before, whatever its newest connection has got to. */
  hasReturned: boolean;
  /** Takes the seat out of the registry of live sessions. */
  forget: () => void;
}

export function newSeat(player: Player, client: EngineClient): Seat {
  return { player, client, isOver: false, hasReturned: false, forget: () => {} };
}

/** Who sits where, found by engine session and by account. */
export class Seats {
  readonly #bySlot = new Map<number, Seat>();
  readonly #bySession = new Map<string, Seat>();

  get size(): number {
    return this.#bySlot.size;
  }

  *[Symbol.iterator](): IterableIterator<Seat> {
    yield* this.#bySlot.values();
  }

  of(client: EngineClient): Seat | undefined {
    return this.#bySession.get(client.sessionId);
  }

  ofAccount(accountId: AccountId): Seat | undefined {
    for (const seat of this) if (seat.player.accountId === accountId) return seat;
    return undefined;
  }

  take(seat: Seat): void {
    this.#bySlot.set(seat.player.slot, seat);
    this.#bySession.set(seat.client.sessionId, seat);
  }

  leave(seat: Seat): void {
    this.#bySlot.delete(seat.player.slot);
    this.#bySession.delete(seat.client.sessionId);
  }
}
