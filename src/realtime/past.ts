import type { Rewind } from "@colyseus/core";

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Where things were: lag compensation for the step. */
export interface Past {
  /** Where `entity` was after `tick`, at most MAX_REWIND_MS ago; a later tick, or none recorded yet, gives the present. */
  at<Entity extends Place>(tick: number, entity: Entity): Place;
}

/** A collection of the world whose entities' `x` and `y` are recorded once a step. */
export type Rewound = Iterable<unknown> & { values(): Iterable<Place> };

/** No shot reaches further back than this, whatever its sender claims to have seen. */
export const MAX_REWIND_MS = 500;

/** Reads the engine's history. `toRoomTimeMs` says at which room time a tick was recorded. */
export function createPast(rewind: Rewind, toRoomTimeMs: (tick: number) => number): Past {
  return {
    at(tick, entity) {
      const view = rewind.at(toRoomTimeMs(tick));
      return { x: view.value(entity, "x" as never), y: view.value(entity, "y" as never) };
    },
  };
}

/** For rooms that rewind nothing. */
export const presentOnly: Past = { at: (_tick, entity) => entity };
