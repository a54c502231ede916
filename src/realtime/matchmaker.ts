import { createAuthContext, matchMaker, type ServerError } from "@colyseus/core";
import { z } from "zod";
import { type ErrorCode, errorCodes } from "../../schema/errors/codes.ts";
import { AppError } from "../platform/errors.ts";
import { problemsOf } from "../platform/http.ts";

/** The filters of a room by their names, each with its default. A room listing is found by all of them, never by "any". */
export type Filters = z.ZodObject<z.ZodRawShape>;

/** What a player may ask the matchmaker for. `create` is absent: who joins finds a room or gets one made. */
const METHODS = ["joinOrCreate", "join", "joinById", "reconnect"] as const;
type Method = (typeof METHODS)[number];

const reconnectOptions = z.strictObject({ reconnectionToken: z.string().min(1).max(128) });
const roomIdPattern = /^[\w-]{1,64}$/;

/** What a client needs to open its socket: room, process and the session id that claims the seat. */
export type SeatReservation = Awaited<ReturnType<typeof matchMaker.joinOrCreate>>;

export interface MatchmakeRequest {
  readonly method: string;
  /** A room's name, or a room's id for `joinById` and `reconnect`. */
  readonly target: string;
  readonly options: unknown;
  readonly headers: Headers;
}

/** The door to rooms: parses what a client asks for, fills in the filters' defaults, and reserves a seat. */
export function createMatchmaker(filtersByRoom: ReadonlyMap<string, Filters>) {
  return async function reserveSeat({ method, target, options, headers }: MatchmakeRequest): Promise<SeatReservation> {
    if (!isMethod(method)) throw new AppError("ROOM_METHOD_REFUSED", { method: method.slice(0, 32) });
    const parsed = parseOptions(method, target, options, filtersByRoom);
    try {
      const context = createAuthContext({ headers });
      if (method === "reconnect") return await matchMaker.reconnect(target, parsed);
      return await matchMaker[method](target, parsed, context);
    } catch (thrown) {
      throw translateEngine(thrown);
    }
  };
}

function isMethod(method: string): method is Method {
  return (METHODS as readonly string[]).includes(method);
}

function parseOptions(method: Method, target: string, options: unknown, filtersByRoom: ReadonlyMap<string, Filters>) {
  if (method === "reconnect") return parseWith(reconnectOptions, options);
  if (method === "joinById") {
    if (!roomIdPattern.test(target)) throw new AppError("ROOM_NOT_FOUND");
    return parseWith(z.strictObject({}), options);
  }
  const filters = filtersByRoom.get(target);
  if (filters === undefined) throw new AppError("ROOM_NOT_FOUND");
  return parseWith(filters, options);
}

function parseWith<T extends object>(schema: z.ZodType<T>, options: unknown): T {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new AppError("ROOM_OPTIONS_INVALID", { problems: problemsOf(parsed.error) });
  return parsed.data;
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
  if (thrown.constructor.name === "SeatReservationError") return new AppError("ROOM_FULL");
  const known = typeof code === "number" ? ENGINE_CODES[code] : undefined;
  return known === undefined ? thrown : new AppError(known, {}, thrown);
}
