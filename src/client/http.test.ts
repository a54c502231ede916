import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { ClientError } from "./errors.ts";
import { createHttp } from "./http.ts";
import { createMemoryStorage } from "./storage.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly bearer: string | undefined;
  readonly body: unknown;
}

type Answer = (seen: Seen, response: ServerResponse) => void;

/** A server that answers as told and remembers what it was asked. */
async function startServer(answer: Answer) {
  const seen: Seen[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const bearer = request.headers.authorization?.replace("Bearer ", "");
    const call = {
      method: request.method ?? "",
      path: request.url ?? "",
      bearer,
      body: text === "" ? undefined : JSON.parse(text),
    };
    seen.push(call);
    answer(call, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  afterAll(stop);
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, stop };
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

const plainHttp = (endpoint: string, answerMsMax = 10_000) =>
  createHttp({
    endpoint,
    credentials: "omit",
    token: () => null,
    onTokenUnknown: () => {},
    random: () => 0,
    answerMsMax,
  });
const failure = async (call: Promise<unknown>): Promise<ClientError> => {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ClientError)) throw new Error(`expected a ClientError, got ${thrown}`);
  return thrown;
};

const limited = {
  code: "RATE_LIMITED",
  message: "Too many requests.",
  details: { retryAfterSeconds: 7 },
  errorId: "err_1",
};

test("[CLIENT1] a refusal keeps its code, status, details, error id and wait", async () => {
  const { endpoint } = await startServer((_, response) => json(response, 429, limited, { "retry-after": "7" }));
  const error = await failure(plainHttp(endpoint).call({ method: "POST", path: "/a", body: {} }));
  expect(error).toMatchObject({
    name: "ClientError",
    code: "RATE_LIMITED",
    status: 429,
    message: "Too many requests.",
    details: { retryAfterSeconds: 7 },
    errorId: "err_1",
    retryAfterSeconds: 7,
  });
});

test("[CLIENT2] an unreachable server, a late answer and a proxy's page are NETWORK", async () => {
  const gone = await startServer(() => {});
  gone.stop();
  expect(await failure(plainHttp(gone.endpoint).call({ method: "POST", path: "/a" }))).toMatchObject({
    code: "NETWORK",
    status: 0,
  });
  const late = await startServer(() => {});
  const error = await failure(plainHttp(late.endpoint, 100).call({ method: "POST", path: "/a" }));
  expect(error).toMatchObject({ code: "NETWORK", details: { isLate: true } });
  const proxy = await startServer((_, response) => response.writeHead(502).end("<h1>Bad gateway</h1>"));
  expect(await failure(plainHttp(proxy.endpoint).call({ method: "GET", path: "/a" }))).toMatchObject({
    code: "NETWORK",
    status: 502,
  });
});

test("[CLIENT2] an answer that is not JSON and a code of a newer server are PROTOCOL", async () => {
  const page = await startServer((_, response) => response.writeHead(200).end("<h1>Hello</h1>"));
  expect(await failure(plainHttp(page.endpoint).call({ method: "GET", path: "/a" }))).toMatchObject({
    code: "PROTOCOL",
    status: 200,
  });
  const newer = await startServer((_, response) =>
    json(response, 409, { code: "SHOP_CLOSED", message: "Closed.", errorId: "err_2" }),
  );
  const error = await failure(plainHttp(newer.endpoint).call({ method: "POST", path: "/a" }));
  expect(error).toMatchObject({ code: "PROTOCOL", status: 409, details: { code: "SHOP_CLOSED" }, errorId: "err_2" });
});

const unavailable = { code: "UNAVAILABLE", message: "Not now.", details: {}, errorId: "err_3" };

