import type { KeyObject } from "node:crypto";
import type { matchMaker, ServerError } from "@colyseus/core";
import { z } from "zod";
import { type ErrorCode, errorCodes } from "../../../schema/errors/codes.ts";
import { type RoomCalls, SeatReservationError } from "../../cluster/calls/engine-calls.ts";
import type { Directory, Listing } from "../../cluster/directory/directory.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { problemsOf } from "../../platform/http.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { type Random, secretText } from "../../platform/random.ts";
import type { RateLimit } from "../../platform/rate-limit.ts";
import type { Services } from "../../services/services.ts";
import { JOIN_LIMIT, type JoinAdmission } from "../door/admission.ts";
import type { RoomQuota } from "../door/room-quota.ts";
import type { SeatQuota } from "../door/seat-quota.ts";
import type { Admit, SeatProof } from "../room-supplies.ts";
import { CODE_LIMIT, codeOptions, invitationOf, inviteOptions } from "./invitations.ts";
import { type FilterValues, type RoomKind, serverValues, stageAfter, widest } from "./matchmaking.ts";
import {
  type Found,
  makePrivately,
  type Search,
  type SeatDirectory,
  takeByCode,
  takeById,
  takeOrMake,
} from "./seat-finder.ts";
import { createWaitingRoom, type WaitingRoom } from "./waiting-room.ts";

/** What a player may ask the matchmaker for. The engine's own `create` finds nobody else; ours makes a private room. */
const METHODS = ["joinOrCreate", "join", "joinById", "joinByCode", "create", "reconnect"] as const;
type Method = (typeof METHODS)[number];

const reconnectOptions = z.strictObject({ reconnectionToken: z.string().regex(/^[\w-]{22}$/) });
const noOptions = z.strictObject({});
const roomIdPattern = /^[\w-]{1,64}$/;
const SESSION_ID_BITS = 128;
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
  /** Whoever asked has hung up. */
  readonly signal: AbortSignal;
}

interface MatchmakerParts {
  readonly kinds: ReadonlyMap<string, RoomKind>;
  readonly directory: SeatDirectory;
  readonly admit: Admit;
  readonly rateLimit: Pick<RateLimit, "take" | "takeForAddress">;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Pick<Metrics, "joinSeconds">;
  readonly admission: Pick<JoinAdmission, "admit">;
  readonly seatQuota: SeatQuota;
  readonly roomQuota: RoomQuota;
  /** Rooms, wherever they are. */
  readonly roomCalls: Pick<RoomCalls, "createRoom" | "place" | "reconnect" | "reserveSeatFor">;
  readonly secret: KeyObject;
  readonly region: string;
  readonly services: Services;
}

/** What a client asks for, read. */
type Wish =
  | { readonly method: "joinOrCreate" | "join"; readonly kind: RoomKind; readonly filters: FilterValues }
  | {
      readonly method: "create";
      readonly kind: RoomKind;
      readonly filters: FilterValues;
      readonly password?: string | undefined;
    }
  | { readonly method: "joinByCode"; readonly kind: RoomKind; readonly given: z.infer<typeof codeOptions> }
  | { readonly method: "joinById"; readonly roomId: string };

/** A join of which is known whose it is. */
interface Join extends Search {
  readonly wish: Wish;
  readonly startedMs: number;
}

/**
 * The door to rooms: parses what a client asks for, finds out whose it is, and reserves a seat. Finding, making and reserving
 * are done here and not by the engine, which asks nobody before it makes a room, and lets those who find the same last
 * seat sleep for up to seconds before they look again. Here a seat is found and claimed in one step of the directory, so
 * nobody finds one that another is on the way to.
 *
 * Who is to wait for a better room is kept waiting with the answer: every SDK bears that, nothing is kept of somebody who
 * hangs up, and a wait is shorter than any proxy's patience. Nobody's turn is held meanwhile.
 */
