import { z } from "zod";
import { modes } from "../schema/state/arena.ts";
import type { RoomTable } from "../src/realtime/game-server.ts";
import { ArenaRoom } from "./arena/room.ts";

/** The rooms of this game: name, class, and the filters by which players find them. Every filter has a default. */
export const rooms = {
  arena: {
    room: ArenaRoom,
    filters: (region) =>
      z.strictObject({
        mode: z.enum(modes).default("ffa"),
        region: z.literal(region).default(region),
      }),
  },
} satisfies RoomTable;
