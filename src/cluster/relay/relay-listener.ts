import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { Duplex } from "node:stream";
import type { Caller } from "../../platform/client-address.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError, type TranslateError } from "../../platform/errors.ts";
import { retryHeaders, writeJson } from "../../platform/http.ts";
import { createHttpListener } from "../../platform/http-listener.ts";
import type { Log } from "../../platform/log.ts";
import type { RelayPlace } from "../cluster.ts";
import { HOP_HEADER, type HopSeal } from "./hop.ts";
import { requestLineOf } from "./owner-call.ts";
import { Trunk } from "./trunk.ts";
import type { TrunkChannel } from "./trunk-channel.ts";
import { OWNER_WINDOWS, TRUNK_ANSWER, TRUNK_REQUEST } from "./trunk-opening.ts";
import { TrunkStream } from "./trunk-stream.ts";

/** A connection that another process has passed on, and whose it is. */
export interface Relayed {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly caller: Caller;
}

interface RelayListenerParts {
  readonly seal: HopSeal;
  readonly clock: Pick<Clock, "every">;
  readonly log: Log;
  readonly translate: TranslateError;
  /** Sockets that this process takes. */
  readonly max: number;
  readonly onRelayed: (relayed: Relayed) => void;
  /** Answers what was not sealed by a process of ours. */
  readonly onRefused: (socket: Duplex, thrown: unknown) => void;
}

/**
 * Where other processes hand over players of this one's rooms, all players of a process on one trunk. It serves nobody else,
 * and no request of any other kind. A stream of a trunk is to the listener what a connection is.
 */
export function createRelayListener(parts: RelayListenerParts) {
  const { seal, translate, onRelayed, onRefused } = parts;
  const server: Server = createHttpListener({ tls: null, translate });
  server.maxConnections = parts.max;
  const trunks = openTrunks(parts, (stream) => void server.emit("connection", stream));
  server.on("request", (_request, response) => {
    const shown = translate(new AppError("RELAY_REFUSED"), { door: "relay" });
    writeJson(response, shown.status, shown.body, { connection: "close", ...retryHeaders(shown) });
  });
  server.on("upgrade", (request, socket, head) => {
    try {
      const line = requestLineOf(request);
      const isTrunk = line === TRUNK_REQUEST;
      // A player comes on a trunk, and a trunk does not.
      if (isTrunk === socket instanceof TrunkStream) throw new AppError("RELAY_REFUSED");
      const caller = seal.open(request.headers[HOP_HEADER], line);
      delete request.headers[HOP_HEADER];
      if (isTrunk) trunks.take(socket as Socket, head);
      else onRelayed({ request, socket, head, caller });
    } catch (thrown) {
      socket.on("error", () => socket.destroy());
      onRefused(socket, thrown);
    }
  });
  return {
    /** Returns `host:port` by which the other processes reach it. */
    async listen({ host, port, named }: RelayPlace): Promise<string> {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, resolve);
      });
      const reachable = named ?? (isWildcard(host) ? innerAddress() : host);
      const { port: taken } = server.address() as AddressInfo;
      return `${reachable.includes(":") ? `[${reachable}]` : reachable}:${taken}`;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        trunks.stop();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The trunks that other processes have opened to this one, and their streams. */
function openTrunks({ clock, log, max }: RelayListenerParts, onStream: (stream: TrunkStream) => void) {
  const open = new Set<Trunk>();
  let streams = 0;
  const take = (channel: TrunkChannel, head: Buffer, from: string | undefined) => {
    if (streams >= max) {
      channel.break();
      return;
    }
    const stream = new TrunkStream(channel, from);
    streams += 1;
    stream.once("close", () => {
      streams -= 1;
    });
    onStream(stream);
    stream.push(Buffer.from(head));
  };
  return {
    take(socket: Socket, first: Buffer): void {
      const { remoteAddress: from } = socket;
      const trunk = new Trunk({
        socket,
        clock,
        windows: OWNER_WINDOWS,
        keep() {},
        onOpen: (channel, head) => take(channel, head, from),
        onOver(why, thrown) {
          open.delete(trunk);
          if (why === "garbage") log.warn({ from, err: thrown }, "trunk.garbled");
          if (why === "silent") log.warn({ from }, "trunk.silent");
        },
      });
      open.add(trunk);
      socket.on("data", (bytes: Buffer) => trunk.read(bytes));
      socket.write(TRUNK_ANSWER);
      trunk.read(first);
    },
    stop(): void {
      for (const trunk of open) trunk.break("stop");
    },
  };
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** The first address of this machine, or container, that others can reach. */
function innerAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";
}