export function createMatchmaker(parts: MatchmakerParts) {
  const waitingRoom = createWaitingRoom(parts.clock);
  return async function reserveSeat(request: MatchmakeRequest): Promise<SeatReservation> {
    const { method, target } = request;
    if (!isMethod(method)) throw new AppError("ROOM_METHOD_REFUSED", { method: method.slice(0, 32) });
    if (method === "reconnect") return reconnect(target, parseWith(reconnectOptions, request.options), parts.roomCalls);
    const wish = readWish(method, request, parts.kinds);
    const startedMs = parts.clock.monotonicMs();
    const { join, seat } = await parts.admission.admit(async () => {
      const join = await joinOf(wish, request, parts);
      return { join, seat: await seatOrGiveBack(join, parts) };
    });
    const reservation = seat ?? (await seatLater(join, waitingRoom, request.signal, parts));
    parts.metrics.joinSeconds.observe((parts.clock.monotonicMs() - startedMs) / 1000);
    return reservation;
  };
}

function isMethod(method: string): method is Method {
  return (METHODS as readonly string[]).includes(method);
}

function readWish(
  method: Exclude<Method, "reconnect">,
  { target, options }: MatchmakeRequest,
  kinds: ReadonlyMap<string, RoomKind>,
): Wish {
  if (method === "joinById") {
    if (!roomIdPattern.test(target)) throw new AppError("ROOM_NOT_FOUND");
    parseWith(noOptions, options);
    return { method, roomId: target };
  }
  const kind = kinds.get(target);
  if (kind === undefined) throw new AppError("ROOM_NOT_FOUND");
  if (method === "joinByCode") return { method, kind, given: parseWith(codeOptions, options) };
  refuseServerFilters(kind, options);
  if (method !== "create") return { method, kind, filters: parseWith(kind.filters, options) as FilterValues };
  if (kind.invite === "nobody") throw new AppError("ROOM_METHOD_REFUSED", { method });
  const parsed = parseWith(kind.filters.extend(inviteOptions.shape), options);
  const { password, ...filters } = parsed as FilterValues & { readonly password?: string };
  return { method, kind, filters, password };
}

/** A level or a region of one's own choice would be a way around the match. */
function refuseServerFilters({ server }: RoomKind, options: unknown): void {
  const sent = typeof options === "object" && options !== null ? Object.keys(options) : [];
  const filters = sent.filter((name) => Object.hasOwn(server, name));
  if (filters.length > 0) throw new AppError("ROOM_FILTER_REFUSED", { filters });
}

function parseWith<T extends object>(schema: z.ZodType<T>, options: unknown): T {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new AppError("ROOM_OPTIONS_INVALID", { problems: problemsOf(parsed.error) });
  return parsed.data;
}

/** Finds out who asks, and what the server has to say of them. */
async function joinOf(wish: Wish, { proof, address }: MatchmakeRequest, parts: MatchmakerParts): Promise<Join> {
  const startedMs = parts.clock.monotonicMs();
  const kind = wish.method === "joinById" ? await kindOfRoom(wish.roomId, parts) : wish.kind;
  const bearer = await parts.admit(proof, kind.name);
  const { accountId } = bearer;
  await parts.rateLimit.take("join", JOIN_LIMIT, accountId);
  if (wish.method === "joinByCode") {
    await parts.rateLimit.take("room code", CODE_LIMIT, accountId);
    await parts.rateLimit.takeForAddress("room code", CODE_LIMIT, address);
  }
  const { region, services } = parts;
  const filters = "filters" in wish ? wish.filters : {};
  const told = "filters" in wish ? await serverValues(kind, { accountId, kind: bearer.kind, region, services }) : {};
  const asker = { accountId, address };
  const hold = await parts.seatQuota.hold(asker);
  const mayMake = wish.method === "joinOrCreate";
  return { wish, startedMs, kind, values: { ...filters, ...told }, bearer, asker, hold, mayMake };
}

