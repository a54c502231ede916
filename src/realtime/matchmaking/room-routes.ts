import { z } from "zod";
import { type Route, route } from "../../platform/http.ts";
import type { PublicRoom, PublicRooms } from "./public-rooms.ts";

const PAGE_MAX = 100;
const limit = { count: 240, perSeconds: 60 };

const room = z.strictObject({
  roomId: z.string(),
  players: z.number().int().min(0),
  seats: z.number().int().nullable(),
  isOpen: z.boolean(),
  createdMs: z.number(),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

/** Where a page ends: the room's age, and its id among equals. */
const cursor = z.string().regex(/^\d{1,16}\.[\w-]{1,64}$/);
/** Any other name is a field that the list shows, and the value that it has to have. */
const query = z
  .object({ limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(20), before: cursor.optional() })
  .catchall(z.string().max(64));
const reply = z.strictObject({ rooms: z.array(room), next: cursor.nullable() });

/** What rooms there are, for players who choose one themselves: they join it by its id. */
export function roomRoutes(publicRooms: () => PublicRooms) {
  return [
    route(
      {
        method: "GET",
        path: "/api/rooms/:name",
        role: "anyone",
        limit,
        query,
        reply,
        errors: ["ROOM_NOT_FOUND", "ROOM_OPTIONS_INVALID"],
      },
      async ({ params, query: { limit: count, before, ...sight } }) => {
        const rooms = await publicRooms()
          .board(params["name"] ?? "", sight)
          .rooms(sight);
        const behind =
          before === undefined ? rooms : rooms.filter((each) => compare(placeOf(each), placeAt(before)) > 0);
        const page = behind.toSorted((one, other) => compare(placeOf(one), placeOf(other))).slice(0, count);
        const last = page.length < behind.length ? page.at(-1) : undefined;
        const next = last === undefined ? null : `${last.createdMs}.${last.roomId}`;
        return { rooms: page.map((each) => ({ ...each, metadata: { ...each.metadata } })), next };
      },
    ),
  ] as const satisfies readonly Route[];
}

type Place = readonly [createdMs: number, roomId: string];

function placeOf({ createdMs, roomId }: PublicRoom): Place {
  return [createdMs, roomId];
}

function placeAt(text: string): Place {
  const dot = text.indexOf(".");
  return [Number(text.slice(0, dot)), text.slice(dot + 1)];
}

/** The newest first. */
function compare([oneMs, one]: Place, [otherMs, other]: Place): number {
  if (oneMs !== otherMs) return otherMs - oneMs;
  return one < other ? -1 : one > other ? 1 : 0;
}
