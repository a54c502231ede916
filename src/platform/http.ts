import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { createEndpoint, createRouter } from "@colyseus/core";
import type { z } from "zod";
import type { ErrorCode } from "../../schema/errors/codes.ts";
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

export interface RouteContext<Body, Query, P> {
  readonly body: Body;
  readonly params: Readonly<Record<string, string>>;
  /** What the route declares of its query; undefined where it declares nothing. */
  readonly query: Query;
  readonly principal: P;
  /** What limits count by: see Caller.address. */
  readonly ip: string;
  /** A signed load test's bot; what it leaves behind is purged. */
  readonly isLoadTest: boolean;
  readonly userAgent: string;
  /** The body as it came, for a route that is `raw`; empty for others. */
  readonly rawBody: Buffer;
  readonly headers: IncomingHttpHeaders;
  /** Adds a Set-Cookie header to the answer. */
  setCookie(cookie: string): void;
}

export type Method = "GET" | "POST" | "DELETE";

/** What is known of a route before it is called, and what its description tells. */
export interface RouteShape {
  readonly method: Method;
  /** `/api/accounts/:id`: what follows a colon is given to the handler by that name. */
  readonly path: string;
  /** Allowance of a client's address, and likewise of a signed-in caller. */
  readonly limit: Limit;
  readonly body?: z.ZodType | undefined;
  readonly query?: z.ZodType | undefined;
  /** Takes up to RAW_BODY_BYTES_MAX bytes as they are, for whoever has signed them. */
  readonly raw?: true | undefined;
  /** The shape of the answer. Whatever is not in it never leaves the server. */
  readonly reply: z.ZodType;
  /** What the route itself may refuse with. What any route may refuse with need not be named. */
  readonly errors?: readonly ErrorCode[] | undefined;
}

/** `Body` and `Query` are what the handler gets, `BodyIn` and `QueryIn` what a client sends for it. */
interface RouteSpec<M extends Method, Path extends string, R extends Role, Reply, Body, Query, BodyIn, QueryIn>
  extends RouteShape {
  readonly method: M;
  readonly path: Path;
  readonly role: R;
  readonly body?: z.ZodType<Body, BodyIn>;
  readonly query?: z.ZodType<Query, QueryIn>;
  readonly reply: z.ZodType<Reply>;
}

type PrincipalOf<R extends Role> = R extends "player" ? Principal : Principal | null;

/** A route as data: what it takes, who may call it, how often, what it answers; and the handler, which calls one verb. */
export interface Route extends RouteShape {
  readonly role: Role;
  readonly handle: (context: RouteContext<never, never, never>) => Promise<unknown>;
}

/** A route that remembers the types of what it takes and answers, for clients to be typed by. */
export interface TypedRoute<M extends Method, Path extends string, Body, Query, Reply> extends Route {
  readonly method: M;
  readonly path: Path;
  /** Types alone: there is nothing here at run time. */
  readonly "~types"?: { readonly body: Body; readonly query: Query; readonly reply: Reply };
}

export function route<
  const M extends Method,
  const Path extends string,
  R extends Role,
  Reply,
  Body = undefined,
  Query = undefined,
  BodyIn = undefined,
  QueryIn = undefined,
>(
  spec: RouteSpec<M, Path, R, Reply, Body, Query, BodyIn, QueryIn>,
  handle: (context: RouteContext<Body, Query, PrincipalOf<R>>) => Promise<NoInfer<Reply>>,
): TypedRoute<M, Path, BodyIn, QueryIn, Reply> {
  return { ...spec, handle: handle as Route["handle"] };
}

export interface HttpPorts extends DoorPorts {
  readonly principalOf: (headers: IncomingHttpHeaders) => Promise<Principal | null>;
  readonly rateLimit: Pick<RateLimit, "take">;
}

interface DoorPorts {
  readonly translate: TranslateError;
  readonly metrics: Metrics;
}

/** What the front door has found out about a request before a route sees it. */
export interface JudgedCaller extends Pick<Caller, "address" | "isLoadTest"> {
  readonly origin: OriginVerdict;
}

/** A call of a route: judged, and its body capped and read, by the front door. */
export interface RouteCall {
  readonly caller: JudgedCaller;
  readonly headers: IncomingHttpHeaders;
  /** What stands behind the question mark. */
  readonly query: string;
  /** Empty where there is none, and for a route that is `raw`. */
  readonly body: string;
  readonly rawBody?: Buffer;
}

export interface RouteAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** A route that was found: its name, as limits and metrics know it, and its limit. */
export interface Door {
  readonly name: string;
  readonly limit: Limit;
  readonly raw: boolean;
  /** Never fails: a failure is an answer, too. */
  answer(call: RouteCall): Promise<RouteAnswer>;
}

export interface Routes {
  /** The route at a method and path, or null when there is none. */
  find(method: string, path: string): Door | null;
}

