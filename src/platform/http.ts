import type { IncomingMessage, ServerResponse } from "node:http";
import { createEndpoint, createRouter, type Router } from "@colyseus/core";
import type { z } from "zod";
import type { AccountId, SessionId } from "../../schema/ids.ts";
import type { Caller } from "./client-address.ts";
import { AppError, type AppErrorShown, type TranslateError } from "./errors.ts";
import { parseJson } from "./json.ts";
import type { Metrics } from "./metrics.ts";
import type { OriginVerdict } from "./origins.ts";
import type { Limit, RateLimit } from "./rate-limit.ts";

/** Who asks: the account and its session, and how the session came in. Never read from a body. */
export interface Principal {
  readonly accountId: AccountId;
  readonly sessionId: SessionId;
  readonly via: "cookie" | "bearer";
}

/** `anyone` may be signed in or not; `player` must be. */
export type Role = "anyone" | "player";

export interface RouteContext<Body, P> {
  readonly body: Body;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly principal: P;
  /** What limits count by: see Caller.address. */
  readonly ip: string;
  /** A signed load test's bot; what it leaves behind is purged. */
  readonly isLoadTest: boolean;
  readonly userAgent: string;
  /** Adds a Set-Cookie header to the answer. */
  setCookie(cookie: string): void;
}

interface RouteSpec<R extends Role, Body, Reply> {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly role: R;
  /** Allowance of a client's address, and likewise of a signed-in caller's account. */
  readonly limit: Limit;
  readonly body?: z.ZodType<Body>;
  /** The shape of the answer. Whatever is not in it never leaves the server. */
  readonly reply: z.ZodType<Reply>;
}

type PrincipalOf<R extends Role> = R extends "player" ? Principal : Principal | null;

/** A route as data: what it takes, who may call it, how often, what it answers; and the handler, which calls one verb. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly role: Role;
  readonly limit: Limit;
  readonly body?: z.ZodType | undefined;
  readonly reply: z.ZodType;
  readonly handle: (context: RouteContext<never, never>) => Promise<unknown>;
}

export function route<R extends Role, Body, Reply>(
  spec: RouteSpec<R, Body, Reply>,
  handle: (context: RouteContext<Body, PrincipalOf<R>>) => Promise<NoInfer<Reply>>,
): Route {
  return { ...spec, handle: handle as Route["handle"] };
}

export interface HttpPorts {
  readonly principalOf: (headers: Headers) => Promise<Principal | null>;
  readonly rateLimit: Pick<RateLimit, "take">;
  readonly translate: TranslateError;
  readonly metrics: Metrics;
}

/** Binds routes to the engine's typed router. Bodies arrive here already capped and buffered by the front door. */
export function createRoutes(routes: readonly Route[], ports: HttpPorts): Router {
  const endpoints = routes.map((spec) => [
    `${spec.method} ${spec.path}`,
    createEndpoint(
      spec.path,
      { method: spec.method, disableBody: true, metadata: { limit: spec.limit } },
      async (ctx) => {
        if (ctx.request === undefined) throw new Error("routes are called by HTTP only");
        return answer(spec, ctx.request, (ctx.params ?? {}) as Record<string, string>, ports);
      },
    ),
  ]);
  return createRouter(Object.fromEntries(endpoints));
}

/** The route at a method and path: its name, as limits and metrics know it, and its limit. Null when there is none. */
export function findDoor(router: Router, method: string, path: string): { name: string; limit: Limit } | null {
  // The engine's router takes a path with a slash too many for the one without.
  if (path.endsWith("/") || path.includes("//")) return null;
  const found = router.findRoute(method, path)?.data;
  const limit: Limit | undefined = found?.options.metadata?.["limit"];
  return limit === undefined ? null : { name: `${method} ${found?.path}`, limit };
}

