import { expect, test } from "vitest";
import { z } from "zod";
import { callRoute } from "../testing/route-calls.ts";
import { TestClock } from "./clock.ts";
import { createErrorTranslator } from "./errors.ts";
import { createRoutes, type JudgedCaller, type Principal, type Route, route } from "./http.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { cryptoRandom } from "./random.ts";
import { createRateLimit } from "./rate-limit.ts";

const limit = { count: 100, perSeconds: 60 };

function serve(routes: readonly Route[], principal: Principal | null = null) {
  const log = createLog({ level: "silent" });
  const ids = createIds({ clock: new TestClock(), random: cryptoRandom });
  const served = createRoutes(routes, {
    principalOf: async () => principal,
    rateLimit: createRateLimit(),
    translate: createErrorTranslator({ ids, log }),
    metrics: createMetrics(),
  });
  return async (method: string, path: string, caller: Partial<JudgedCaller> = {}) => {
    const { status, body } = await callRoute(served, method, path, { caller });
    return { status, body };
  };
}

test("[PLATFORM10] a field that the reply does not declare never leaves the server", async () => {
  const account = { name: "Ada", passwordHash: "$argon2id$…" };
  const call = serve([
    route(
      { method: "GET", path: "/me", role: "anyone", limit, reply: z.object({ name: z.string() }) },
      async () => account,
    ),
  ]);
  expect(await call("GET", "/me")).toEqual({ status: 200, body: { name: "Ada" } });
});

test("[PLATFORM10] a reply of another shape is our defect, not the client's to see", async () => {
  const call = serve([
    route({ method: "GET", path: "/me", role: "anyone", limit, reply: z.object({ level: z.number() }) }, async () => {
      return { level: Number.NaN };
    }),
  ]);
  expect(await call("GET", "/me")).toMatchObject({ status: 500, body: { code: "INTERNAL", details: {} } });
});

test("[PLATFORM11] a route for players refuses callers without a session before it looks at anything else", async () => {
  const reply = z.object({ ok: z.boolean() });
  const play = route({ method: "POST", path: "/play", role: "player", limit, reply }, async () => ({ ok: true }));
  expect(await serve([play])("POST", "/play")).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
  const principal: Principal = { accountId: "acc_1", sessionId: "ses_1", via: "bearer" };
  expect(await serve([play], principal)("POST", "/play")).toEqual({ status: 200, body: { ok: true } });
});

test("[HTTP4] S12: a cookie acts only where the browser names a page that may; reading it may without", async () => {
  const reply = z.object({ ok: z.boolean() });
  const act = route({ method: "POST", path: "/play", role: "player", limit, reply }, async () => ({ ok: true }));
  const read = route({ method: "GET", path: "/play", role: "player", limit, reply }, async () => ({ ok: true }));
  const call = serve([act, read], { accountId: "acc_1", sessionId: "ses_1", via: "cookie" });
  for (const origin of ["foreign", "absent"] as const) {
    expect(await call("POST", "/play", { origin })).toMatchObject({ status: 403, body: { code: "REQUEST_FOREIGN" } });
  }
  expect(await call("POST", "/play")).toMatchObject({ status: 403, body: { code: "REQUEST_FOREIGN" } });
  expect(await call("GET", "/play", { origin: "absent" })).toMatchObject({ status: 200 });
  for (const origin of ["same", "allowed"] as const) {
    expect(await call("POST", "/play", { origin })).toMatchObject({ status: 200 });
  }
});

test("[HTTP8] S22: a query parameter that is given twice is refused", async () => {
  const reply = z.object({ ok: z.boolean() });
  const read = route({ method: "GET", path: "/list", role: "anyone", limit, reply }, async () => ({ ok: true }));
  expect(await serve([read])("GET", "/list?page=1&size=2")).toMatchObject({ status: 200 });
  expect(await serve([read])("GET", "/list?page=1&page=2")).toMatchObject({ status: 400 });
});

test("[PLATFORM12] an account that changes its address keeps its allowance", async () => {
  const scarce = { count: 2, perSeconds: 60 };
  const door = route(
    { method: "GET", path: "/a", role: "player", limit: scarce, reply: z.object({}) },
    async () => ({}),
  );
  const call = serve([door], { accountId: "acc_1", sessionId: "ses_1", via: "bearer" });
  const statuses = [];
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) {
    statuses.push((await call("GET", "/a", { address })).status);
  }
  expect(statuses).toEqual([200, 200, 429]);
});
