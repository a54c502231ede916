import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";

/** What a child process tells its supervisor. */
export const fromChild = z.discriminatedUnion("is", [
  z.strictObject({ is: z.literal("beat") }),
  z.strictObject({ is: z.literal("ready"), port: z.number(), metricsPort: z.number() }),
]);
type FromChild = z.infer<typeof fromChild>;

/** Where a child serves. */
export type ChildPorts = Omit<Extract<FromChild, { is: "ready" }>, "is">;

/** The one thing that a supervisor says: let matches end, then leave. */
export const STOP = { is: "stop" } as const;

/** A child's event loop shows this often that it turns. */
export const BEAT_MS = 1_000;

/**
 * A child's side of it. `onStop` is called when the supervisor says so, and when there is no supervisor any more: nobody
 * else would end this process.
 */
export function attendSupervisor(clock: Clock, onStop: (reason: string) => void): { ready(ports: ChildPorts): void } {
  const tell = (message: FromChild) => {
    // One that has just gone is noticed below.
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  };
  clock.every(BEAT_MS, () => tell({ is: "beat" }));
  process.on("message", () => onStop("supervisor"));
  // It went through the supervisor: whoever writes there now must not die of it.
  process.stderr.on("error", () => {});
  process.on("disconnect", () => onStop("supervisor lost"));
  return { ready: (ports) => tell({ is: "ready", ...ports }) };
}
