import { matchMaker } from "@colyseus/core";
import { closeCodes } from "../../schema/protocol.ts";
import type { RoomQuota } from "./door/room-quota.ts";
import type { RoomSupplies } from "./room-supplies.ts";

/** How often is looked for rooms that were made in other processes: what one that dies would have said is never heard. */
const ELSEWHERE_MS = 3000;

/** Rooms that others have taken over send their players there; rooms made elsewhere count until they are closed there. */
export function keepRooms({
  directory,
  clock,
  roomQuota,
}: Pick<RoomSupplies, "directory" | "clock"> & { roomQuota: RoomQuota }) {
  const stops = [
    directory.onFenced((roomId) => void matchMaker.getLocalRoomById(roomId)?.disconnect(closeCodes.REDIAL)),
    clock.every(ELSEWHERE_MS, async () => {
      const elsewhere = roomQuota.alive().filter((roomId) => matchMaker.getLocalRoomById(roomId) === undefined);
      if (elsewhere.length === 0) return;
      // While nobody can say, they count.
      const there = await directory.findByIds(elsewhere).catch(() => null);
      for (const roomId of elsewhere) if (there?.has(roomId) === false) roomQuota.closed(roomId);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
