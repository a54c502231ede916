/** The least a world must be: a Colyseus Schema instance that counts its own steps. */
export interface RoomWorld {
  /** Steps since the world began. `step` adds one. */
  tick: number;
}

/** What a world is made from. Everything random or unique about it comes from here. */
export interface WorldSetup<Options> {
  /** The filters' values, defaults filled in. */
  readonly options: Options;
  /** Seed of the world's own randomness, from 0 to 2^32 - 1. */
  readonly seed: number;
  /** Unique for ever; match ids derive from it. */
  readonly worldId: string;
  /** BOT_FILL: how many players a match should have, people and bots together. */
  readonly botFill: number;
}
