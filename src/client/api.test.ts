import { expect, expectTypeOf, test } from "vitest";
import type { TypedRoute } from "../platform/http.ts";
import { startTestApp } from "../testing/app.ts";
import { createApi } from "./api.ts";
import { createClient } from "./client.ts";
import type { Call, Http } from "./http.ts";
import { createMemoryStorage } from "./storage.ts";

const app = await startTestApp({ rooms: {} });
const client = createClient({ endpoint: app.url, session: "token", storage: createMemoryStorage() });
await client.accounts.ensureGuest();

test("[API1] a route is called by its name, and its answer has the server's types", async () => {
  const me = await client.api("GET /api/accounts/me");
  expectTypeOf(me.kind).toEqualTypeOf<"guest" | "registered">();
  expectTypeOf(me.createdAt).toEqualTypeOf<string>();
  expect(me).toEqual(await client.accounts.me());

  const { matches } = await client.api("GET /api/progression/matches", { query: { limit: 5 } });
  expectTypeOf(matches[0]?.placement).toEqualTypeOf<number | undefined>();
  expect(matches).toEqual([]);

  const { ticket } = await client.api("POST /api/accounts/ticket", { body: { room: "arena" } });
  expect(ticket.length).toBeGreaterThan(20);
  const wrong = client.api("GET /api/progression/matches", { query: { limit: 500 } });
  await expect(wrong).rejects.toMatchObject({ code: "REQUEST_INVALID", status: 400 });
});

test("[API2] a name, a body, a query or an answer that the server does not know does not compile", () => {
  const never: () => unknown[] = () => [
    // @ts-expect-error there is no such route
    client.api("GET /api/accounts/nobody"),
    // @ts-expect-error it is not posted
    client.api("POST /api/accounts/me"),
    // @ts-expect-error a ticket is for a room
    client.api("POST /api/accounts/ticket"),
    // @ts-expect-error whose name is text
    client.api("POST /api/accounts/ticket", { body: { room: 1 } }),
    // @ts-expect-error pages are not counted
    client.api("GET /api/progression/matches", { query: { page: 1 } }),
    // @ts-expect-error it takes no body
    client.api("GET /api/progression/me", { body: {} }),
    // @ts-expect-error nobody is told a password
    client.api("GET /api/accounts/me").then(({ passwordHash }) => passwordHash),
  ];
  expect(never).toBeTypeOf("function");
  expectTypeOf<TypedRoute<"GET", "/x", undefined, undefined, number>["~types"]>().not.toBeAny();
});

test("[API1] parameters and queries are written so that no text of theirs is taken for more", async () => {
  const calls: Call[] = [];
  const http: Pick<Http, "call"> = { call: async (call) => void calls.push(call) as never };
  const api = createApi({ http }) as (name: string, given?: object) => Promise<unknown>;
  await api("GET /api/items/:id/owners", { params: { id: "a/../b?c=d" }, query: { of: "x&y=z", limit: 3 } });
  await api("POST /api/items", { body: { id: "a" } });
  expect(calls).toEqual([
    { method: "GET", path: "/api/items/a%2F..%2Fb%3Fc%3Dd/owners?of=x%26y%3Dz&limit=3" },
    { method: "POST", path: "/api/items", body: { id: "a" } },
  ]);
});
