import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import type { Network, NetworkOptions } from "./network.ts";
import { startNetwork } from "./network.ts";
import type { NetworkClock } from "./network-clock.ts";
import type { NetworkProfile } from "./network-profile.ts";
import { networkProfiles } from "./network-profile.ts";

/** What the tests of networks stand on: a target, clients, clocks. Everything is closed by `cleanUp`. */
const cleanups: (() => Promise<unknown>)[] = [];

export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

export interface Target {
  host: string;
  port: number;
  sockets: Socket[];
  stop(): Promise<unknown>;
}

export async function startTarget({ echo = false }: { echo?: boolean } = {}): Promise<Target> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    if (echo) socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The target has no port.");
  const stop = () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    return closed;
  };
  cleanups.push(stop);
  return { host: "127.0.0.1", port: address.port, sockets, stop };
}

export async function startShaped({
  target,
  ...options
}: Omit<NetworkOptions, "target"> & { target: Target }): Promise<Network> {
  const network = await startNetwork({ target: { host: target.host, port: target.port }, ...options });
  cleanups.push(() => network.stop());
  return network;
}

/** A client and the target's end of its connection. One at a time, so that the two belong together. */
export async function dial(
  network: Network,
  target: Target,
): Promise<{ client: Socket; server: Socket; connectedAtMs: number }> {
  const number = target.sockets.length;
  const client = await connectTo(network);
  const connectedAtMs = performance.now();
  await until(() => target.sockets.length > number || client.closed);
  const server = target.sockets[number];
  if (server === undefined) throw new Error("The target was not reached.");
  return { client, server, connectedAtMs };
}

export async function connectTo(network: Network): Promise<Socket> {
  const client = connect({ port: network.port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  client.on("error", () => {});
  cleanups.push(() => destroyed(client));
  await once(client, "connect");
  return client;
}

export async function pingTimesMs(client: Socket, count: number): Promise<number[]> {
  const timesMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const startMs = performance.now();
    client.write("p");
    await once(client, "data");
    timesMs.push(performance.now() - startMs);
  }
  return timesMs;
}

export async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => chunks.push(bytes));
  await once(socket, "end");
  return Buffer.concat(chunks);
}

/** The code of the error a socket closed with, or "end". */
export function closeReason(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let reason = "end";
    socket.on("error", (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message));
    socket.once("end", () => socket.destroy());
    socket.once("close", () => resolve(reason));
    socket.resume();
  });
}

function destroyed(socket: Socket): Promise<void> {
  socket.destroy();
  return until(() => socket.closed);
}

export async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 4000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`Waited 4 s for ${condition}`);
    await turn();
  }
}

/** Adds up by how much a timer of 5 ms is late: the time in which this process was not allowed to run. */
export function watchMachine(): { stolenMs(): number } {
  let stolenMs = 0;
  let dueMs = 0;
  let timer: NodeJS.Timeout;
  const lateMs = () => Math.max(performance.now() - dueMs - 2, 0);
  const next = () => {
    dueMs = performance.now() + 5;
    timer = setTimeout(() => {
      stolenMs += lateMs();
      next();
    }, 5);
  };
  next();
  cleanups.push(async () => clearTimeout(timer));
  return { stolenMs: () => stolenMs + lateMs() };
}

export function aProfile(change: Partial<NetworkProfile>): NetworkProfile {
  return { ...networkProfiles.none, ...change };
}

/** A clock on which a millisecond is shorter, so that many timeouts fit into a test. */
export function fasterClock(times: number): NetworkClock {
  return {
    monotonicMs: () => performance.now() * times,
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs / times);
      return () => clearTimeout(timer);
    },
  };
}

export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