async function answer(
  spec: Route,
  request: Request,
  params: Record<string, string>,
  ports: HttpPorts,
): Promise<Response> {
  const stopTimer = ports.metrics.httpSeconds.startTimer({ route: `${spec.method} ${spec.path}` });
  const headers = new Headers({ "content-type": "application/json", "cache-control": "no-store" });
  let status = 200;
  let body: unknown;
  try {
    body = await call(spec, request, params, headers, ports);
  } catch (thrown) {
    const shown = ports.translate(thrown, { route: `${spec.method} ${spec.path}` });
    ({ status, body } = shown);
    for (const [name, value] of Object.entries(retryHeaders(shown))) headers.set(name, value);
  }
  stopTimer({ status });
  return new Response(JSON.stringify(body), { status, headers });
}

async function call(spec: Route, request: Request, params: Record<string, string>, headers: Headers, ports: HttpPorts) {
  const caller = readCaller(request.headers);
  const principal = await ports.principalOf(request.headers);
  if (principal !== null) await ports.rateLimit.take(`${spec.method} ${spec.path}`, spec.limit, principal.accountId);
  if (spec.role === "player" && principal === null) throw new AppError("UNAUTHENTICATED");
  if (principal?.via === "cookie" && spec.method !== "GET") refuseUnknownPage(caller.origin);
  const context: RouteContext<unknown, Principal | null> = {
    body: spec.body === undefined ? undefined : await readBody(spec.body, request),
    params,
    query: readQuery(request),
    principal,
    ip: caller.address,
    isLoadTest: caller.isLoadTest,
    userAgent: request.headers.get("user-agent")?.slice(0, 200) ?? "",
    setCookie: (cookie) => headers.append("set-cookie", cookie),
  };
  const reply = await spec.handle(context as RouteContext<never, never>);
  return spec.reply.parse(reply);
}

/** What the front door has found out about a request before a route sees it. */
export interface JudgedCaller extends Pick<Caller, "address" | "isLoadTest"> {
  readonly origin: OriginVerdict;
}

/** The front door writes it here as JSON, over whatever a client may have sent under that name. */
export const CALLER_HEADER = "x-umpire-caller";

function readCaller(headers: Headers): JudgedCaller {
  const text = headers.get(CALLER_HEADER);
  return text === null ? { address: "unknown", isLoadTest: false, origin: "absent" } : JSON.parse(text);
}

/**
 * A cookie travels with requests that another site's page makes, so it acts only where the browser says that the page is
 * ours or allowed. A program that sends neither Origin nor Sec-Fetch-Site has to use its token.
 */
function refuseUnknownPage(origin: OriginVerdict): void {
  if (origin !== "same" && origin !== "allowed") throw new AppError("REQUEST_FOREIGN");
}

/** A name given twice is refused: whoever reads the first and whoever reads the last would disagree. */
function readQuery(request: Request): URLSearchParams {
  const query = new URL(request.url).searchParams;
  const names = [...query.keys()];
  if (new Set(names).size < names.length) throw new AppError("REQUEST_INVALID", { problems: ["query: a name twice"] });
  return query;
}

async function readBody(schema: z.ZodType, request: Request): Promise<unknown> {
  const text = await request.text();
  return parse(schema, text === "" ? {} : parseJson(text));
}

/** Parses a value from outside once, or fails with REQUEST_INVALID naming the fields that are wrong. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError("REQUEST_INVALID", { problems: problemsOf(parsed.error) });
}

export function problemsOf(error: z.ZodError): string[] {
  return error.issues.slice(0, 10).map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
}

/** When to come back, for a refusal that will pass: what the failure says itself, or a second for 503. */
export function retryHeaders({ status, body }: AppErrorShown): Record<string, string> {
  const given = body.details["retryAfterSeconds"];
  const seconds = typeof given === "number" ? given : status === 503 ? 1 : null;
  return seconds === null ? {} : { "retry-after": String(seconds) };
}

/** Writes a JSON answer outside the router: the front door's refusals, the matchmaker's replies. */
export function writeJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    ...headers,
  });
  response.end(text);
}

export interface BufferedRequest extends IncomingMessage {
  /** The whole body as text, set by the front door; the engine's adapter reads it from here. */
  body?: string;
}
