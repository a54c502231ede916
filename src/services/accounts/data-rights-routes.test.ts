import { expect, test } from "vitest";
import { LOADTEST_HEADER } from "../../../schema/protocol.ts";
import { createClient } from "../../client/client.ts";
import { createMemoryStorage } from "../../client/storage.ts";
import { signLoadtestName } from "../../platform/client-address.ts";
import { startTestApp } from "../../testing/app.ts";
import { createTestDatabase } from "../../testing/postgres.ts";

const database = await createTestDatabase();
const { sql } = database;
const LOADTEST_KEY = "a key for load tests, as long as it has to be";
const app = await startTestApp({ rooms: {}, settings: { DATABASE_URL: database.url, LOADTEST_KEY } });
const PASSWORD = "correct horse battery";

function aClient() {
  const storage = createMemoryStorage();
  const client = createClient({ endpoint: app.url, session: "token", storage });
  return { client, storage };
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "",
    (thrown) => thrown.code ?? String(thrown),
  );
}

test("[PRIVACY7] a player takes all of the data along through the client, page by page, and deletes the account", async () => {
  const { client } = aClient();
  const { id } = await client.accounts.ensureGuest();
  await sql`insert into umpire.progression_matches
    select 'mat_' || n, 'arena', 'solo', now(), now(), now() from generate_series(1, 1500) n`;
  await sql`insert into umpire.progression_match_players
    select 'mat_' || n, ${id}, now(), 1, 0, 0, 0, 0 from generate_series(1, 1500) n`;
  const data = await client.accounts.exportData();
  expect(data["accounts"]).toMatchObject([{ id, kind: "guest", createdAt: expect.stringMatching(/^20.*Z$/) }]);
  expect(data["accountSessions"]).toHaveLength(1);
  expect(data["progressionMatchPlayers"]).toHaveLength(1500);
  await client.accounts.deleteAccount();
  expect(await codeOf(client.accounts.me())).toBe("UNAUTHENTICATED");
  expect(await sql`select from umpire.accounts where id = ${id}`).toHaveLength(0);
});

test("[PRIVACY7] a registered player needs the password, and a wrong one costs neither account nor session", async () => {
  const { client } = aClient();
  await client.accounts.register({ email: "owner@example.com", password: PASSWORD });
  expect(await codeOf(client.accounts.deleteAccount())).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  expect(await codeOf(client.accounts.deleteAccount({ password: "guess" }))).toBe("ACCOUNTS_CREDENTIALS_WRONG");
  expect(await client.accounts.me()).toMatchObject({ kind: "registered" });
  await client.accounts.deleteAccount({ password: PASSWORD });
  expect(await codeOf(client.accounts.me())).toBe("UNAUTHENTICATED");
});

test("[PRIVACY7] nobody but the owner reaches these doors, and a cookie is cleared with the account", async () => {
  for (const [method, path] of [
    ["DELETE", "me"],
    ["GET", "me/export"],
  ] as const) {
    expect(await app.call(method, `/api/accounts/${path}`)).toMatchObject({ status: 401 });
  }
  const guest = await app.guest();
  for (const from of ["nowhere", "accounts.0%20", "x".repeat(81)]) {
    const reply = await app.call("GET", `/api/accounts/me/export?from=${from}`, { token: guest.token });
    expect(reply).toMatchObject({ status: 400, body: { code: "REQUEST_INVALID" } });
  }
  const body = { password: PASSWORD, accountId: guest.accountId };
  expect(await app.call("DELETE", "/api/accounts/me", { token: guest.token, body })).toMatchObject({ status: 400 });

  const headers = { origin: app.url };
  const paged = await app.call("POST", "/api/accounts/guest", { body: { session: "cookie" }, headers });
  const cookie = paged.headers.get("set-cookie")?.split(";")[0] ?? "";
  const gone = await app.call("DELETE", "/api/accounts/me", { headers: { ...headers, cookie } });
  expect(gone.status).toBe(200);
  expect(gone.headers.get("set-cookie")).toMatch(/^umpire_session=; Max-Age=0/);
});

test("[PRIVACY5] whoever comes as a load test's bot is marked for deletion, and nobody else is", async () => {
  const headers = { [LOADTEST_HEADER]: signLoadtestName(LOADTEST_KEY, "bot-1") };
  const reply = await app.call("POST", "/api/accounts/guest", { body: {}, headers });
  const bot = (reply.body as { account: { id: string } }).account.id;
  const { accountId } = await app.guest();
  const rows = await sql`select id, origin from umpire.accounts where id in ${sql([bot, accountId])}`;
  expect(new Map(rows.map(({ id, origin }) => [id, origin]))).toEqual(
    new Map([
      [bot, "loadtest"],
      [accountId, "player"],
    ]),
  );
});

test("[PRIVACY7] exports are few: the sixty-first page within the hour has to wait", async () => {
  const guest = await app.guest();
  const ask = () => app.call("GET", "/api/accounts/me/export", { token: guest.token });
  const codes: number[] = [];
  for (let turn = 0; turn < 61; turn++) codes.push((await ask()).status);
  expect(codes.at(0)).toBe(200);
  expect(codes.at(-1)).toBe(429);
});
