import type { Server } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../platform/clock.ts";
import { KEEP_ALIVE_MS } from "../../platform/http-listener.ts";

const LOOK_EVERY_MS = 20;
/** A connection that was kept alive is not used again after this. */
const EMPTY_MS_MAX = KEEP_ALIVE_MS + 500;
/** For so long an upgraded connection may be somebody on the way in, here or through here: breaking it would lose a join. */
const JOINING_MS = 2_000;

/** Ends a listener so that nobody notices. */
export interface Emptying {
  /** This connection is a socket of play from now on, and in nobody's way once its player is in. */
  upgraded(socket: Duplex): void;
  /**
   * Whoever comes from now on comes to another process, and whoever has a connection that is kept alive still gets an
   * answer on it, the last one: closing it would lose a request just under way. Returns when no connection is left.
   */
  empty(withinMs: number): Promise<void>;
}

export function createEmptying(http: Server, clock: Clock): Emptying {
  /** From when on each is in nobody's way. */
  const waiting = new Map<Duplex, number>();
  const isAwaited = () => {
    const nowMs = clock.monotonicMs();
    return [...waiting.values()].some((untilMs) => untilMs > nowMs);
  };
  const isTls = "addContext" in http;
  http.on(isTls ? "secureConnection" : "connection", (socket: Socket) => {
    waiting.set(socket, Number.POSITIVE_INFINITY);
    socket.once("close", () => waiting.delete(socket));
  });
  return {
    upgraded(socket) {
      if (waiting.has(socket)) waiting.set(socket, clock.monotonicMs() + JOINING_MS);
    },
    empty(withinMs) {
      // Node's own close for http also ends connections that are kept alive.
      if (http.listening) NetServer.prototype.close.call(http);
      const deadlineMs = clock.monotonicMs() + Math.min(withinMs, EMPTY_MS_MAX);
      return new Promise((resolve) => {
        const stopLooking = clock.every(LOOK_EVERY_MS, () => {
          if (isAwaited() && clock.monotonicMs() < deadlineMs) return;
          stopLooking();
          resolve();
        });
      });
    },
  };
}
