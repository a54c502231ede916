import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { RAW_BODY_BYTES_MAX } from "../../../schema/protocol.ts";
import type { ClientAddress } from "../../platform/client-address.ts";
import { AppError, type TranslateError } from "../../platform/errors.ts";
import { type Door, type JudgedCaller, type Routes, readQuery, retryHeaders, writeJson } from "../../platform/http.ts";
import { parseJson } from "../../platform/json.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { hasOneHost, type Origins } from "../../platform/origins.ts";
import { createInFlight, type InFlight, type RateLimit } from "../../platform/rate-limit.ts";
import { readBody, readBytes } from "../../platform/request-body.ts";
import { API_POLICY, invitation, PREFLIGHT_HEADERS, securityHeaders } from "../../platform/response-headers.ts";
import { FEED_LIMIT, type LobbyFeed } from "../matchmaking/lobby-feed.ts";
import type { MatchmakeRequest, SeatReservation } from "../matchmaking/matchmaker.ts";
import { JOIN_LIMIT } from "./admission.ts";

/** Serves the game's pages: express or Vite in middleware mode. */
export type Pages = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

interface FrontDoorParts {
  readonly routes: Routes;
  readonly reserveSeat: (request: MatchmakeRequest) => Promise<SeatReservation>;
  /** Null where nobody may ask what rooms there are. */
  readonly lobbyFeed: LobbyFeed | null;
  readonly pages: Pages;
  readonly translate: TranslateError;
  /** Others take whoever comes: an answer says that it is the last on its connection. */
  readonly isClosing: () => boolean;
  /** No seat is given away any more. */
  readonly isDraining: () => boolean;
  readonly clientAddress: ClientAddress;
  readonly origins: Origins;
  readonly rateLimit: RateLimit;
  readonly metrics: Metrics;
  /** Whether players reach this server by https: its own, or that of a proxy in front of it. */
  readonly isHttps: boolean;
}

const MATCHMAKE_PATTERN = /^\/matchmake\/(\w{1,32})\/([\w-]{1,64})$/;
const FEED_PATTERN = /^\/api\/rooms\/(\w{1,64})\/feed$/;
const API_PATTERN = /^\/(api\/|matchmake\/|healthz$|readyz$)/;

export const URL_CHARS_MAX = 4096;
export const HEADERS_MAX = 100;
/** Of what has no limit of its own, pages and mistakes: a browser without a cache opens the game several times a second. */
const ANYTHING_LIMIT = { count: 6000, perSeconds: 60 };
const IN_FLIGHT_PER_ADDRESS_MAX = 128;
const IN_FLIGHT_MAX = 4096;

type HeaderLines = Readonly<Record<string, string>>;

interface Receiver extends FrontDoorParts {
  readonly inFlight: InFlight;
  readonly pageHeaders: HeaderLines;
}

/** A request on its way through the door. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What its answer carries besides its own. */
  headers: HeaderLines;
}

/**
 * Every HTTP request enters here, instead of by the engine's own listener: that one reflects any Origin with
 * credentials, reads bodies of any size, believes any address, and names its version on `/`.
 */
export function createFrontDoor(parts: FrontDoorParts): RequestListener {
  const inFlight = createInFlight({ perKeyMax: IN_FLIGHT_PER_ADDRESS_MAX, max: IN_FLIGHT_MAX });
  const pageHeaders = securityHeaders(parts);
  const headers = { ...pageHeaders, "content-security-policy": API_POLICY };
  const door = { ...parts, inFlight, pageHeaders };
  return (request, response) => {
    const exchange: Exchange = { request, response, headers };
    if (parts.isClosing()) response.setHeader("connection", "close");
    receive(exchange, door).catch((thrown: unknown) => refuse(thrown, exchange, door));
  };
}

function refuse(thrown: unknown, { request, response, headers }: Exchange, door: Receiver): void {
  // Whoever has hung up, or was cut off for being slow, need not be answered, and it is nobody's fault.
  if (response.destroyed || response.socket === null || response.socket.destroyed) return;
  const shown = door.translate(thrown, { method: request.method, path: pathOf(request) });
  door.metrics.doorRefused.inc({ reason: shown.body.code });
  if (response.headersSent) return void response.destroy();
  // A body that was refused half-way is still coming in: the connection cannot be used again.
  const close = request.complete ? {} : { connection: "close" };
  writeJson(response, shown.status, shown.body, { ...headers, ...retryHeaders(shown), ...close });
}

