import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import type { Duplex } from "node:stream";
import type { Caller } from "../platform/client-address.ts";
import { AppError, type TranslateError } from "../platform/errors.ts";
import { retryHeaders, writeJson } from "../platform/http.ts";
import { createHttpListener } from "../platform/http-listener.ts";
import type { RelayPlace } from "./cluster.ts";
import { HOP_HEADER, type HopSeal } from "./hop.ts";
import { requestLineOf } from "./owner-call.ts";

/** A connection that another process has passed on, and whose it is. */
export interface Relayed {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly caller: Caller;
}

interface RelayListenerParts {
  readonly seal: HopSeal;
  readonly translate: TranslateError;
  /** Sockets that this process takes. */
  readonly max: number;
  readonly onRelayed: (relayed: Relayed) => void;
  /** Answers what was not sealed by a process of ours. */
  readonly onRefused: (socket: Duplex, thrown: unknown) => void;
}

/** Where other processes hand over players of this one's rooms. It serves nobody else, and no request of any other kind. */
export function createRelayListener({ seal, translate, max, onRelayed, onRefused }: RelayListenerParts) {
  const server: Server = createHttpListener({ tls: null, translate });
  server.maxConnections = max;
  server.on("request", (_request, response) => {
    const shown = translate(new AppError("RELAY_REFUSED"), { door: "relay" });
    writeJson(response, shown.status, shown.body, { connection: "close", ...retryHeaders(shown) });
  });
  server.on("upgrade", (request, socket, head) => {
    try {
      const caller = seal.open(request.headers[HOP_HEADER], requestLineOf(request));
      delete request.headers[HOP_HEADER];
      onRelayed({ request, socket, head, caller });
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
        server.closeAllConnections();
        server.close(() => resolve());
      }),
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
