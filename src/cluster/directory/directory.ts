import type { IRoomCache, MatchMakerDriver } from "@colyseus/core";

/** What a room says of itself to whoever looks for one. */
export type Listing = IRoomCache;

/** By what rooms of a name are found: fields of their metadata. */
export interface RoomIndex {
  /** Whoever looks gives a value for each. Rooms that lack one are found by their id alone. */
  readonly filters: readonly string[];
  /** Numbers, of which whoever looks may give the least and the most. */
  readonly ranges: readonly string[];
  /** Filters that whoever looks may leave out together, as sets: each costs one more entry per room. */
  readonly wider?: readonly (readonly string[])[];
}

/** Which of the rooms that fit: the one with most players, or by when it was made. */
export type RoomOrder = "fullest" | "newest" | "oldest";

/** A kind of room that somebody wants a seat in. */
export interface Wanted {
  readonly name: string;
  /** A value for every filter of the name. */
  readonly filters: Readonly<Record<string, unknown>>;
  /** From the least to the most, both included. Of many rooms in a range, the first sixty-four by value are looked at. */
  readonly ranges?: Readonly<Record<string, readonly [least: number, most: number]>>;
  /** Looked for where no room has all filters: those without these, as the index of the name declares them. */
  readonly without?: readonly (readonly string[])[];
  readonly order?: RoomOrder;
}

/** A room to be made where none is found. */
export interface RoomPlan {
  readonly roomId: string;
  /** Where it is going to be. */
  readonly processId: string;
  /** How many will find room in it, as far as known: others who come meanwhile wait for this one or plan another. */
  readonly seats: number;
  /** What its metadata is going to hold beside the filters. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export type Taken =
  /** A seat of this room is claimed. */
  | { readonly state: "found"; readonly listing: Listing }
  /** The plan is entered with one seat claimed: make it, and say `failed` if it cannot be made. */
  | { readonly state: "planned" }
  | { readonly state: "none" };

export type TakenById =
  | { readonly state: "found"; readonly listing: Listing }
  | { readonly state: "absent" | "locked" | "full" };

/** A seat that somebody is on the way to. */
export interface Claim {
  readonly roomId: string;
  /** Any text that nobody else uses. */
  readonly claim: string;
}

/** What has become of the rooms of a name that may be shown. */
export interface LobbyChange {
  /** All of them, at most LOBBY_ROOMS_MAX; otherwise only what has changed since the last. */
  readonly isWhole: boolean;
  readonly changed: readonly Listing[];
  readonly removed: readonly string[];
}

export interface Adopted {
  /** What the owner's writes carry from now on. */
  readonly epoch: number;
  /** As the last owner left it. */
  readonly listing: Listing;
}

/** A claim that nothing comes of counts for so long, in ms. */
export const CLAIM_MS = 5000;
/** A room that is not there by then counts as failed. */
export const MAKE_MS = 10_000;
/** How many rooms of a name a lobby shows. */
export const LOBBY_ROOMS_MAX = 500;
/** Changes reach a lobby at most so often. */
export const LOBBY_MS = 200;

/**
 * Which rooms there are, where they live and which has a seat, for every process of the game: the engine's driver by its own
 * contract, and beside it what finds a seat and takes it in one step. A room is written by its owner alone, whose writes
 * never fail for want of Redis: what could not be written is written when it is back. Whoever asks fails within a second
 * with REDIS_UNAVAILABLE.
 */
export interface Directory extends MatchMakerDriver {
  /** Says by what rooms of this name are found, before the first is made. */
  index(name: string, index: RoomIndex): void;
  /** Records a room, unless its id is taken. */
  insert(room: Listing): Promise<boolean>;
  /**
   * Claims a seat in a room that fits and whose owner is alive, in one step, however many rooms there are. Where none has a
   * seat but one is being made, waits until it is there or has failed. Where none is, enters `plan`. A claim counts like
   * a player until its seat is settled, it is given back, or CLAIM_MS have passed. Fails with UNAVAILABLE after MAKE_MS.
   */
  take(wanted: Wanted, how: { readonly claim: string; readonly plan?: RoomPlan | null }): Promise<Taken>;
  /** Claims a seat in this room, which may be a private one. */
  takeIn(claim: Claim): Promise<TakenById>;
  /** Runs what counts the player in, on its owner: with the count that `reserve` writes before its first pause, the claim ends. */
  settle<T>(claim: Claim, reserve: () => T): T;
  /** Nothing came of it. Does nothing where it is settled. Never fails: what is not given back lapses. */
  giveBack(claim: Claim): Promise<void>;
  /** The plan came to nothing, or the answer to it was lost; those who wait for it look again. Never fails. */
  failed(roomId: string): Promise<void>;
  /** The process in which the room lives; null for a room that nobody has, or whose owner is gone or silent. */
  ownerOf(roomId: string): Promise<string | null>;
  /** With which epoch this process owns the room; null where it does not. */
  epochOf(roomId: string): number | null;
  /**
   * Makes this process the owner of a room whose owner, with this epoch, is gone or silent. `insert` then records it as ours.
   * Null where somebody else was first, or the owner lives. Whoever does not hear the answer asks again with the same epoch,
   * and a room that is not inserted within MAKE_MS is given up.
   */
  adopt(roomId: string, epoch: number): Promise<Adopted | null>;
  /** Called with rooms of this process that others have taken over: what it writes of them is refused. */
  onFenced(listener: (roomId: string) => void): () => void;
  /** Tells what rooms of this name there are, first all and then changes, as far as they are neither private nor unlisted. */
  watch(name: string, listener: (change: LobbyChange) => void): () => void;
}