async function receive(exchange: Exchange, door: Receiver): Promise<void> {
  const { request, response } = exchange;
  checkHead(request);
  const { address, isLoadTest, scheme } = door.clientAddress.of(request);
  const leave = door.inFlight.enter(address);
  response.once("close", leave);
  const caller: JudgedCaller = { address, isLoadTest, origin: door.origins.judge(request.headers, scheme) };
  const path = pathOf(request);
  const route = door.routes.find(request.method ?? "GET", path);
  await takeAllowance(caller, { path, route }, door);
  if (!API_PATTERN.test(path)) return showPage(exchange, door);
  if (caller.origin === "foreign") refuseForeign(request);
  if (caller.origin === "allowed") {
    exchange.headers = { ...exchange.headers, ...invitation(request.headers.origin ?? "") };
    if (request.method === "OPTIONS") {
      return void response.writeHead(204, { ...exchange.headers, ...PREFLIGHT_HEADERS }).end();
    }
  }
  if (path.startsWith("/matchmake/")) return matchmake(exchange, { path, caller }, door);
  if (route === null) return followRooms(exchange, { path, caller }, door);
  await callApi(exchange, { path, caller, route });
}

/**
 * Each request is counted once: by the limit of its route, or of everything that has none. What another site's page
 * sends takes nothing from its visitor's allowance at a route.
 */
function takeAllowance({ address, origin }: JudgedCaller, { path, route }: Target, { rateLimit }: Receiver) {
  if (origin === "foreign") return rateLimit.takeForAddress("anything", ANYTHING_LIMIT, address);
  if (route !== null) return rateLimit.takeForAddress(route.name, route.limit, address);
  if (FEED_PATTERN.test(path)) return rateLimit.takeForAddress("GET /api/rooms feed", FEED_LIMIT, address);
  if (MATCHMAKE_PATTERN.test(path)) return rateLimit.takeForAddress("POST /matchmake", JOIN_LIMIT, address);
  return rateLimit.takeForAddress("anything", ANYTHING_LIMIT, address);
}

/** Whoever makes pages writes them with headers of its own. */
function showPage(exchange: Exchange, door: Receiver): void {
  const { request, response } = exchange;
  for (const [name, value] of Object.entries(door.pageHeaders)) response.setHeader(name, value);
  door.pages(request, response, (error) => refuse(error ?? new AppError("ROUTE_NOT_FOUND"), exchange, door));
}

function checkHead(request: IncomingMessage): void {
  const { rawHeaders, url = "" } = request;
  if (url.length > URL_CHARS_MAX) throw new AppError("REQUEST_URL_TOO_LONG");
  if (rawHeaders.length / 2 > HEADERS_MAX) throw new AppError("REQUEST_HEADERS_TOO_LARGE");
  if (!hasOneHost(request)) throw new AppError("REQUEST_INVALID", { problems: ["Host header"] });
}

/**
 * A page of another site neither acts nor reads. Where the browser sends no Origin with a GET, it came from a link or an
 * address in a page, whose site cannot see the answer: that is let in, so that links from mail and search work.
 */
function refuseForeign({ method, headers }: IncomingMessage): void {
  if (method !== "GET" || headers.origin !== undefined) throw new AppError("REQUEST_FOREIGN");
}

interface Target {
  readonly path: string;
  readonly route: Door | null;
}

interface Judged {
  readonly path: string;
  readonly caller: JudgedCaller;
}

async function callApi(
  { request, response, headers }: Exchange,
  { path, caller, route }: Judged & { readonly route: Door },
) {
  const given = route.raw
    ? { body: "", rawBody: await readBytes(request, RAW_BODY_BYTES_MAX) }
    : { body: await readBody(request) };
  const query = (request.url ?? "").slice(path.length + 1);
  const answer = await route.answer({ caller, headers: request.headers, query, ...given });
  writeJson(response, answer.status, answer.body, { ...headers, ...answer.headers });
}

async function matchmake({ request, response, headers }: Exchange, { path, caller }: Judged, door: Receiver) {
  const [, method, target] = MATCHMAKE_PATTERN.exec(path) ?? [];
  if (request.method !== "POST" || method === undefined || target === undefined) throw new AppError("ROUTE_NOT_FOUND");
  const text = await readBody(request);
  if (door.isDraining()) throw new AppError("UNAVAILABLE", { draining: true });
  const options = parseJson(text === "" ? "{}" : text);
  const proof = { headers: request.headers, origin: caller.origin };
  const hungUp = new AbortController();
  // Not after every answer: the reason of an abort is an exception with a stack, the dearest thing in a join.
  response.once("close", () => {
    if (!response.writableEnded) hungUp.abort();
  });
  const { address } = caller;
  const seat = await door.reserveSeat({ method, target, options, proof, address, signal: hungUp.signal });
  writeJson(response, 200, seat, headers);
}

/** The one answer that has no end, and so no route. */
function followRooms({ request, response, headers }: Exchange, { path, caller }: Judged, door: Receiver): void {
  const name = FEED_PATTERN.exec(path)?.[1];
  const { lobbyFeed } = door;
  if (request.method !== "GET" || name === undefined || lobbyFeed === null) throw new AppError("ROUTE_NOT_FOUND");
  if (door.isClosing()) throw new AppError("UNAVAILABLE", { draining: true });
  const sight = readQuery((request.url ?? "").slice(path.length + 1));
  lobbyFeed.open(response, { name, sight, address: caller.address, headers });
}

/** Without the query, which may carry a ticket. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}
