import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { type Router, toNodeHandler } from "@colyseus/core";
import { BODY_BYTES_MAX } from "../../schema/protocol.ts";
import { AppError, type TranslateError } from "../platform/errors.ts";
import { type BufferedRequest, CLIENT_ADDRESS_HEADER, parseJson, retryHeaders, writeJson } from "../platform/http.ts";
import type { MatchmakeRequest, SeatReservation } from "./matchmaker.ts";

/** Serves the game's pages: express or Vite in middleware mode. */
export type Pages = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

interface FrontDoorParts {
  readonly router: Router;
  readonly reserveSeat: (request: MatchmakeRequest) => Promise<SeatReservation>;
  readonly pages: Pages;
  readonly translate: TranslateError;
  readonly isDraining: () => boolean;
}

const HOST_PATTERN = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i;
const MATCHMAKE_PATTERN = /^\/matchmake\/(\w{1,32})\/([\w-]{1,64})$/;

/**
 * Every HTTP request enters here, instead of by the engine's own listener: that one reflects any Origin with
 * credentials, reads bodies of any size, and names its version on `/`.
 */
export function createFrontDoor(parts: FrontDoorParts): RequestListener {
  const callRoute = toNodeHandler(parts.router.handler);
  return (request, response) => {
    receive(request, response, { ...parts, callRoute }).catch((thrown: unknown) => {
      const shown = parts.translate(thrown, { method: request.method, path: pathOf(request) });
      // A body that was refused half-way is still coming in: the connection cannot be used again.
      const headers = { ...retryHeaders(shown), ...(!request.complete && { connection: "close" }) };
      if (response.headersSent) response.destroy();
      else writeJson(response, shown.status, shown.body, headers);
    });
  };
}

type Receiver = FrontDoorParts & { callRoute: ReturnType<typeof toNodeHandler> };

async function receive(request: BufferedRequest, response: ServerResponse, door: Receiver): Promise<void> {
  if (!HOST_PATTERN.test(request.headers.host ?? ""))
    throw new AppError("REQUEST_INVALID", { problems: ["Host header"] });
  const path = pathOf(request);
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("x-frame-options", "DENY");
  request.headers[CLIENT_ADDRESS_HEADER] = request.socket.remoteAddress ?? "unknown";
  if (path.startsWith("/matchmake/")) return matchmake(path, request, response, door);
  if (path.startsWith("/api/") || path === "/healthz" || path === "/readyz")
    return callApi(path, request, response, door);
  door.pages(request, response, (error) => refusePage(error, request, response, door));
}

async function callApi(
  path: string,
  request: BufferedRequest,
  response: ServerResponse,
  door: Receiver,
): Promise<void> {
  const isKnown = door.router.findRoute(request.method ?? "GET", path) !== undefined;
  if (!isKnown || path.endsWith("/") || path.includes("//")) throw new AppError("ROUTE_NOT_FOUND");
  request.body = await readBody(request);
  await door.callRoute(request, response);
}

async function matchmake(
  path: string,
  request: BufferedRequest,
  response: ServerResponse,
  door: Receiver,
): Promise<void> {
  const [, method, target] = MATCHMAKE_PATTERN.exec(path) ?? [];
  if (request.method !== "POST" || method === undefined || target === undefined) throw new AppError("ROUTE_NOT_FOUND");
  const text = await readBody(request);
  if (door.isDraining()) throw new AppError("UNAVAILABLE", { draining: true });
  const options = parseJson(text === "" ? "{}" : text);
  const headers = new Headers(request.headers as Record<string, string>);
  writeJson(response, 200, await door.reserveSeat({ method, target, options, headers }));
}

/** The whole body as text, of at most BODY_BYTES_MAX bytes, and only as JSON: a form of another site cannot send that. */
async function readBody(request: IncomingMessage): Promise<string> {
  if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES_MAX) throw new AppError("REQUEST_TOO_LARGE");
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new AppError("REQUEST_TOO_LARGE");
    chunks.push(chunk);
  }
  if (bytes > 0 && !/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new AppError("REQUEST_UNSUPPORTED");
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refusePage(error: unknown, request: IncomingMessage, response: ServerResponse, { translate }: Receiver): void {
  const { status, body } = translate(error ?? new AppError("ROUTE_NOT_FOUND"), { path: pathOf(request) });
  writeJson(response, status, body);
}

/** Without the query, which may carry a ticket. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}
