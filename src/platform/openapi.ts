import { z } from "zod";
import { type ErrorCode, errorEntry } from "../../schema/errors/codes.ts";
import { type Route, type RouteShape, route } from "./http.ts";
import { type OperatorRoute, operatorRead } from "./operator-http.ts";

type Json = Record<string, unknown>;

/** A route with what its description says beside its shape. */
interface Described {
  readonly route: RouteShape;
  /** Whether it wants somebody to be signed in. */
  readonly isClosed: boolean;
  readonly summary?: string | undefined;
}

/** What any route may refuse with: the door in front of it does. */
const DOOR_ERRORS = [
  "REQUEST_INVALID",
  "REQUEST_FOREIGN",
  "LOADTEST_REFUSED",
  "REQUEST_TIMEOUT",
  "REQUEST_TOO_LARGE",
  "REQUEST_URL_TOO_LONG",
  "REQUEST_UNSUPPORTED",
  "RATE_LIMITED",
  "REQUEST_HEADERS_TOO_LARGE",
  "INTERNAL",
  "UNAVAILABLE",
] as const satisfies readonly ErrorCode[];

const document = z.object({ openapi: z.literal("3.1.0") }).catchall(z.unknown());
const limit = { count: 60, perSeconds: 60 };

/** The route at which players' routes are described, itself included. */
export function openApiRoute(routes: () => readonly Route[]) {
  let described: z.infer<typeof document> | undefined;
  return route(
    { method: "GET", path: "/api/openapi.json", role: "anyone", limit, reply: document },
    async () => (described ??= describePublicApi(routes())),
  );
}

/** Likewise for operators. */
export function operatorOpenApiRoute(routes: () => readonly OperatorRoute[]): OperatorRoute {
  let described: z.infer<typeof document> | undefined;
  return operatorRead(
    { path: "/operator/openapi.json", operator: "operator", reply: document },
    async () => (described ??= describeOperatorApi(routes())),
  );
}

export function describePublicApi(routes: readonly Route[]) {
  return describe(
    "Umpire",
    routes.map((each) => ({ route: each, isClosed: each.role === "player" })),
  );
}

export function describeOperatorApi(routes: readonly OperatorRoute[]) {
  return describe(
    "Umpire, for operators",
    routes.map((each) => ({
      route: forbids(each),
      isClosed: each.operator !== "anyone",
      summary: WHO[each.operator],
    })),
  );
}

const WHO: Readonly<Record<OperatorRoute["operator"], string>> = {
  anyone: "For everybody at the private listener.",
  operator: "For every operator.",
  support: "For support and admins.",
  economy: "For economy and admins.",
  admin: "For admins.",
};

function forbids(each: OperatorRoute): RouteShape {
  const isForSome = each.operator !== "anyone" && each.operator !== "operator";
  return isForSome ? { ...each, errors: [...(each.errors ?? []), "OPERATORS_FORBIDDEN"] } : each;
}

/** Everything that a route may be refused with, by code: what it names itself, and what its door does. */
function errorsOf({ errors = [] }: RouteShape, isClosed: boolean): ErrorCode[] {
  return [...new Set<ErrorCode>([...DOOR_ERRORS, ...(isClosed ? (["UNAUTHENTICATED"] as const) : []), ...errors])];
}

/** OpenAPI 3.1 of a table of routes. Nothing of it is written by hand, so nothing of it can be forgotten. */
function describe(title: string, routes: readonly Described[]) {
  const paths: Record<string, Json> = {};
  for (const each of routes) {
    const path = each.route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [each.route.method.toLowerCase()]: operation(each) };
  }
  return {
    openapi: "3.1.0" as const,
    info: { title, version: "1" },
    paths,
    components: { securitySchemes: { session: { type: "http", scheme: "bearer" } } },
  };
}

function operation({ route: shape, isClosed, summary }: Described): Json {
  const parameters = [...pathParameters(shape.path), ...queryParameters(shape.query)];
  return {
    operationId: `${shape.method.toLowerCase()}${shape.path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    ...(summary !== undefined && { summary }),
    ...(isClosed && { security: [{ session: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(shape.body !== undefined && {
      requestBody: { required: true, content: asJson(schemaOf(shape.body, "input")) },
    }),
    responses: {
      200: { description: "Done.", content: asJson(schemaOf(shape.reply, "output")) },
      ...refusals(errorsOf(shape, isClosed)),
    },
  };
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => {
    return { name, in: "path", required: true, schema: { type: "string" } };
  });
}

function queryParameters(query: z.ZodType | undefined): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, "input") as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => {
    return { name, in: "query", required: required.includes(name), schema };
  });
}

/** One answer for each status, whose code is one of those that have it. */
function refusals(codes: readonly ErrorCode[]): Json {
  const byStatus = Map.groupBy(codes, (code) => errorEntry(code).status);
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => {
      const description = these.map((code) => `${code}: ${errorEntry(code).message}`).join(" ");
      return [status, { description, content: asJson(refusal(these)) }];
    }),
  );
}

function refusal(codes: readonly ErrorCode[]): Json {
  return {
    type: "object",
    properties: {
      code: { enum: codes },
      message: { type: "string" },
      details: { type: "object" },
      errorId: { type: "string" },
    },
    required: ["code", "message", "details", "errorId"],
    additionalProperties: false,
  };
}

const asJson = (schema: Json): Json => ({ "application/json": { schema } });

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: "draft-2020-12" });
  return rest;
}
