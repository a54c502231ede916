import type { Server } from "node:http";
import type { Socket } from "node:net";
import { AppError } from "../../platform/errors.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { createTally } from "../../platform/tally.ts";

interface ConnectionCapParts {
  readonly perAddress: number;
  readonly max: number;
  /** Behind a trusted proxy are many clients. */
  readonly isProxy: (peer: string) => boolean;
  readonly metrics: Metrics;
}

/**
 * Bounds open connections before they have said anything: the limits that follow count requests and sockets, and an
 * attacker's idle connections are neither.
 */
export function capConnections(http: Server, { perAddress, max, isProxy, metrics }: ConnectionCapParts): void {
  // Node itself drops what is over this, of those that it has accepted; those that it was handed are counted below.
  http.maxConnections = max;
  const tally = createTally({ max: perAddress, refusal: () => new AppError("RATE_LIMITED") });
  const count = () => metrics.doorRefused.inc({ reason: "connections" });
  const refuse = (socket: Socket) => {
    count();
    socket.destroy();
  };
  http.on("drop", count);
  let open = 0;
  http.on("connection", (socket: Socket) => {
    open += 1;
    socket.once("close", () => {
      open -= 1;
    });
    if (open > max) return refuse(socket);
    const peer = socket.remoteAddress;
    if (peer === undefined || isProxy(peer)) return;
    try {
      socket.once("close", tally.take(peer));
    } catch {
      refuse(socket);
    }
  });
}
