import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@colyseus/sdk";
import { afterAll, expect, test } from "vitest";
import { until } from "./testing/app.ts";
import { isRunning, postmasterPid } from "./testing/own-postgres.ts";

const root = join(import.meta.dirname, "..");
const folders: string[] = [];
const running = new Set<ChildProcess>();

afterAll(async () => {
  for (const child of running) child.kill("SIGTERM");
  await until(() => running.size === 0, 20_000);
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "umpire-main-"));
  folders.push(folder);
  return folder;
}

interface Server {
  readonly url: string;
  readonly readyMs: number;
  readonly output: () => string;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** Runs the server as `npm start` does. */
function launch(settings: Record<string, string>, args: string[] = []) {
  const preflight = join(root, "src/preflight.mjs");
  const child = spawn(process.execPath, ["--import", preflight, join(root, "src/main.ts"), ...args], {
    cwd: root,
    env: { PATH: process.env["PATH"], PORT: "0", METRICS_PORT: "0", DRAIN_SECONDS: "0", ...settings },
  });
  running.add(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => {
    child.on("exit", (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return { child, exited, output: () => output };
}

async function start(settings: Record<string, string>): Promise<Server> {
  const startedMs = performance.now();
  const { child, exited, output } = launch(settings);
  const url = await until(() => /Umpire is ready: (http:\S+)/.exec(output())?.[1], 30_000).catch(() => {
    throw new Error(`no start:\n${output()}`);
  });
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return { url, readyMs: performance.now() - startedMs, output, kill };
}

async function call<Reply>(
  server: Server,
  method: string,
  path: string,
  token?: string,
  body?: object,
): Promise<Reply> {
  const headers = {
    "content-type": "application/json",
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(server.url + path, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Reply;
}

interface Progress {
  xp: number;
  matches: number;
}

async function aPlayer(server: Server) {
  const { token } = await call<{ token: string }>(server, "POST", "/api/accounts/guest", undefined, {});
  const email = "ada@example.org";
  const registered = await call<{ token: string }>(server, "POST", "/api/accounts/register", token, {
    email,
    password: "correct horse",
  });
  return { email, token: registered.token };
}

/** Joins a match against bots and waits until it is on. */
async function play(server: Server, token: string) {
  const { ticket } = await call<{ ticket: string }>(server, "POST", "/api/accounts/ticket", token, { room: "arena" });
  const client = new Client(server.url);
  client.auth.token = ticket;
  const room = await client.joinOrCreate<{ phase: number; tick: number }>("arena");
  await until(() => room.state?.phase === 2, 10_000);
  const tick = room.state.tick;
  await until(() => room.state.tick > tick + 10);
  return room;
}

/** Plays for a moment and leaves, which ends the match and records it. */
async function playOnce(server: Server, token: string): Promise<Progress> {
  const room = await play(server, token);
  await room.leave();
  let progress = await call<Progress>(server, "GET", "/api/progression/me", token);
  while (progress.matches === 0) progress = await call<Progress>(server, "GET", "/api/progression/me", token);
  return progress;
}

test("[START1][START2][START4][START6] a life: start, play, kill -9, start again, stop", async () => {
  const folder = await aFolder();
  const first = await start({ DATA_DIR: folder });
  expect(await (await fetch(first.url)).text()).toContain("<!doctype html>");
  const player = await aPlayer(first);
  const earned = await playOnce(first, player.token);
  expect(earned.xp).toBeGreaterThan(0);
  const interrupted = await play(first, player.token);
  interrupted.reconnection.enabled = false;
  await first.kill("SIGKILL");
  const orphan = await postmasterPid(folder);
  expect(isRunning(orphan)).toBe(true);

  const second = await start({ DATA_DIR: folder });
  expect(await call<Progress>(second, "GET", "/api/progression/me", player.token)).toEqual(earned);
  const again = { email: player.email, password: "correct horse" };
  const signedIn = await call<{ token: string }>(second, "POST", "/api/accounts/sign-in", undefined, again);
  expect(await call<Progress>(second, "GET", "/api/progression/me", signedIn.token)).toEqual(earned);
  const pid = await postmasterPid(folder);
  expect(await second.kill("SIGTERM")).toBe(0);
  expect(isRunning(pid)).toBe(false);

  // On a busy machine one start may be held up by others; two would be our doing.
  const readyMs = [second.readyMs];
  for (let tries = 0; tries < 2 && Math.min(...readyMs) > 5000; tries++) {
    const third = await start({ DATA_DIR: folder });
    readyMs.push(third.readyMs);
    await third.kill("SIGTERM");
  }
  expect(Math.min(...readyMs)).toBeLessThan(5000);
}, 90_000);

/** Throws on SIGUSR2, out of nowhere, what nobody catches. */
const THROWING = `process.on("SIGUSR2", () => {
  setTimeout(() => { throw new Error("escaped"); });
  Promise.reject(new Error("forgotten"));
})`;
const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(THROWING)}`;
const shared = { folder: await aFolder(), first: undefined as Server | undefined };
/** A server that several tests do something to; the last of them stops it. */
const aServer = async () => (shared.first ??= await start({ DATA_DIR: shared.folder, NODE_OPTIONS }));

test("[START5] a wrong setting and a taken port end the start with one plain message", async () => {
  const [wrong, production] = [launch({ PORT: "seventy" }), launch({ NODE_ENV: "production" })];
  expect(await wrong.exited).toBe(78);
  expect(wrong.output()).toContain("PORT must be whole number from 0 to 65535");
  expect(await production.exited).toBe(78);
  expect(production.output()).toMatch(/DATABASE_URL is required.*SERVER_SECRET is required/s);
  const first = await aServer();
  const taken = launch({ DATA_DIR: shared.folder, PORT: new URL(first.url).port });
  expect(await taken.exited).toBe(1);
  expect(taken.output()).toMatch(/Port \d+ is taken/);
  expect(taken.output()).not.toContain("    at ");
  expect(await call(first, "GET", "/readyz")).toEqual({ ok: true });
}, 60_000);

test("[START5] the settings are listed without a server", async () => {
  const listing = launch({}, ["config"]);
  expect(await listing.exited).toBe(0);
  expect(listing.output()).toMatch(/^NAME +TYPE +DEFAULT +DESCRIPTION$/m);
}, 20_000);

test("[START7] an exception that escapes everything else is logged and ends nobody's match", async () => {
  const server = await aServer();
  const { token } = await call<{ token: string }>(server, "POST", "/api/accounts/guest", undefined, {});
  const room = await play(server, token);
  void server.kill("SIGUSR2");
  await until(() => /escaped.*process\.exception_uncaught/.test(server.output()), 10_000);
  await until(() => /forgotten.*process\.rejection_unhandled/.test(server.output()), 10_000);
  expect(await call(server, "GET", "/readyz")).toEqual({ ok: true });
  const tick = room.state.tick;
  await until(() => room.state.tick > tick + 10);
  await room.leave();
}, 60_000);

test("[START3] a second copy on the same data shares the database, and the first plays on when it stops", async () => {
  const first = await aServer();
  const second = await start({ DATA_DIR: shared.folder });
  const { token } = await aPlayer(first);
  expect(await call(second, "GET", "/api/accounts/me", token)).toMatchObject({ kind: "registered" });
  // One Ctrl-C comes twice: from the terminal and from npm.
  void second.kill("SIGINT");
  expect(await second.kill("SIGTERM")).toBe(0);
  expect(await call(first, "GET", "/api/accounts/me", token)).toMatchObject({ kind: "registered" });
  const pid = await postmasterPid(shared.folder);
  expect(isRunning(pid)).toBe(true);
  void first.kill("SIGINT");
  expect(await first.kill("SIGINT")).toBe(0);
  expect(isRunning(pid)).toBe(false);
}, 60_000);
