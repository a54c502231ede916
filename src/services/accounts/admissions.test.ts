import { expect, test } from "vitest";
import { z } from "zod";
import { LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp } from "../../testing/app.ts";
import { PlainRoom } from "../../testing/plain-room.ts";

const LOADTEST_KEY = "only-for-tests-only-for-tests-only-for-tests";
const JOINS_PER_MINUTE = 240;
const filters = () => z.strictObject({});
const app = await startTestApp({
  rooms: { plain: { room: PlainRoom, filters }, never: { room: PlainRoom, filters } },
  settings: { LOADTEST_KEY },
});

const ask = (headers: Record<string, string>, path = "joinOrCreate/plain") =>
  app.call("POST", `/matchmake/${path}`, { body: {}, headers });

async function aPage(): Promise<string> {
  const { headers } = await app.call("POST", "/api/accounts/guest", { body: { session: "cookie" } });
  return headers.get("set-cookie")?.split(";", 1)[0] ?? "";
}

test("[ACCOUNTS13] S12: a session asks for a seat by itself: as bearer token, or in the cookie of a page that may act", async () => {
  const { token } = await app.guest();
  expect((await ask({ authorization: `Bearer ${token}` })).status).toBe(200);
  const cookie = await aPage();
  expect((await ask({ cookie, origin: app.url })).status).toBe(200);
  expect((await ask({ cookie, "sec-fetch-site": "same-origin" })).status).toBe(200);
  for (const headers of [{}, { "sec-fetch-site": "none" }, { origin: "https://evil.example" }]) {
    const refused = await ask({ cookie, ...headers });
    expect(refused).toMatchObject({ status: 403, body: { code: "REQUEST_FOREIGN" } });
  }
});

test("[ACCOUNTS13] S15: a session that has ended, or never was one, gets no seat", async () => {
  const { token } = await app.guest();
  await app.call("POST", "/api/accounts/sign-out", { token, body: {} });
  for (const authorization of [`Bearer ${token}`, "Bearer nobody", "Bearer", `Basic ${token}`]) {
    expect(await ask({ authorization })).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
  }
  expect(await ask({ cookie: "umpire_session=nobody", origin: app.url })).toMatchObject({ status: 401 });
});

test("[HTTP5] S16: an account asks for seats 240 times a minute, from however many addresses", async () => {
  const { token } = await app.guest();
  let bot = 0;
  const headers = () => ({
    authorization: `Bearer ${token}`,
    [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, `address-${bot++ % 8}`),
  });
  // Nobody has opened a room of this name, so that the answer costs no seat.
  const answers = await Promise.all(Array.from({ length: JOINS_PER_MINUTE }, () => ask(headers(), "join/never")));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
  expect(await ask(headers(), "join/never")).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
  expect((await ask({ authorization: `Bearer ${(await app.guest()).token}` }, "join/never")).status).toBe(404);
});
