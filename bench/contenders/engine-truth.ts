import { matchMaker } from "@colyseus/core";
import type { Truth } from "./contender.ts";
import type { Place } from "./movement.ts";

/** A room of the engine's, stock or ours: its state has a map of players by the name that clients know them by. */
interface EngineRoom {
  readonly roomId: string;
  readonly state: { readonly players: Iterable<[string, Place]> };
}

/** Where every player of every room of this process is. */
export async function engineTruth(): Promise<Truth> {
  const listings = await matchMaker.query({});
  const rooms = listings
    .map(({ roomId }) => matchMaker.getLocalRoomById(roomId) as unknown as EngineRoom | undefined)
    .filter((room) => room !== undefined);
  return Object.fromEntries(
    rooms.flatMap(({ roomId, state }) =>
      [...state.players].map(([name, { x, y }]): [string, Place] => [`${roomId}/${name}`, { x, y }]),
    ),
  );
}
