import { Client, type Room } from "@colyseus/sdk";
import { afterAll } from "vitest";
import type { ContentSource } from "../../schema/content.ts";
import { type App, createApp, operate } from "../app.ts";
import { readConfig } from "../platform/config.ts";
import type { Route } from "../platform/http.ts";
import { createLog } from "../platform/log.ts";
import { describeOperatorApi, describePublicApi } from "../platform/openapi.ts";
import type { OperatorRoute } from "../platform/operator-http.ts";
import type { Pages } from "../realtime/door/front-door.ts";
import type { RoomTable } from "../realtime/game-server.ts";
import { type Contract, createContract } from "./contract.ts";
import { createTestDatabase } from "./postgres.ts";

/** Who plays in a test: a guest account with its session token. */
export interface TestPlayer {
  readonly accountId: string;
  readonly token: string;
}

export interface TestApp {
  readonly url: string;
  readonly metricsUrl: string;
  /** The API as data. */
  readonly routes: readonly Route[];
  readonly operatorRoutes: readonly OperatorRoute[];
  /** Every log line so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  /** A call of the API: JSON in, status and JSON out. */
  call(method: string, path: string, options?: CallOptions): Promise<CallAnswer>;
  /** Likewise at the private listener. */
  callOperator(method: string, path: string, options?: CallOptions): Promise<CallAnswer>;
  /** As `npm run operator -- <words>`: what it printed. */
  operate(...words: string[]): Promise<string>;
  guest(): Promise<TestPlayer>;
  ticket(player: TestPlayer, room: string): Promise<string>;
  /** Joins as an unmodified SDK does: a ticket as `auth.token`, then `joinOrCreate`. */
  join<State = unknown>(player: TestPlayer, room: string, filters?: object): Promise<Room<never, State>>;
  /** Stops the server before the end of the file. */
  stop(): Promise<void>;
}

interface CallAnswer {
  readonly status: number;
  readonly body: never;
  readonly headers: Headers;
}

interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

interface TestAppOptions {
  readonly rooms: RoomTable;
  readonly catalogue?: ContentSource;
  readonly pages?: Pages;
  /** Settings by name, over the test's own. */
  readonly settings?: Readonly<Record<string, string>>;
}

const testCatalogue: ContentSource = { levels: { base: 100, growth: 50, max: 100 } };

/**
 * A whole server on free ports with a database of its own, stopped after the last test. Call it at the top of the file,
 * once: the engine's matchmaker is one per process. `const app = await startTestApp({ rooms });`
 */
export async function startTestApp({
  rooms,
  catalogue = testCatalogue,
  pages,
  settings = {},
}: TestAppOptions): Promise<TestApp> {
  const database = await createTestDatabase();
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const config = readConfig({
    NODE_ENV: "test",
    PORT: "0",
    METRICS_PORT: "0",
    DATABASE_URL: database.url,
    SERVER_SECRET: "only-for-tests-only-for-tests-only-for-tests",
    DRAIN_SECONDS: "0",
    ...settings,
  });
  const log = createLog({ level: config.LOG_LEVEL, destination });
  const app: App = await createApp({ rooms, catalogue, config, log, ...(pages !== undefined && { pages }) });
  afterAll(() => app.stop());
  const url = `http://127.0.0.1:${app.port}`;
  const privateUrl = `http://127.0.0.1:${app.metricsPort}`;
  // Whatever any test is answered has to be as it is described.
  const game = { url, contract: createContract(describePublicApi(app.routes)) };
  const privately = { url: privateUrl, contract: createContract(describeOperatorApi(app.operatorRoutes)) };
  const call: TestApp["call"] = (...asked) => callAt(game, ...asked);
  const ticket = async (player: TestPlayer, room: string) => {
    const reply = await call("POST", "/api/accounts/ticket", { token: player.token, body: { room } });
    return (reply.body as { ticket: string }).ticket;
  };
  return {
    url,
    metricsUrl: `${privateUrl}/metrics`,
    routes: app.routes,
    operatorRoutes: app.operatorRoutes,
    log: lines,
    call,
    callOperator: (...asked) => callAt(privately, ...asked),
    operate: (...words) => operate({ catalogue, config, log }, words),
    ticket,
    stop: app.stop,
    async guest() {
      const { body } = await call("POST", "/api/accounts/guest", { body: {} });
      const { token, account } = body as { token: string; account: { id: string } };
      return { accountId: account.id, token };
    },
    async join(player, room, filters = {}) {
      const client = new Client(url);
      client.auth.token = await ticket(player, room);
      return (await client.joinOrCreate(room, filters)) as never;
    },
  };
}

interface Door {
  readonly url: string;
  readonly contract: Contract;
}

async function callAt(
  { url, contract }: Door,
  method: string,
  path: string,
  { token, body, headers = {} }: CallOptions = {},
): Promise<CallAnswer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const { status } = response;
  const reply = text === "" ? null : JSON.parse(text);
  const problem = contract.problemOf({ method, path: path.split("?", 1)[0] ?? "", status, body: reply });
  if (problem !== null) throw new Error(problem);
  return { status, headers: response.headers, body: reply as never };
}

/** Waits until `read` gives a value other than null, undefined or false, looking often; fails after `withinMs`. */
export async function until<T>(read: () => T | null | undefined | false, withinMs = 5000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = read();
    if (value !== null && value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${read.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
