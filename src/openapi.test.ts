import { expect, test } from "vitest";
import { z } from "zod";
import { LOADTEST_HEADER } from "../schema/protocol.ts";
import { signLoadtestName } from "./platform/client-address.ts";
import { type RouteShape, route } from "./platform/http.ts";
import { describePublicApi } from "./platform/openapi.ts";
import { startTestApp } from "./testing/app.ts";
import { createContract } from "./testing/contract.ts";
import { signInOperator } from "./testing/operators.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const app = await startTestApp({ rooms: {}, settings: { LOADTEST_KEY } });
const admin = await signInOperator(app, "admin");

let callers = 0;
const freshAddress = () => ({ [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `caller-${++callers}`) });

type Operations = Record<string, { responses: object; security?: object; requestBody?: object; parameters?: object[] }>;
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Operations>;
}

const readPublic = async () => (await app.call("GET", "/api/openapi.json")).body as Document;
const readPrivate = async () =>
  (await app.callOperator("GET", "/operator/openapi.json", { token: admin.token })).body as Document;

const listed = ({ paths }: Document) =>
  Object.entries(paths)
    .flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`))
    .sort();
const served = (routes: readonly RouteShape[]) =>
  routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`).sort();

test("[OPENAPI1] API9: what is served is what is described, at both doors, and nothing of the one at the other", async () => {
  const [open, closed] = [await readPublic(), await readPrivate()];
  expect(open.openapi).toBe("3.1.0");
  expect(listed(open)).toEqual(served(app.routes));
  expect(listed(closed)).toEqual(served(app.operatorRoutes));
  expect(JSON.stringify(open)).not.toMatch(/operator/i);
  expect(listed(open)).toContain("GET /api/openapi.json");
});

test("[OPENAPI1] API9: every path that is described is answered, and its neighbours are not", async () => {
  for (const name of listed(await readPublic())) {
    const [method = "", path = ""] = name.split(" ");
    const body = method === "GET" ? {} : { body: {} };
    const reply = await app.call(method, path.replace(/\{\w+\}/g, "x"), { ...body, headers: freshAddress() });
    // A provider that this server does not know is a 404 as well, but of its own.
    expect([name, (reply.body as { code?: string }).code]).not.toEqual([name, "ROUTE_NOT_FOUND"]);
  }
  for (const path of ["/api", "/api/openapi", "/api/openapi.yaml", "/api/docs", "/openapi.json", "/swagger"]) {
    expect([path, (await app.call("GET", path)).status]).toEqual([path, 404]);
  }
});

test("[OPENAPI2] a described route says who may call it, what it takes and what it answers", async () => {
  const { paths } = await readPublic();
  for (const { method, path, role, body } of app.routes) {
    const operation = paths[path.replace(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
    expect([path, operation?.security !== undefined]).toEqual([path, role === "player"]);
    expect([path, operation?.requestBody !== undefined]).toEqual([path, body !== undefined]);
    expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(["200", "400", "429", "500"]));
  }
  const page = paths["/api/progression/matches"]?.["get"];
  expect(page?.parameters).toMatchObject([
    { name: "before", in: "query", required: false },
    { name: "limit", in: "query", required: false, schema: { type: "string" } },
  ]);
  const signIn = paths["/api/accounts/sign-in"]?.["post"];
  const body = { type: "object", required: ["email", "password"], additionalProperties: false };
  expect(signIn?.requestBody).toMatchObject({ content: { "application/json": { schema: body } } });
  const refused = { properties: { code: { enum: ["OPERATORS_CREDENTIALS_WRONG"] } } };
  const described = await readPrivate();
  const responses = { 401: { content: { "application/json": { schema: refused } } } };
  expect(described.paths["/operator/sign-in"]?.["post"]?.responses).toMatchObject(responses);
});

/** Bodies with which a route gets as far as its verb. */
const BODIES: Record<string, () => object> = {
  "POST /api/accounts/register": () => ({ email: `p-${callers}@example.com`, password: "correct horse battery" }),
  "POST /api/accounts/sign-in": () => ({ email: "stranger@example.com", password: "correct horse battery" }),
  "POST /api/accounts/ticket": () => ({ room: "arena" }),
  "POST /api/accounts/password/reset": () => ({ email: "nobody@example.com" }),
};

test("[OPENAPI3] API9: what each route really answers is as described, to players, to nobody and to nonsense", async () => {
  const statuses = new Map<string, Set<number>>();
  for (const { method, path } of app.routes) {
    const name = `${method} ${path}`;
    const seen = new Set<number>();
    statuses.set(name, seen);
    for (const body of [
      {},
      BODIES[name]?.() ?? {},
      { nonsense: 1 },
      "[",
      { email: "a@b.example", password: "x".repeat(9) },
    ]) {
      for (const token of [undefined, (await guest()).token, "nobody"]) {
        const asked = { headers: freshAddress(), ...(token !== undefined && { token }) };
        // The harness holds every answer against the description.
        const given = await app.call(method, path, { ...asked, ...(method !== "GET" && { body }) });
        seen.add(given.status);
      }
    }
  }
  const succeeded = [...statuses].filter(([, seen]) => seen.has(200)).map(([name]) => name);
  expect(succeeded.length).toBeGreaterThan(11);
  expect([...statuses].filter(([, seen]) => seen.size === 0)).toEqual([]);
});

async function guest(): Promise<{ token: string }> {
  const { body } = await app.call("POST", "/api/accounts/guest", { body: {}, headers: freshAddress() });
  return body as { token: string };
}

test("[OPENAPI3] an answer that is not as described is found: its status, its code, a field too many or too few", () => {
  const limit = { count: 1, perSeconds: 1 };
  const reply = z.object({ level: z.number().int() });
  const routes = [
    route({ method: "GET", path: "/api/level/:id", role: "anyone", limit, reply, errors: ["ROOM_FULL"] }, async () => ({
      level: 1,
    })),
  ];
  const contract = createContract(describePublicApi(routes));
  const problemOf = (status: number, body: unknown) =>
    contract.problemOf({ method: "GET", path: "/api/level/7", status, body });
  const refusal = { message: "", details: {}, errorId: "err_1" };
  expect(problemOf(200, { level: 1 })).toBeNull();
  expect(problemOf(409, { ...refusal, code: "ROOM_FULL" })).toBeNull();
  expect(problemOf(200, { level: "1" })).toMatch(/described otherwise/);
  expect(problemOf(200, {})).toMatch(/described otherwise/);
  expect(problemOf(200, { level: 1, secret: 1 })).toMatch(/described otherwise/);
  expect(problemOf(409, { ...refusal, code: "ACCOUNTS_EMAIL_TAKEN" })).toMatch(/add its code to the errors/);
  expect(problemOf(404, { ...refusal, code: "ACCOUNTS_UNKNOWN" })).toMatch(/not described/);
  expect(problemOf(500, { ...refusal, code: "INTERNAL", stack: "at …" })).toMatch(/described otherwise/);
});
