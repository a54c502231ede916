import { matchMaker, ServerError } from "@colyseus/core";
import { AppError } from "../../platform/errors.ts";
import type { Listing } from "../directory/directory.ts";
import type { createPlacements, Placement } from "../processes/placements.ts";
import { ProcessAwayError } from "./call-answers.ts";
import type { CallHandlers, Calls } from "./calls.ts";

type Seat = Awaited<ReturnType<typeof matchMaker.reserveSeatFor>>;

/** The room is full or gone, and another may have a seat. */
export class SeatReservationError extends Error {
  override readonly name = "SeatReservationError";
}

/** What the matchmaker asks of rooms, wherever they are. Failures keep their code. */
export interface RoomCalls {
  /** Fails with SeatReservationError when the room is full or gone. */
  reserveSeatFor(
    room: Listing,
    options: object,
    auth: { readonly sessionId: string; readonly claim: string },
  ): Promise<Seat>;
  /** Fails with the engine's 522 when there is no such room, 524 when nobody's seat is held by this token. */
  reconnect(roomId: string, options: { readonly reconnectionToken?: string }): Promise<Seat>;
  /** Where there is most room for a room with these filters. Fails with UNAVAILABLE when there is nowhere. */
  place(options: object): Placement;
  /** Makes a room in the process that was chosen for it. Fails with ProcessAwayError when that does not answer. */
  createRoom(order: RoomOrder): Promise<Listing>;
  /** Asks another process's room, for the engine. */
  askRoom(roomId: string, method: string, args: unknown): Promise<unknown>;
  askProcess(processId: string, method: string, args: unknown): Promise<unknown>;
}

/** A room to be made. */
interface RoomOrder {
  readonly name: string;
  readonly roomId: string;
  readonly processId: string;
  /** Its filters. */
  readonly options: object;
}

interface RoomCallParts {
  /** Null in a process that is alone. */
  readonly calls: Calls | null;
  readonly placements: ReturnType<typeof createPlacements>;
  readonly region: string;
  /** A process was found to be gone. */
  readonly onLost: (processId: string) => void;
}

/** All that a process may ask of a room elsewhere: what finding and taking a seat needs. */
const ROOM_METHODS = ["_reserveSeat", "_reserveMultipleSeats", "checkReconnectionToken", "hasReservedSeat"] as const;
type RoomMethod = (typeof ROOM_METHODS)[number];
type Callable = Readonly<Record<RoomMethod, (...args: unknown[]) => unknown>>;

const INVALID_ROOM_ID = 522;
const EXPIRED = 524;

/** What this process does for others. */
export const roomHandlers: CallHandlers = {
  ping: async () => true,
  create: async ({ name, options, roomId }: { name: string; options: object; roomId: string }) =>
    matchMaker.handleCreateRoom(String(name), options, undefined, String(roomId)),
  room: async ({ roomId, method, args }: { roomId: string; method: string; args: unknown[] }) => {
    // An own property alone: what a room inherits, and what it has for itself, is none of theirs.
    if (!isRoomMethod(method) || !Array.isArray(args)) throw new AppError("ROOM_METHOD_REFUSED");
    const room = matchMaker.getLocalRoomById(String(roomId)) as unknown as Callable | undefined;
    if (room === undefined) throw new AppError("ROOM_NOT_FOUND");
    return room[method](...args);
  },
};

export function createRoomCalls({ calls, placements, region, onLost }: RoomCallParts): RoomCalls {
  const askProcess: RoomCalls["askProcess"] = async (processId, method, args) => {
    if (calls === null) throw new ProcessAwayError(processId, "gone");
    try {
      return await calls.ask(processId, method, args);
    } catch (thrown) {
      if (thrown instanceof ProcessAwayError && thrown.reason === "gone") onLost(processId);
      throw thrown;
    }
  };
  const askAt = async (processId: string, roomId: string, method: RoomMethod, args: readonly unknown[]) => {
    const room = matchMaker.getLocalRoomById(roomId) as unknown as Callable | undefined;
    // As it would arrive from elsewhere: nobody keeps what another still holds.
    if (room !== undefined) return room[method](...(JSON.parse(JSON.stringify(args)) as unknown[]));
    return askProcess(processId, "room", { roomId, method, args });
  };
  return {
    askProcess,
    async askRoom(roomId, method, args) {
      if (!isRoomMethod(method) || !Array.isArray(args)) throw new AppError("ROOM_METHOD_REFUSED");
      const listing = await matchMaker.driver.findOne({ roomId });
      if (!listing) throw new AppError("ROOM_NOT_FOUND");
      return askAt(listing.processId, roomId, method, args);
    },
    async reserveSeatFor(room, options, auth) {
      const { sessionId } = auth;
      const isReserved = await askAt(room.processId, room.roomId, "_reserveSeat", [sessionId, options, auth]).catch(
        tryAnother,
      );
      if (isReserved !== true) throw new SeatReservationError("the room is full");
      return matchMaker.buildSeatReservation(room, sessionId);
    },
    async reconnect(roomId, { reconnectionToken }) {
      const room = await matchMaker.driver.findOne({ roomId });
      if (!room) throw new ServerError(INVALID_ROOM_ID);
      const answer = askAt(room.processId, roomId, "checkReconnectionToken", [reconnectionToken]);
      const sessionId = await answer.catch((thrown: unknown) => {
        if (isNowhere(thrown)) throw new ServerError(INVALID_ROOM_ID);
        throw unavailable(thrown);
      });
      if (typeof sessionId !== "string") throw new ServerError(EXPIRED);
      return matchMaker.buildSeatReservation(room, sessionId);
    },
    place(options) {
      // Its own limits say how many rooms it takes.
      if (calls === null) return { processId: matchMaker.processId, done() {}, failed() {} };
      const wanted = (options as { region?: unknown }).region;
      return placements.place(typeof wanted === "string" ? wanted : region);
    },
    async createRoom({ name, options, roomId, processId }) {
      if (processId === matchMaker.processId) return matchMaker.handleCreateRoom(name, options, undefined, roomId);
      return (await askProcess(processId, "create", { name, options, roomId })) as Listing;
    },
  };
}

function isRoomMethod(method: string): method is RoomMethod {
  return (ROOM_METHODS as readonly string[]).includes(method);
}

/** The room is not there any more: its process is gone, or runs and does not know it. */
function isNowhere(thrown: unknown): boolean {
  if (thrown instanceof ProcessAwayError) return thrown.reason === "gone";
  return thrown instanceof AppError && thrown.code === "ROOM_NOT_FOUND";
}

function tryAnother(thrown: unknown): never {
  if (isNowhere(thrown)) throw new SeatReservationError("the room is gone");
  throw unavailable(thrown);
}

function unavailable(thrown: unknown): unknown {
  if (!(thrown instanceof ProcessAwayError)) return thrown;
  return new AppError("UNAVAILABLE", { reason: "process", retryAfterSeconds: 1 });
}
