import { ColyseusSDK, type Room } from "@colyseus/sdk";
import { closeCodes, JOIN_WAIT_SECONDS_MAX, PROTOCOL_VERSION } from "../../schema/protocol.ts";
import { followRoundTrip } from "./clock.ts";
import { ClientError, codedError, networkError, readDoorRefusal } from "./errors.ts";
import type { Http } from "./http.ts";
import { endReason, keepUnheard, Match, type RoomMessage, type Welcome } from "./match.ts";
import type { RandomFraction } from "./random.ts";
import { redialWithJitter, watchSilence } from "./reconnect.ts";

/** What the matchmaker answers with; the engine's own type for it. */
type SeatReservation = Parameters<ColyseusSDK["consumeSeatReservation"]>[0];

export interface JoinParts {
  readonly http: Http;
  readonly endpoint: string;
  readonly random: RandomFraction;
  readonly headers: Readonly<Record<string, string>>;
  readonly onFrame: (frame: Uint8Array, roomId: string) => void;
}

/** How long a room may take from the open socket to its first state. */
const SEATED_MS_MAX = 10_000;

/** What a seat is asked for by. */
export type SeatRequest =
  | { readonly method: "joinOrCreate"; readonly room: string; readonly filters: object }
  | { readonly method: "joinById"; readonly roomId: string }
  | { readonly method: "joinByCode"; readonly room: string; readonly code: string; readonly password?: string }
  | { readonly method: "create"; readonly room: string; readonly filters: object; readonly password?: string };

/** A server may keep a join waiting for a better room, and then has to make one. */
const JOIN_MS_MAX = JOIN_WAIT_SECONDS_MAX * 1000 + 15_000;

/** Asks for a seat by the session that there is, and sits down. */
export async function joinRoom<State extends object>(
  { http, ...parts }: JoinParts,
  request: SeatRequest,
): Promise<Match<State>> {
  const { target, body } = writeRequest(request);
  // Not by the engine's own joinOrCreate, which keeps only the text of a refusal and drops its code.
  const path = `/matchmake/${request.method}/${encodeURIComponent(target)}`;
  const reservation = await http.call<SeatReservation>({ method: "POST", path, body, answerMsMax: JOIN_MS_MAX });
  return sitDown<State>(parts, reservation);
}

function writeRequest(request: SeatRequest): { target: string; body: object } {
  if (request.method === "joinById") return { target: request.roomId, body: {} };
  const { room: target } = request;
  if (request.method === "joinOrCreate") return { target, body: request.filters };
  const secret = request.password === undefined ? {} : { password: request.password };
  if (request.method === "create") return { target, body: { ...request.filters, ...secret } };
  return { target, body: { code: request.code, ...secret } };
}

/** Takes the seat again that a reloaded page, or a program that was restarted, has left. */
export async function rejoinRoom<State extends object>(
  { http, ...parts }: JoinParts,
  reconnectionToken: string,
): Promise<Match<State>> {
  const [roomId = "", token = ""] = reconnectionToken.split(":");
  if (roomId === "" || token === "") throw codedError("ROOM_SEAT_LOST");
  const reservation = await http.call<SeatReservation>({
    method: "POST",
    path: `/matchmake/reconnect/${encodeURIComponent(roomId)}`,
    body: { reconnectionToken: token },
  });
  return sitDown<State>(parts, { ...reservation, reconnectionToken: token });
}

/** The engine's client, with its room prepared before the connection opens, and at hand before the join is through. */
class Dialler extends ColyseusSDK {
  readonly #prepare: (room: Room) => void;
  room: Room | undefined;

  constructor(endpoint: string, headers: Readonly<Record<string, string>>, prepare: (room: Room) => void) {
    super(endpoint, { headers });
    this.#prepare = prepare;
  }

  protected override createRoom<State>(name: string): Room<unknown, State> {
    const room = super.createRoom<State>(name);
    this.room = room as Room;
    this.#prepare(this.room);
    return room;
  }
}

