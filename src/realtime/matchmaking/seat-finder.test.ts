import { createSecretKey } from "node:crypto";
import { expect, test } from "vitest";
import { z } from "zod";
import type { RoomCalls } from "../../cluster/calls/engine-calls.ts";
import type { Listing } from "../../cluster/directory/directory.ts";
import { createMemoryDirectory } from "../../cluster/directory/memory-directory.ts";
import { createHoldings } from "../../cluster/holdings.ts";
import { createSystemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createSeededRandom } from "../../platform/random.ts";
import { aListing } from "../../testing/listings.ts";
import { createRoomQuota } from "../door/room-quota.ts";
import { invitationOf, makePrivate } from "./invitations.ts";
import { indexOf, kindOf } from "./matchmaking.ts";
import { makePrivately, type Search, type SeatFinderParts } from "./seat-finder.ts";

const filters = () => z.strictObject({ mode: z.enum(["ffa"]).default("ffa") });
const kind = kindOf("den", { filters, invite: "players" }, { region: "moon", seats: 4 });
const clock = createSystemClock();
const directory = createMemoryDirectory({ clock });
directory.index("den", indexOf(kind));

/** As the engine makes rooms: who comes second with an id is given the room that has it. */
const createRoom = (async ({ roomId, options }: { roomId: string; options: object }) => {
  const listing = aListing("den", { roomId });
  makePrivate(listing, (options as { invitation: never }).invitation);
  await new Promise((resolve) => setTimeout(resolve, 5));
  return (await directory.insert(listing)) ? listing : directory.findOne({ roomId });
}) as RoomCalls["createRoom"];

const roomQuota = createRoomQuota({
  holdings: createHoldings({ redis: null, clock, log: createLog({ level: "silent" }) }),
  roomsPerAccount: 9,
  roomsPerAddress: 9,
  roomsMax: 9,
});
/** Whoever has the same seed draws the same codes. */
const partsOf = (seed: number): SeatFinderParts => ({
  directory,
  random: createSeededRandom(seed),
  roomQuota,
  rateLimit: { take: async () => {} },
  roomCalls: { createRoom, place: () => ({ processId: "pid-1", done() {}, failed() {} }) } as unknown as RoomCalls,
  secret: createSecretKey(Buffer.from("only for tests")),
});
const search = {
  kind,
  values: { mode: "ffa" },
  bearer: { kind: "guest" },
  asker: { accountId: "acc_1", address: "10.0.0.1" },
  hold: { inRoom: async () => {} },
  mayMake: false,
} as unknown as Search;

test("[INVITE2] of those who draw the same code, at once or later, one has it and the others draw again", async () => {
  const found = await Promise.all(["a", "b"].map((claim) => makePrivately(search, undefined, claim, partsOf(1))));
  found.push(await makePrivately(search, undefined, "c", partsOf(1)));
  const rooms = found.map((each) => (typeof each === "string" ? expect.fail(each) : each)) as Listing[];
  expect(new Set(rooms.map(({ roomId }) => roomId)).size).toBe(3);
  expect(new Set(rooms.map((room) => invitationOf(room)?.code)).size).toBe(3);
  expect(rooms.map((room) => invitationOf(room)?.nonce)).toEqual(["a", "b", "c"]);
  // A room that was drawn twice counts once, for the one who has it.
  expect(roomQuota.alive().toSorted()).toEqual(rooms.map(({ roomId }) => roomId).toSorted());
});
