import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AppError, type TranslateError } from "./errors.ts";
import { type Routes, retryHeaders, writeJson } from "./http.ts";
import { createHttpListener } from "./http-listener.ts";
import type { Metrics } from "./metrics.ts";
import { createOrigins, hasOneHost } from "./origins.ts";
import { createInFlight, type RateLimit } from "./rate-limit.ts";
import { readBody } from "./request-body.ts";
import { API_POLICY, securityHeaders } from "./response-headers.ts";

interface PrivateParts {
  readonly metrics: Metrics;
  /** How many processes there should be, as JSON, for whatever starts and stops them. */
  readonly autoscale: () => object;
  /** What operators may call, below `/operator/`. */
  readonly routes: Routes;
  readonly rateLimit: RateLimit;
  readonly translate: TranslateError;
}

const URL_CHARS_MAX = 4096;
const IN_FLIGHT_MAX = 64;
/** Of what has no limit of its own: metrics, and mistakes. */
const ANYTHING = { name: "anything", limit: { count: 600, perSeconds: 60, isPerProcess: true } };
const HEADERS = { ...securityHeaders({ isHttps: false }), "content-security-policy": API_POLICY };

/**
 * Serves metrics and operators on a listener of their own, so that the public port never shows them. It believes no
 * proxy and no cookie: whoever sits in front of it has to be the only one who can reach it.
 */
export async function listenPrivately(parts: PrivateParts, where: { host: string; port: number }) {
  const server = createHttpListener({ tls: null, translate: parts.translate });
  const origins = createOrigins({ allowed: [], publicUrl: null });
  const inFlight = createInFlight({ perKeyMax: IN_FLIGHT_MAX, max: IN_FLIGHT_MAX });
  const door = { ...parts, origins, inFlight };
  server.on("request", (request, response) => {
    receive(request, response, door).catch((thrown: unknown) => refuse(thrown, request, response, door));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where.port, where.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

interface Door extends PrivateParts {
  readonly origins: ReturnType<typeof createOrigins>;
  readonly inFlight: ReturnType<typeof createInFlight>;
}

async function receive(request: IncomingMessage, response: ServerResponse, door: Door): Promise<void> {
  const { url = "/", method = "GET", headers } = request;
  if (url.length > URL_CHARS_MAX) throw new AppError("REQUEST_URL_TOO_LONG");
  if (!hasOneHost(request)) throw new AppError("REQUEST_INVALID", { problems: ["Host header"] });
  const address = request.socket.remoteAddress ?? "unknown";
  response.once("close", door.inFlight.enter(address));
  const [path = "/", query = ""] = url.split("?", 2);
  const route = path.startsWith("/operator/") ? door.routes.find(method, path) : null;
  const origin = door.origins.judge(headers, "http");
  // What another site's page sends takes nothing from its visitor's allowance at a route.
  const counted = route === null || origin === "foreign" ? ANYTHING : route;
  await door.rateLimit.takeForAddress(counted.name, counted.limit, address);
  if (origin === "foreign") throw new AppError("REQUEST_FOREIGN");
  if (path === "/metrics" && method === "GET") return showMetrics(response, door.metrics);
  if (path === "/autoscale" && method === "GET") {
    return writeJson(response, 200, door.autoscale(), { ...HEADERS, "cache-control": "no-store" });
  }
  if (route === null) throw new AppError("ROUTE_NOT_FOUND");
  const body = await readBody(request);
  const answer = await route.answer({ caller: { address, isLoadTest: false, origin }, headers, query, body });
  writeJson(response, answer.status, answer.body, { ...HEADERS, ...answer.headers });
}

async function showMetrics(response: ServerResponse, { registry }: Metrics): Promise<void> {
  const body = await registry.metrics();
  response.writeHead(200, { ...HEADERS, "content-type": registry.contentType, "cache-control": "no-store" }).end(body);
}

function refuse(thrown: unknown, request: IncomingMessage, response: ServerResponse, { translate }: Door): void {
  if (response.destroyed || response.socket === null || response.socket.destroyed) return;
  const shown = translate(thrown, { method: request.method, path: request.url?.split("?", 1)[0] });
  if (response.headersSent) return void response.destroy();
  // A body that was refused half-way is still coming in: the connection cannot be used again.
  const close = request.complete ? {} : { connection: "close" };
  writeJson(response, shown.status, shown.body, { ...HEADERS, ...retryHeaders(shown), ...close });
}
