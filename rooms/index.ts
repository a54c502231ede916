import { z } from "zod";
import { modes } from "../schema/state/arena.ts";
import type { RoomTable } from "../src/realtime/game-server.ts";
import { region, version } from "../src/realtime/matchmaking/server-filters.ts";
import { ArenaRoom } from "./arena/room.ts";

/** The rooms of this game by name: class, and how players find one. A player chooses the mode, and the server says the rest. */
export const rooms = {
  arena: {
    room: ArenaRoom,
    filters: () => z.strictObject({ mode: z.enum(modes).default("ffa") }),
    server: { region, version },
    invite: "players",
    lobby: ["mode"],
  },
} satisfies RoomTable;
