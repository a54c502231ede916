import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Router } from "@colyseus/core";
import { BODY_BYTES_MAX } from "../../schema/protocol.ts";
import type { ClientAddress } from "../platform/client-address.ts";
import { AppError, type TranslateError } from "../platform/errors.ts";
import {
  type BufferedRequest,
  CALLER_HEADER,
  findDoor,
  type JudgedCaller,
  retryHeaders,
  writeJson,
} from "../platform/http.ts";
import { parseJson } from "../platform/json.ts";
import type { Metrics } from "../platform/metrics.ts";
import { hasOneHost, type Origins } from "../platform/origins.ts";
import { createInFlight, type InFlight, type RateLimit } from "../platform/rate-limit.ts";
import { API_POLICY, invitation, PREFLIGHT_HEADERS, securityHeaders } from "../platform/response-headers.ts";
import type { MatchmakeRequest, SeatReservation } from "./matchmaker.ts";
import { createRouteAdapter } from "./route-adapter.ts";

/** Serves the game's pages: express or Vite in middleware mode. */
export type Pages = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

interface FrontDoorParts {
  readonly router: Router;
  readonly reserveSeat: (request: MatchmakeRequest) => Promise<SeatReservation>;
  readonly pages: Pages;
  readonly translate: TranslateError;
  readonly isDraining: () => boolean;
  readonly clientAddress: ClientAddress;
  readonly origins: Origins;
  readonly rateLimit: RateLimit;
  readonly metrics: Metrics;
  /** Whether players reach this server by https: its own, or that of a proxy in front of it. */
  readonly isHttps: boolean;
}

const MATCHMAKE_PATTERN = /^\/matchmake\/(\w{1,32})\/([\w-]{1,64})$/;
const API_PATTERN = /^\/(api\/|matchmake\/|healthz$|readyz$)/;

export const URL_CHARS_MAX = 4096;
export const HEADERS_MAX = 100;
/** Of everything together, pages and mistakes included: a browser without a cache opens the game several times a second. */
const ANYTHING_LIMIT = { count: 6000, perSeconds: 60 };
const MATCHMAKE_LIMIT = { count: 240, perSeconds: 60 };
const IN_FLIGHT_PER_ADDRESS_MAX = 128;
const IN_FLIGHT_MAX = 4096;

type Receiver = FrontDoorParts & { callRoute: ReturnType<typeof createRouteAdapter>; inFlight: InFlight };

/**
 * Every HTTP request enters here, instead of by the engine's own listener: that one reflects any Origin with
 * credentials, reads bodies of any size, believes any address, and names its version on `/`.
 */
export function createFrontDoor(parts: FrontDoorParts): RequestListener {
  const inFlight = createInFlight({ perKeyMax: IN_FLIGHT_PER_ADDRESS_MAX, max: IN_FLIGHT_MAX });
  const door = { ...parts, callRoute: createRouteAdapter(parts.router), inFlight };
  const headers = securityHeaders(parts);
  return (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    receive(request, response, door).catch((thrown: unknown) => refuse(thrown, request, response, door));
  };
}

function refuse(thrown: unknown, request: IncomingMessage, response: ServerResponse, door: Receiver): void {
  // Whoever has hung up, or was cut off for being slow, need not be answered, and it is nobody's fault.
  if (response.destroyed || response.socket === null || response.socket.destroyed) return;
  const shown = door.translate(thrown, { method: request.method, path: pathOf(request) });
  door.metrics.doorRefused.inc({ reason: shown.body.code });
  if (response.headersSent) return void response.destroy();
  response.setHeader("content-security-policy", API_POLICY);
  // A body that was refused half-way is still coming in: the connection cannot be used again.
  writeJson(response, shown.status, shown.body, {
    ...retryHeaders(shown),
    ...(!request.complete && { connection: "close" }),
  });
}

async function receive(request: BufferedRequest, response: ServerResponse, door: Receiver): Promise<void> {
  checkHead(request);
  const { address, isLoadTest, scheme } = door.clientAddress.of(request);
  const leave = door.inFlight.enter(address);
  response.once("close", leave);
  const caller: JudgedCaller = { address, isLoadTest, origin: door.origins.judge(request.headers, scheme) };
  request.headers[CALLER_HEADER] = JSON.stringify(caller);
  await door.rateLimit.takeForAddress("anything", ANYTHING_LIMIT, address);
  const path = pathOf(request);
  if (!API_PATTERN.test(path)) {
    return door.pages(request, response, (error) =>
      refuse(error ?? new AppError("ROUTE_NOT_FOUND"), request, response, door),
    );
  }
  response.setHeader("content-security-policy", API_POLICY);
  if (caller.origin === "foreign") refuseForeign(request);
  if (caller.origin === "allowed") {
    for (const [name, value] of Object.entries(invitation(request.headers.origin ?? ""))) {
      response.setHeader(name, value);
    }
    if (request.method === "OPTIONS") return void response.writeHead(204, PREFLIGHT_HEADERS).end();
  }
  if (path.startsWith("/matchmake/")) return matchmake(path, request, response, { ...door, caller });
  await callApi(path, request, response, { ...door, caller });
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

type Answering = Receiver & { caller: JudgedCaller };

async function callApi(
  path: string,
  request: BufferedRequest,
  response: ServerResponse,
  { caller, ...door }: Answering,
): Promise<void> {
  const route = findDoor(door.router, request.method ?? "GET", path);
  if (route === null) throw new AppError("ROUTE_NOT_FOUND");
  await door.rateLimit.takeForAddress(route.name, route.limit, caller.address);
  request.body = await readBody(request);
  await door.callRoute(request, response);
}

async function matchmake(
  path: string,
  request: BufferedRequest,
  response: ServerResponse,
  { caller, ...door }: Answering,
): Promise<void> {
  const [, method, target] = MATCHMAKE_PATTERN.exec(path) ?? [];
  if (request.method !== "POST" || method === undefined || target === undefined) throw new AppError("ROUTE_NOT_FOUND");
  await door.rateLimit.takeForAddress("POST /matchmake", MATCHMAKE_LIMIT, caller.address);
  const text = await readBody(request);
  if (door.isDraining()) throw new AppError("UNAVAILABLE", { draining: true });
  const options = parseJson(text === "" ? "{}" : text);
  const headers = new Headers(request.headers as Record<string, string>);
  writeJson(response, 200, await door.reserveSeat({ method, target, options, headers, address: caller.address }));
}

/** The whole body as text, of at most BODY_BYTES_MAX bytes, and only as JSON: a form of another site cannot send that. */
async function readBody(request: IncomingMessage): Promise<string> {
  if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES_MAX) throw new AppError("REQUEST_TOO_LARGE");
  if (hasBody(request.headers)) checkBodyType(request.headers);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new AppError("REQUEST_TOO_LARGE");
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (!isUtf8(body)) throw new AppError("REQUEST_INVALID", { problems: ["the body is not UTF-8"] });
  return body.toString("utf8");
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Unpacking could make much of little, so a packed body is refused as well. */
function checkBodyType(headers: IncomingHttpHeaders): void {
  const isJson = /^application\/json *(;|$)/i.test(headers["content-type"] ?? "");
  const isPacked = !/^(identity)?$/i.test(headers["content-encoding"] ?? "");
  if (!isJson || isPacked) throw new AppError("REQUEST_UNSUPPORTED");
}

/** Without the query, which may carry a ticket. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}
