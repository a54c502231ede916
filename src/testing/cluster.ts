import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Client, type Room } from "@colyseus/sdk";
import { afterAll } from "vitest";
import type { TestPlayer } from "./app.ts";
import { until } from "./app.ts";

const root = join(import.meta.dirname, "../..");

/** A server as `npm start` runs it, in processes of its own. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  /** What it has logged so far. */
  lines(): readonly Record<string, unknown>[];
  /** The first line with this message that has these fields, once it is there. */
  line(msg: string, fields?: Record<string, unknown>, withinMs?: number): Promise<Record<string, unknown>>;
  /** Its exit code, once it has ended. */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts it, waits until it serves, and ends it after the last test. */
export async function startServer(settings: Record<string, string>, args: string[] = []): Promise<RunningServer> {
  const preflight = join(root, "src/preflight.mjs");
  const child = spawn(process.execPath, ["--import", preflight, join(root, "src/main.ts"), ...args], {
    cwd: root,
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"], ...settings },
  });
  const output = readOutput(child);
  const exited = once(child, "exit").then(([code]) => code as number | null);
  afterAll(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const url = await until(() => /Umpire is ready: (http:\S+)/.exec(output.text())?.[1], 40_000).catch(() => {
    throw new Error(`no start:\n${output.text()}`);
  });
  const lines = () => output.lines();
  return {
    url,
    pid: child.pid ?? 0,
    lines,
    line: (msg, fields = {}, withinMs = 10_000) =>
      until(
        () =>
          lines().find(
            (line) => line["msg"] === msg && Object.entries(fields).every(([name, value]) => line[name] === value),
          ),
        withinMs,
      ).catch(() => {
        throw new Error(`no ${msg} ${JSON.stringify(fields)} within ${withinMs} ms:\n${output.text().slice(-4000)}`);
      }),
    exited,
    kill(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

function readOutput(child: ChildProcess) {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const parse = (line: string) => (line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line)] : []);
  return { text: () => text, lines: () => text.split("\n").flatMap(parse) as Record<string, unknown>[] };
}

/** A plain TCP balancer: each connection to the next server that takes it, or, with `isPinned`, to the first that does. */
export async function startBalancer(ports: readonly number[], { isPinned = false } = {}) {
  let next = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isPinned) next = 0;
    const tryNext = (left: number) => {
      const target = connect({ port: ports[next++ % ports.length] ?? 0, host: "127.0.0.1", allowHalfOpen: true });
      target.once("connect", () => {
        client.pipe(target);
        target.pipe(client);
      });
      target.once("error", () => (target.readyState !== "open" && left > 1 ? tryNext(left - 1) : client.destroy()));
      target.once("close", () => target.bytesRead > 0 && client.destroy());
      client.once("close", () => target.destroy());
    };
    client.on("error", () => {});
    tryNext(ports.length);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  afterAll(() => void server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
}

/** Like `until`, for what has to be asked for. */
export async function untilAnswered(ask: () => Promise<boolean>, withinMs = 5_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${ask.toString()}`);
    await pause(20);
  }
}

async function callAt<Reply>(url: string, path: string, body: object, token?: string): Promise<Reply> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Reply;
}

async function aGuest(url: string): Promise<TestPlayer> {
  const { token, account } = await callAt<{ token: string; account: { id: string } }>(url, "/api/accounts/guest", {});
  return { token, accountId: account.id };
}

/** Joins with an unmodified SDK that shows a ticket. */
export async function joinAt<State>(url: string, room: string, target: { roomId?: string; filters?: object } = {}) {
  const player = await aGuest(url);
  const client = new Client(url);
  client.auth.token = (await callAt<{ ticket: string }>(url, "/api/accounts/ticket", { room }, player.token)).ticket;
  const joined = await (target.roomId === undefined
    ? client.joinOrCreate<State>(room, target.filters ?? {})
    : client.joinById<State>(target.roomId));
  // By default an SDK that has been there for less than five seconds does not redial.
  joined.reconnection.minUptime = 0;
  return joined as Room<never, State>;
}

/** A whole number that a server publishes, whatever its labels; 0 while there is none. */
export async function metricOf(server: RunningServer, name: string): Promise<number> {
  const { metricsPort } = await server.line("server.ready");
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}
