import type { matchMaker, ServerError } from "@colyseus/core";
import { z } from "zod";
import { type ErrorCode, errorCodes } from "../../schema/errors/codes.ts";
import { ProcessAwayError } from "../cluster/call-answers.ts";
import type { Claim, Directory, Listing } from "../cluster/directory.ts";
import { type RoomCalls, SeatReservationError } from "../cluster/engine-calls.ts";
import type { Clock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import { problemsOf } from "../platform/http.ts";
import type { Metrics } from "../platform/metrics.ts";
import { type Random, secretText } from "../platform/random.ts";
import type { RateLimit } from "../platform/rate-limit.ts";
import { JOIN_LIMIT, type JoinAdmission } from "./admission.ts";
import type { Filters } from "./filters.ts";
import type { RoomQuota } from "./room-quota.ts";
import type { Admission, Admit, SeatProof } from "./room-supplies.ts";
import type { Asker, SeatHold, SeatQuota } from "./seat-quota.ts";

/** Who makes a room come into being by joining when there is none: anyone, no guest, or only the game itself. */
export type CreatePolicy = "players" | "registered" | "nobody";

/** A room's name as the matchmaker knows it. */
export interface RoomKind {
  readonly filters: Filters;
  readonly create: CreatePolicy;
  /** How many players a room of this name takes, as far as its class says. */
  readonly seats: number;
}

/** What a player may ask the matchmaker for. `create` is absent: who joins finds a room or gets one made. */
const METHODS = ["joinOrCreate", "join", "joinById", "reconnect"] as const;
type Method = (typeof METHODS)[number];

const reconnectOptions = z.strictObject({ reconnectionToken: z.string().regex(/^[\w-]{22}$/) });
const noOptions = z.strictObject({});
const roomIdPattern = /^[\w-]{1,64}$/;
const SESSION_ID_BITS = 128;
/** Names a room that is to be made. As the session id it is no secret, and unlike the engine's own nobody guesses it. */
const ROOM_ID_BITS = 96;
const CLAIM_BITS = 96;
/** A room may close, or turn out smaller, between being found and being asked. */
const TRIES_MAX = 5;

/** What a client needs to open its socket: room, process and the session id that claims the seat. */
export type SeatReservation = Awaited<ReturnType<typeof matchMaker.reserveSeatFor>>;

export interface MatchmakeRequest {
  readonly method: string;
  /** A room's name, or a room's id for `joinById` and `reconnect`. */
  readonly target: string;
  readonly options: unknown;
  readonly proof: SeatProof;
  /** What limits count by: see Caller.address. */
  readonly address: string;
}

interface MatchmakerParts {
  readonly kinds: ReadonlyMap<string, RoomKind>;
  readonly directory: Directory;
  readonly admit: Admit;
  readonly rateLimit: Pick<RateLimit, "take">;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly admission: JoinAdmission;
  readonly seatQuota: SeatQuota;
  readonly roomQuota: RoomQuota;
  /** Rooms, wherever they are. */
  readonly roomCalls: RoomCalls;
}

/** A join of which is known whose it is. */
interface Join {
  readonly method: Exclude<Method, "reconnect">;
  readonly roomName: string;
  readonly filters: object;
  readonly bearer: Admission;
  readonly asker: Asker;
}

/**
 * The door to rooms: parses what a client asks for, finds out whose it is, and reserves a seat. Finding, making and reserving
 * are done here and not by the engine, which asks nobody before it makes a room, and lets those who find the same last
 * seat sleep for up to seconds before they look again. Here a seat is found and claimed in one step of the directory, so
 * nobody finds one that another is on the way to.
 */
export function createMatchmaker(parts: MatchmakerParts) {
  return async function reserveSeat(request: MatchmakeRequest): Promise<SeatReservation> {
    const { method, target } = request;
    if (!isMethod(method)) throw new AppError("ROOM_METHOD_REFUSED", { method: method.slice(0, 32) });
    const options = parseOptions(method, target, request.options, parts.kinds);
    if (method === "reconnect") return reconnect(target, options, parts.roomCalls);
    return parts.admission.admit(async () => {
      const startedMs = parts.clock.monotonicMs();
      const roomName = method === "joinById" ? (await roomById(target, parts.directory)).name : target;
      const bearer = await parts.admit(request.proof, roomName);
      await parts.rateLimit.take("join", JOIN_LIMIT, bearer.accountId);
      const asker = { accountId: bearer.accountId, address: request.address };
      const join: Join = { method, roomName, filters: options, bearer, asker };
      const reservation = await seat(join, target, parts);
      parts.metrics.joinSeconds.observe((parts.clock.monotonicMs() - startedMs) / 1000);
      return reservation;
    });
  };
}

function isMethod(method: string): method is Method {
  return (METHODS as readonly string[]).includes(method);
}

function parseOptions(method: Method, target: string, options: unknown, kinds: ReadonlyMap<string, RoomKind>): object {
  if (method === "reconnect") return parseWith(reconnectOptions, options);
  if (method === "joinById") {
    if (!roomIdPattern.test(target)) throw new AppError("ROOM_NOT_FOUND");
    return parseWith(noOptions, options);
  }
  const kind = kinds.get(target);
  if (kind === undefined) throw new AppError("ROOM_NOT_FOUND");
  return parseWith(kind.filters, options);
}

function parseWith<T extends object>(schema: z.ZodType<T>, options: unknown): T {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new AppError("ROOM_OPTIONS_INVALID", { problems: problemsOf(parsed.error) });
  return parsed.data;
}

/** The token is all the proof there is, and enough: 128 bits that only the dropped player knows. */
async function reconnect(roomId: string, options: object, roomCalls: RoomCalls): Promise<SeatReservation> {
  try {
    return await roomCalls.reconnect(roomId, options);
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    // Without its cause, in which the engine quotes the token.
    const code: unknown = (thrown as Partial<ServerError> | null)?.code;
    throw new AppError((typeof code === "number" ? ENGINE_CODES[code] : undefined) ?? "ROOM_SEAT_LOST");
  }
}

async function seat(join: Join, target: string, parts: MatchmakerParts): Promise<SeatReservation> {
  const hold = parts.seatQuota.hold(join.asker);
  try {
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const claim = secretText(parts.random, CLAIM_BITS);
      const room =
        join.method === "joinById"
          ? await takeById({ roomId: target, claim }, parts.directory)
          : await takeOrMake(join, claim, hold, parts);
      const reservation = room && (await reserve(room, claim, join, hold, parts));
      if (reservation !== null) return reservation;
    }
    throw new AppError("ROOM_FULL");
  } catch (thrown) {
    hold.giveBack();
    throw translateEngine(thrown);
  }
}