/** The routes for players. */
export function createRoutes(routes: readonly Route[], ports: HttpPorts): Routes {
  const { principalOf, rateLimit } = ports;
  return createDoors(routes, ports, async (spec, name, { headers, caller }) => {
    const principal = await principalOf(headers);
    if (principal !== null) await rateLimit.take(name, spec.limit, principal.accountId);
    if (spec.role === "player" && principal === null) throw new AppError("UNAUTHENTICATED");
    if (principal?.via === "cookie" && spec.method !== "GET") refuseUnknownPage(caller.origin);
    return (context) => spec.handle({ ...context, principal } as RouteContext<never, never, never>);
  });
}

/** What a route has read of a call, before it is known who calls. */
export type CallContext = Omit<RouteContext<unknown, unknown, never>, "principal">;

/** Looks at who calls before anything else of the call is read. Gives what does the rest, or fails. */
export type Admit<R extends RouteShape> = (
  route: R,
  name: string,
  call: RouteCall,
) => Promise<(context: CallContext) => Promise<unknown>>;

/**
 * Finds routes by the engine's typed router. It does not call them by it: a request and an answer in the form of `fetch`
 * cost more than all that a short route does.
 */
export function createDoors<R extends RouteShape>(routes: readonly R[], ports: DoorPorts, admit: Admit<R>): Routes {
  const endpoints = routes.map((spec) => [
    `${spec.method} ${spec.path}`,
    createEndpoint(spec.path, { method: spec.method, disableBody: true, metadata: { spec } }, async () => {}),
  ]);
  const router = createRouter(Object.fromEntries(endpoints));
  return {
    find(method, path) {
      // The engine's router takes a path with a slash too many for the one without.
      if (path.endsWith("/") || path.includes("//")) return null;
      const found = router.findRoute(method, path);
      const spec: R | undefined = found?.data.options.metadata?.["spec"];
      if (spec === undefined) return null;
      const params = (found?.params ?? {}) as Record<string, string>;
      const name = `${spec.method} ${spec.path}`;
      const raw = spec.raw === true;
      return { name, limit: spec.limit, raw, answer: (call) => answer({ ...call, spec, name, params, admit }, ports) };
    },
  };
}

interface FoundCall<R extends RouteShape> extends RouteCall {
  readonly spec: R;
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  readonly admit: Admit<R>;
}

async function answer<R extends RouteShape>(found: FoundCall<R>, ports: DoorPorts): Promise<RouteAnswer> {
  const stopTimer = ports.metrics.httpSeconds.startTimer({ route: found.name });
  const cookies: string[] = [];
  let given: RouteAnswer;
  try {
    const body = await call(found, cookies);
    given = { status: 200, body, headers: {} };
  } catch (thrown) {
    const shown = ports.translate(thrown, { route: found.name });
    given = { ...shown, headers: retryHeaders(shown) };
  }
  stopTimer({ status: given.status });
  return cookies.length === 0 ? given : { ...given, headers: { ...given.headers, "set-cookie": cookies } };
}

async function call<R extends RouteShape>(found: FoundCall<R>, cookies: string[]): Promise<unknown> {
  const { spec, name, params, caller, admit, ...given } = found;
  const handle = await admit(spec, name, { caller, ...given });
  const query = readQuery(given.query);
  const reply = await handle({
    body: spec.body === undefined ? undefined : parse(spec.body, given.body === "" ? {} : parseJson(given.body)),
    params,
    query: spec.query === undefined ? undefined : parse(spec.query, query),
    ip: caller.address,
    isLoadTest: caller.isLoadTest,
    rawBody: given.rawBody ?? NO_BYTES,
    headers: given.headers,
    userAgent: given.headers["user-agent"]?.slice(0, 200) ?? "",
    setCookie: (cookie) => void cookies.push(cookie),
  });
  return spec.reply.parse(reply);
}

const NO_BYTES = Buffer.alloc(0);

/**
 * A cookie travels with requests that another site's page makes, so it acts only where the browser says that the page is
 * ours or allowed. A program that sends neither Origin nor Sec-Fetch-Site has to use its token.
 */
export function refuseUnknownPage(origin: OriginVerdict): void {
  if (origin !== "same" && origin !== "allowed") throw new AppError("REQUEST_FOREIGN");
}

/** A name given twice is refused: whoever reads the first and whoever reads the last would disagree. */
export function readQuery(text: string): Record<string, string> {
  if (text === "") return {};
  const given = [...new URLSearchParams(text)];
  const query = Object.fromEntries(given);
  if (Object.keys(query).length < given.length) {
    throw new AppError("REQUEST_INVALID", { problems: ["query: a name twice"] });
  }
  return query;
}

/** The token of an `Authorization: Bearer` header, or null where there is none of that form. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1] ?? null;
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

/** Writes a JSON answer: a route's, the matchmaker's, a refusal of the front door. */
export function writeJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string | string[]>> = {},
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
