import { type AccountsClient, createAccounts, type SessionCarrier, type SessionToken } from "./accounts.ts";
import { type CallApi, createApi } from "./api.ts";
import { createHttp } from "./http.ts";
import { joinRoom, rejoinRoom } from "./join.ts";
import { createLeaderboards, type LeaderboardsClient } from "./leaderboards.ts";
import { Lobby } from "./lobby.ts";
import type { Match } from "./match.ts";
import { createProgression, type ProgressionClient } from "./progression.ts";
import { cryptoFraction, type RandomFraction } from "./random.ts";
import { createRegions, type RegionsClient } from "./regions.ts";
import { createTokenStorage, type TokenStorage } from "./storage.ts";

export interface ClientOptions {
  /** Where the server is, `http://…` or `https://…`: in a page `location.origin`. */
  readonly endpoint: string;
  /**
   * `cookie` for a page on the server's own origin: scripts never see the session. `token` for every other program: the
   * token is kept in `storage` and sent as bearer.
   */
  readonly session: SessionCarrier;
  /** For the session's token, and what tells this device from others: by default localStorage in a page, memory elsewhere. */
  readonly storage?: TokenStorage;
  /** Spreads out retries and redials; by default from `crypto`. */
  readonly random?: RandomFraction;
  /** Sent with each request and each room's upgrade. For programs: a browser lets nobody add headers to an upgrade. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Hears each frame of a room as it arrives, the first one included, before anything is made of it: for measuring. */
  readonly onFrame?: (frame: Uint8Array, roomId: string) => void;
}

/** A player's way to an Umpire server. Every call of it rejects with ClientError and nothing else. */
export interface Client {
  readonly accounts: AccountsClient;
  readonly leaderboards: LeaderboardsClient;
  readonly progression: ProgressionClient;
  /** Where to play: ask before the first join, and make a client for the endpoint that is nearest. */
  readonly regions: RegionsClient;
  /** Any route of the server by its name: `client.api("GET /api/progression/matches", { query: { limit: 5 } })`. */
  readonly api: CallApi;
  /**
   * Finds a room of this name by its filters, or has one made, and sits down there. Somebody must be signed in:
   * `accounts.ensureGuest()` first.
   *
   * Fails with UNAUTHENTICATED, ROOM_NOT_FOUND, ROOM_FULL, ROOM_OPTIONS_INVALID (a filter or a value that the room does
   * not know), ROOM_FILTER_REFUSED (one that only the server may set), UNAVAILABLE (the server is closing), RATE_LIMITED,
   * NETWORK, or PROTOCOL (offer an update). Where the room's matchmaking waits for a better fit, so does this.
   */
  join<State extends object>(room: string, filters?: object): Promise<Match<State>>;
  /** Sits down in one room, of a lobby for instance. Fails like `join`. */
  joinById<State extends object>(roomId: string): Promise<Match<State>>;
  /**
   * Opens a private room, which is on no list and which nobody is put into: friends come by `match.code`, and by the
   * password, if it has one (1 to 64 characters). Fails like `join`, and with ROOM_METHOD_REFUSED, ROOM_CREATE_REFUSED
   * or ROOM_CREATE_EXCEEDED.
   */
  createPrivate<State extends object>(room: string, filters?: object, password?: string): Promise<Match<State>>;
  /**
   * Sits down in the private room that has this code; capitals, spaces and dashes do not matter. Fails like `join`, and
   * with ROOM_CODE_UNKNOWN or ROOM_PASSWORD_WRONG.
   */
  joinByCode<State extends object>(room: string, code: string, password?: string): Promise<Match<State>>;
  /** What rooms of this name there are, live, for a player to choose from: those with this metadata. Close it after use. */
  lobby(room: string, filters?: Readonly<Record<string, string | number | boolean>>): Lobby;
  /**
   * Takes up a match after a reload, by the `reconnectionToken` that the caller has kept. The seat is kept for
   * RECONNECT_SECONDS. Fails with ROOM_SEAT_LOST or ROOM_NOT_FOUND when it is gone: join again.
   */
  rejoin<State extends object>(reconnectionToken: string): Promise<Match<State>>;
}

/** Throws a TypeError when `endpoint` is no URL. */
export function createClient(options: ClientOptions): Client {
  const { endpoint, session, storage, random = cryptoFraction, headers = {}, onFrame = () => {} } = options;
  const { origin } = new URL(endpoint);
  const kept = storage ?? createTokenStorage();
  const token = session === "cookie" ? noToken : storedToken(kept, `umpire.session ${origin}`);
  const device = storedToken(kept, `umpire.device ${origin}`);
  const http = createHttp({
    endpoint,
    credentials: session === "cookie" ? "same-origin" : "omit",
    token: token.get,
    onTokenUnknown: (unknown) => {
      if (token.get() === unknown) token.forget();
    },
    random,
    headers,
  });
  const ways = { http, endpoint, random, headers, onFrame };
  return {
    accounts: createAccounts({ http, session, token, device }),
    leaderboards: createLeaderboards({ http }),
    progression: createProgression({ http }),
    regions: createRegions({ http }),
    api: createApi({ http }),
    join: (room, filters = {}) => joinRoom(ways, { method: "joinOrCreate", room, filters }),
    joinById: (roomId) => joinRoom(ways, { method: "joinById", roomId }),
    createPrivate: (room, filters = {}, password) =>
      joinRoom(ways, { method: "create", room, filters, ...(password !== undefined && { password }) }),
    joinByCode: (room, code, password) =>
      joinRoom(ways, { method: "joinByCode", room, code, ...(password !== undefined && { password }) }),
    lobby: (room, filters = {}) => new Lobby({ http, random }, room, filters),
    rejoin: (reconnectionToken) => rejoinRoom(ways, reconnectionToken),
  };
}

const noToken: SessionToken = { get: () => null, set: () => {}, forget: () => {} };

/** One token per server, so that a program may know several. */
function storedToken(storage: TokenStorage, key: string): SessionToken {
  return {
    get: () => storage.get(key),
    set: (token) => storage.set(key, token),
    forget: () => storage.remove(key),
  };
}
