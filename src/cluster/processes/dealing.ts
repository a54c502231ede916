import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** Who takes connections off the supervisor's hands. */
export interface Taker {
  /** `onLeft` gets the connection back when it was never passed on. */
  take(connection: Socket, onLeft: (connection: Socket) => void): void;
}

/** The one listener of several processes. */
export interface Dealer {
  readonly port: number;
  /** Deals to this one, too, until what is returned is called. */
  add(taker: Taker): () => void;
  stop(): void;
}

/** Where a process gets its connections from when it listens on no port of its own. */
export interface Connections {
  hand(take: (connection: Socket) => void): void;
}

const BACKLOG = 1024;
/** Connections that are held while no process serves. Whoever comes then is not answered at all. */
const HELD_MAX = 1024;

/**
 * Takes all connections of a port and deals them out, unread, to the processes in turn. A listener of each process's own on
 * a shared port would cost the supervisor nothing, but the kernel resets whoever waits at one that closes or dies.
 */
export async function openDealer({ host, port }: { host: string; port: number }): Promise<Dealer> {
  const takers: Taker[] = [];
  const held: Socket[] = [];
  const deal = (connection: Socket) => {
    const taker = takers.shift();
    if (taker === undefined) {
      if (held.length < HELD_MAX) held.push(connection);
      else connection.destroy();
      return;
    }
    takers.push(taker);
    taker.take(connection, deal);
  };
  const server = createServer({ pauseOnConnect: true }, (connection) => {
    // One that fails before anybody has it is nobody's.
    connection.on("error", () => {});
    deal(connection);
  });
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    add(taker) {
      takers.push(taker);
      for (const connection of held.splice(0)) deal(connection);
      return () => {
        const at = takers.indexOf(taker);
        if (at !== -1) takers.splice(at, 1);
      };
    },
    stop() {
      server.close();
      for (const connection of held.splice(0)) connection.destroy();
    },
  };
}

/** Gives a server a connection as if it had accepted it: what Node sets then for HTTP is set here. */
export function adopt(server: Server, connection: Socket): void {
  connection.setNoDelay(true);
  connection.allowHalfOpen = true;
  server.emit("connection", connection);
  connection.resume();
}