async function kindOfRoom(roomId: string, { directory, kinds }: MatchmakerParts): Promise<RoomKind> {
  const kind = kinds.get((await roomById(roomId, directory)).name);
  if (kind === undefined) throw new AppError("ROOM_NOT_FOUND");
  return kind;
}

/** The token is all the proof there is, and enough: 128 bits that only the dropped player knows. */
async function reconnect(
  roomId: string,
  options: object,
  roomCalls: Pick<RoomCalls, "reconnect">,
): Promise<SeatReservation> {
  try {
    return await roomCalls.reconnect(roomId, options);
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    // Without its cause, in which the engine quotes the token.
    const code: unknown = (thrown as Partial<ServerError> | null)?.code;
    throw new AppError((typeof code === "number" ? ENGINE_CODES[code] : undefined) ?? "ROOM_SEAT_LOST");
  }
}

/** Null where a better room, or any, may turn up. What was counted for the join is given back when it fails. */
async function seatOrGiveBack(join: Join, parts: MatchmakerParts, isHurried = false): Promise<SeatReservation | null> {
  try {
    return await seat(join, parts, isHurried);
  } catch (thrown) {
    join.hold.giveBack();
    throw translateEngine(thrown);
  }
}

async function seat(join: Join, parts: MatchmakerParts, isHurried: boolean): Promise<SeatReservation | null> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const claim = secretText(parts.random, CLAIM_BITS);
    const found = await find(join, claim, parts, isHurried);
    if (found === "later") return null;
    const reservation = found === "again" ? null : await reserve(found, claim, join, parts);
    if (reservation !== null) return reservation;
  }
  throw new AppError("ROOM_FULL");
}

async function find(join: Join, claim: string, parts: MatchmakerParts, isHurried: boolean): Promise<Found> {
  const { wish, kind, startedMs } = join;
  switch (wish.method) {
    case "joinById":
      return takeById({ roomId: wish.roomId, claim }, parts.directory);
    case "joinByCode":
      return takeByCode(join, wish.given, claim, parts);
    case "create":
      return makePrivately(join, wish.password, claim, parts);
    default: {
      const stage = isHurried ? widest(kind) : stageAfter(kind, parts.clock.monotonicMs() - startedMs);
      return takeOrMake(join, stage, claim, parts);
    }
  }
}

/** Asks again until the last stage has found or made a room. Whoever finds the waiting room full takes what there is. */
async function seatLater(
  join: Join,
  waitingRoom: WaitingRoom,
  signal: AbortSignal,
  parts: MatchmakerParts,
): Promise<SeatReservation> {
  const leave = waitingRoom.enter();
  try {
    for (;;) {
      if (leave !== null) await waitingRoom.pause(signal);
      const reservation = await parts.admission.admit(() => seatOrGiveBack(join, parts, leave === null));
      if (reservation !== null) return reservation;
    }
  } catch (thrown) {
    join.hold.giveBack();
    throw thrown;
  } finally {
    leave?.();
  }
}

/** What is private by a code is entered by that alone, and is not there for others. */
async function roomById(roomId: string, directory: Pick<Directory, "findOne">): Promise<Listing> {
  const room: Listing | undefined = await directory.findOne({ roomId });
  if (room === undefined || invitationOf(room) !== null) throw new AppError("ROOM_NOT_FOUND");
  if (room.locked) throw new AppError(room.clients >= room.maxClients ? "ROOM_FULL" : "ROOM_NOT_FOUND");
  return room;
}

/** Null when the room has filled up or is closing. */
async function reserve(
  room: Listing,
  claim: string,
  { values, bearer, hold }: Join,
  { random, directory, roomCalls }: MatchmakerParts,
): Promise<SeatReservation | null> {
  // It claims the seat, and is a secret of 128 bits; the engine's own would have 54.
  const sessionId = secretText(random, SESSION_ID_BITS);
  try {
    await hold.inRoom(room.roomId);
    const reservation = await roomCalls.reserveSeatFor(room, values, { ...bearer, sessionId, claim });
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