async function roomById(roomId: string, directory: Directory): Promise<Listing> {
  const room: Listing | undefined = await directory.findOne({ roomId });
  if (room === undefined) throw new AppError("ROOM_NOT_FOUND");
  if (room.locked) throw new AppError(room.clients >= room.maxClients ? "ROOM_FULL" : "ROOM_NOT_FOUND");
  return room;
}

async function takeById(claim: Claim, directory: Directory): Promise<Listing> {
  const taken = await directory.takeIn(claim);
  if (taken.state === "found") return taken.listing;
  throw new AppError(taken.state === "full" ? "ROOM_FULL" : "ROOM_NOT_FOUND");
}

/** Null when the process that was to make the room is gone: another may. */
async function takeOrMake(join: Join, claim: string, hold: SeatHold, parts: MatchmakerParts): Promise<Listing | null> {
  const { roomName, filters, bearer, asker } = join;
  const { kinds, directory, roomCalls, roomQuota, random } = parts;
  const wanted = { name: roomName, filters: { ...filters } };
  const found = await directory.take(wanted, { claim });
  if (found.state === "found") return found.listing;
  const kind = kinds.get(roomName);
  if (kind === undefined || join.method === "join") throw new AppError("ROOM_NOT_FOUND");
  const mayCreate = kind.create === "players" || (kind.create === "registered" && bearer.kind === "registered");
  if (!mayCreate) throw new AppError("ROOM_CREATE_REFUSED");
  hold.inNewRoom();
  const placement = roomCalls.place(filters);
  const { processId } = placement;
  const plan = { roomId: secretText(random, ROOM_ID_BITS), processId, seats: kind.seats };
  try {
    const taken = await directory.take(wanted, { claim, plan });
    if (taken.state === "found") return taken.listing;
    return await roomQuota.create(asker, () => roomCalls.createRoom({ ...plan, name: roomName, options: filters }));
  } catch (thrown) {
    await directory.failed(plan.roomId);
    if (!(thrown instanceof ProcessAwayError)) throw thrown;
    placement.failed();
    return null;
  } finally {
    placement.done();
  }
}

/** Null when the room has filled up or is closing. */
async function reserve(
  room: Listing,
  claim: string,
  { filters, bearer }: Join,
  hold: SeatHold,
  { random, directory, roomCalls }: MatchmakerParts,
): Promise<SeatReservation | null> {
  // It claims the seat, and is a secret of 128 bits; the engine's own would have 54.
  const sessionId = secretText(random, SESSION_ID_BITS);
  try {
    hold.inRoom(room.roomId);
    const reservation = await roomCalls.reserveSeatFor(room, filters, { ...bearer, sessionId, claim });
    hold.reservedFor(sessionId);
    return reservation;
  } catch (thrown) {
    await directory.giveBack({ roomId: room.roomId, claim });
    if (thrown instanceof SeatReservationError) return null;
    throw thrown;
  }
}

/** The engine's own refusals, by its numbers (ErrorCode in @colyseus/shared-types), and coded failures it has re-thrown. */
const ENGINE_CODES: Readonly<Record<number, ErrorCode>> = {
  520: "ROOM_NOT_FOUND",
  521: "ROOM_NOT_FOUND",
  522: "ROOM_NOT_FOUND",
  524: "ROOM_SEAT_LOST",
};

function translateEngine(thrown: unknown): unknown {
  if (thrown instanceof AppError || !(thrown instanceof Error)) return thrown;
  const code: unknown = (thrown as ServerError).code;
  if (typeof code === "string" && code in errorCodes) return new AppError(code as ErrorCode, {}, thrown);
  const known = typeof code === "number" ? ENGINE_CODES[code] : undefined;
  return known === undefined ? thrown : new AppError(known, {}, thrown);
}
