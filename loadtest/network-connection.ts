import { Socket } from "node:net";
import type { NetworkClock } from "./network-clock.ts";
import { NetworkPipe, type PipeTally } from "./network-pipe.ts";
import type { Direction, RebindingAnswer } from "./network-profile.ts";
import type { Schedule } from "./network-schedule.ts";

/** A client's connection to the network, the network's own to the target, and what goes between them. */
export interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly pipes: Readonly<Record<Direction, NetworkPipe>>;
  readonly schedules: readonly Schedule[];
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<unknown>;
}

export interface ConnectionOptions {
  client: Socket;
  target: { host: string; port: number };
  clock: NetworkClock;
  tallies: Readonly<Record<Direction, PipeTally>>;
  schedule: (direction: Direction) => Schedule;
  bufferBytesMax: (direction: Direction) => number;
}

/** Takes the client on. The target is dialled when an "open" has gone up. */
export function openConnection(options: ConnectionOptions): Connection {
  const { client, target, clock } = options;
  const server = new Socket({ allowHalfOpen: true });
  server.setNoDelay(true);
  const schedules = { up: options.schedule("up"), down: options.schedule("down") };
  const pipe = (direction: Direction, source: Socket, destination: Socket) =>
    new NetworkPipe({
      source,
      destination,
      schedule: schedules[direction],
      clock,
      tally: options.tallies[direction],
      bufferBytesMax: () => options.bufferBytesMax(direction),
      dial: () => destination.connect(target),
      onCut: () => resetConnection(connection),
    });
  const connection: Connection = {
    client,
    server,
    pipes: { up: pipe("up", client, server), down: pipe("down", server, client) },
    schedules: [schedules.up, schedules.down],
    closed: Promise.all([socketClosed(client), socketClosed(server)]),
  };
  return connection;
}

export function resetConnection({ client, server }: Connection): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}

/** Nothing passes any more. The server is left with a connection that is half-open until it gives it up by itself. */
export function loseConnection({ server, pipes, schedules }: Connection, answer: RebindingAnswer): void {
  const roundTripMs = 2 * (schedules[0]?.profile().latencyMs ?? 0);
  let isAnswered = answer === "silence";
  pipes.down.lose();
  pipes.up.lose(() => {
    if (isAnswered) return;
    isAnswered = true;
    pipes.down.signal("reset", roundTripMs);
  });
  // It has not been dialled, and now never will be.
  if (server.pending && !server.connecting) server.destroy();
}

/** An error is followed by "close", which is where a pipe learns of it; nobody else has to. */
function socketClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.once("close", () => resolve());
  });
}
