import { Client, type Room } from "@colyseus/sdk";
import { afterAll } from "vitest";
import type { ContentSource } from "../../schema/content.ts";
import { type App, createApp } from "../app.ts";
import { readConfig } from "../platform/config.ts";
import type { Route } from "../platform/http.ts";
import { createLog } from "../platform/log.ts";
import type { Pages } from "../realtime/front-door.ts";
import type { RoomTable } from "../realtime/game-server.ts";
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
  /** Every log line so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  /** A call of the API: JSON in, status and JSON out. */
  call(method: string, path: string, options?: CallOptions): Promise<{ status: number; body: never; headers: Headers }>;
  guest(): Promise<TestPlayer>;
  ticket(player: TestPlayer, room: string): Promise<string>;
  /** Joins as an unmodified SDK does: a ticket as `auth.token`, then `joinOrCreate`. */
  join<State = unknown>(player: TestPlayer, room: string, filters?: object): Promise<Room<never, State>>;
  /** Stops the server before the end of the file. */
  stop(): Promise<void>;
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
  const call: TestApp["call"] = async (method, path, { token, body, headers = {} } = {}) => {
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
    return {
      status: response.status,
      headers: response.headers,
      body: (text === "" ? null : JSON.parse(text)) as never,
    };
  };
  const ticket = async (player: TestPlayer, room: string) => {
    const reply = await call("POST", "/api/accounts/ticket", { token: player.token, body: { room } });
    return (reply.body as { ticket: string }).ticket;
  };
  return {
    url,
    metricsUrl: `http://127.0.0.1:${app.metricsPort}/metrics`,
    routes: app.routes,
    log: lines,
    call,
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