test("[CLIENT3] a GET is tried once more after 503 or a broken connection, and then gives up", async () => {
  let calls = 0;
  const once = await startServer((_, response) =>
    calls++ === 0 ? json(response, 503, unavailable) : json(response, 200, { fine: true }),
  );
  expect(await plainHttp(once.endpoint).call({ method: "GET", path: "/a" })).toEqual({ fine: true });
  const never = await startServer((_, response) => response.destroy());
  expect(await failure(plainHttp(never.endpoint).call({ method: "GET", path: "/a" }))).toMatchObject({
    code: "NETWORK",
  });
  expect(never.seen).toHaveLength(2);
});

test("[CLIENT3] nothing is sent twice that may have been carried out, was refused, or should wait for long", async () => {
  const broken = await startServer((_, response) => response.destroy());
  await failure(plainHttp(broken.endpoint).call({ method: "POST", path: "/a", body: {} }));
  await failure(plainHttp(broken.endpoint).call({ method: "DELETE", path: "/a" }));
  expect(broken.seen).toHaveLength(2);
  const busy = await startServer((_, response) => json(response, 503, unavailable, { "retry-after": "60" }));
  expect(await failure(plainHttp(busy.endpoint).call({ method: "GET", path: "/a" }))).toMatchObject({
    retryAfterSeconds: 60,
  });
  expect(busy.seen).toHaveLength(1);
});

const account = { id: "acc_1", displayName: "Brave Otter", kind: "guest", createdAt: "2026-01-01T00:00:00.000Z" };
const unauthenticated = { code: "UNAUTHENTICATED", message: "Sign in first.", details: {}, errorId: "err_4" };

/** Knows the session `good`, and gives it to every guest. */
const accountsServer = () =>
  startServer(({ method, path, bearer, body }, response) => {
    if (path === "/api/accounts/guest") {
      const token = (body as { session: string }).session === "token" ? "good" : null;
      return json(response, 200, { token, account, expiresAt: account.createdAt });
    }
    if (bearer !== "good") return json(response, 401, unauthenticated);
    return json(response, 200, method === "GET" ? account : {});
  });

test("[CLIENT4] a token is kept, sent as bearer, and forgotten on sign-out", async () => {
  const { endpoint, seen } = await accountsServer();
  const storage = createMemoryStorage();
  const client = createClient({ endpoint, session: "token", storage });
  await client.accounts.guest();
  const again = createClient({ endpoint, session: "token", storage });
  expect(await again.accounts.me()).toEqual(account);
  expect(seen.at(-1)?.bearer).toBe("good");
  await again.accounts.signOut();
  expect((await failure(again.accounts.me())).code).toBe("UNAUTHENTICATED");
  expect(seen.at(-1)?.bearer).toBeUndefined();
});

test("[CLIENT4] a token that the server does not know is forgotten, a cookie leaves nothing in storage", async () => {
  const { endpoint } = await accountsServer();
  const kept = new Map<string, string>();
  const storage = {
    get: (key: string) => kept.get(key) ?? null,
    set: (key: string, value: string) => void kept.set(key, value),
    remove: (key: string) => void kept.delete(key),
  };
  kept.set(`umpire.session ${endpoint}`, "stale");
  expect((await failure(createClient({ endpoint, session: "token", storage }).accounts.me())).code).toBe(
    "UNAUTHENTICATED",
  );
  expect(kept.size).toBe(0);
  await createClient({ endpoint, session: "cookie", storage }).accounts.guest();
  expect(kept.size).toBe(0);
});

test("[CLIENT5] a session is reused, a stale one replaced, and calls at once share one guest", async () => {
  const { endpoint, seen } = await accountsServer();
  const storage = createMemoryStorage();
  storage.set(`umpire.session ${endpoint}`, "stale");
  const client = createClient({ endpoint, session: "token", storage });
  const all = await Promise.all([
    client.accounts.ensureGuest(),
    client.accounts.ensureGuest(),
    client.accounts.ensureGuest(),
  ]);
  expect(all).toEqual([account, account, account]);
  await client.accounts.ensureGuest();
  expect(seen.map(({ path }) => path)).toEqual(["/api/accounts/me", "/api/accounts/guest", "/api/accounts/me"]);
});