async function sitDown<State extends object>(
  { endpoint, random, headers, onFrame }: Omit<JoinParts, "http">,
  reservation: SeatReservation,
): Promise<Match<State>> {
  const now = () => performance.now();
  const dialler = new Dialler(endpoint, headers, (room) => redialWithJitter(room, { random, now }));
  // The reservation's session id claims the seat, and nothing else need be shown. The engine would write whatever is here,
  // if only a token that another program has left in localStorage, into the socket's URL, and with it into logs.
  dialler.auth.token = "";
  const dialled = dialler.consumeSeatReservation(reservation);
  const { room } = dialler;
  if (room === undefined) throw networkError("The room could not be dialled.", await dialled.catch((thrown) => thrown));
  hearFrames(room, onFrame);
  const match = await untilSeated<State>(room as Room<unknown, State>, dialled);
  if (match.protocol !== PROTOCOL_VERSION) {
    match.leave().catch(() => {});
    throw outdated(match.protocol);
  }
  followRoundTrip(room);
  match.onEnded(watchSilence(room, { isConnected: () => match.isConnected, now }));
  return match;
}

/** The room is being dialled, and nothing has arrived yet. */
function hearFrames({ roomId, connection: { events } }: Room, onFrame: JoinParts["onFrame"]): void {
  const deliver = events.onmessage;
  events.onmessage = (event: { data: ArrayBuffer }) => {
    onFrame(new Uint8Array(event.data), roomId);
    deliver?.(event);
  };
}

/** Waits for the first state and the welcome, which come in either order. On failure the connection is closed. */
function untilSeated<State extends object>(
  room: Room<unknown, State>,
  dialled: Promise<unknown>,
): Promise<Match<State>> {
  return new Promise<Match<State>>((resolve, reject) => {
    // The engine cannot take back a listener reliably, so these stay and do nothing once the wait is over.
    let isOver = false;
    let welcome: Welcome | undefined;
    let hasState = false;
    const unheard: RoomMessage[] = [];
    const settle = () => {
      if (isOver || welcome === undefined || !hasState) return;
      isOver = true;
      clearTimeout(timer);
      // Here and not in the caller's next turn, so that what arrived together with the welcome is heard.
      resolve(new Match(room, welcome, unheard));
    };
    const fail = (error: ClientError) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      room.reconnection.enabled = false;
      room.connection.close();
      reject(error);
    };
    const timer = setTimeout(() => fail(networkError("The room took too long to answer.")), SEATED_MS_MAX);
    room.onMessage("*", (type: string | number, payload: unknown) => {
      if (!isOver) keepUnheard(unheard, { type, payload });
    });
    room.onMessage("welcome", (payload: Welcome) => {
      welcome = payload;
      settle();
    });
    room.onStateChange(() => {
      hasState = true;
      settle();
    });
    room.onError((code, message) => fail(doorError(code, message)));
    room.onLeave((code) => fail(doorError(code)));
    dialled.catch((thrown: { code?: number; message?: string }) => fail(doorError(thrown.code, thrown.message)));
  });
}

/** Why a room did not let us in, as far as a socket can tell. */
function doorError(code: number | undefined, message?: string): ClientError {
  const refusal = readDoorRefusal(message);
  if (refusal !== null) return refusal;
  if (code === closeCodes.RECONNECT_FAILED || message?.includes("seat reservation"))
    return codedError("ROOM_SEAT_LOST");
  const details = { closeCode: code ?? null, reason: endReason(code ?? 0) };
  return networkError("The connection broke before the room had answered.", undefined, details);
}

function outdated(server: number): ClientError {
  const message = "This game has been updated. Reload the page, or install the new version.";
  const details = { cure: "update", client: PROTOCOL_VERSION, server };
  return new ClientError({ code: "PROTOCOL", message, details });
}
