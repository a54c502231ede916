import { Socket } from "node:net";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import type { Connections } from "./dealing.ts";

/** What a child process tells its supervisor. */
export const fromChild = z.discriminatedUnion("is", [
  z.strictObject({ is: z.literal("beat") }),
  z.strictObject({ is: z.literal("ready"), metricsPort: z.number() }),
  z.strictObject({ is: z.literal("leaving") }),
]);
type FromChild = z.infer<typeof fromChild>;

/** Where a child serves. */
export type ChildPorts = Omit<Extract<FromChild, { is: "ready" }>, "is">;

/** Let matches end, then leave. */
export const STOP = { is: "stop" } as const;
/** Here is a connection: it comes with the message. */
export const CONNECTION = { is: "connection" } as const;

/** A child's event loop shows this often that it turns. */
export const BEAT_MS = 1_000;

/** A supervisor as its child knows it. */
export interface OwnSupervisor extends Connections {
  ready(ports: ChildPorts): void;
  /** Nobody new is to be sent here. */
  leaving(): void;
}

/**
 * A child's side of it. `onStop` is called when the supervisor says so, and when there is no supervisor any more: nobody
 * else would end this process.
 */
export function attendSupervisor(clock: Clock, onStop: (reason: string) => void): OwnSupervisor {
  let take = (connection: Socket): void => {
    connection.destroy();
  };
  const tell = (message: FromChild) => {
    // One that has just gone is noticed below.
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  };
  clock.every(BEAT_MS, () => tell({ is: "beat" }));
  process.on("message", (message, handle) => {
    if (handle instanceof Socket) take(handle);
    // One that was reset on its way comes as nothing.
    else if ((message as typeof STOP | typeof CONNECTION).is === "stop") onStop("supervisor");
  });
  // It went through the supervisor: whoever writes there now must not die of it.
  process.stderr.on("error", () => {});
  process.on("disconnect", () => onStop("supervisor lost"));
  return {
    ready: (ports) => tell({ is: "ready", ...ports }),
    leaving: () => tell({ is: "leaving" }),
    hand(taker) {
      take = taker;
    },
  };
}
