import { type AccountsClient, createAccounts, type SessionCarrier, type SessionToken } from "./accounts.ts";
import { type CallApi, createApi } from "./api.ts";
import { createHttp } from "./http.ts";
import { joinRoom, rejoinRoom } from "./join.ts";
import { createLeaderboards, type LeaderboardsClient } from "./leaderboards.ts";
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
   * not know), UNAVAILABLE (the server is closing), RATE_LIMITED, NETWORK, or PROTOCOL (offer an update).
   */
  join<State extends object>(room: string, filters?: object): Promise<Match<State>>;
  /**
   * Takes up a match after a reload, by the `reconnectionToken` that the caller has kept. The seat is kept for
   * RECONNECT_SECONDS. Fails with ROOM_SEAT_LOST or ROOM_NOT_FOUND when it is gone: join again.
   */
  rejoin<State extends object>(reconnectionToken: string): Promise<Match<State>>;
}

/** Throws a TypeError when `endpoint` is no URL. */
export function createClient({ endpoint, session, storage, random = cryptoFraction }: ClientOptions): Client {
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
  });
  return {
    accounts: createAccounts({ http, session, token, device }),
    leaderboards: createLeaderboards({ http }),
    progression: createProgression({ http }),
    regions: createRegions({ http }),
    api: createApi({ http }),
    join: (room, filters = {}) => joinRoom({ http, endpoint, random }, room, filters),
    rejoin: (reconnectionToken) => rejoinRoom({ http, endpoint, random }, reconnectionToken),
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
