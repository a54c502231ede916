/** What is measured, with its unit: `Ms` is milliseconds, `Units` are the game's units of length. Each is a histogram of three digits. */
export const measures = [
  /** From the moment the plan meant a bot to ask for a seat until it had its first state: a late swarm is not forgiven. */
  "joinMs",
  /** From the moment an input was due until a patch acknowledged it. Full bots only. */
  "echoMs",
  /** How far a patch moved the bot's own predicted body. Full bots only. */
  "correctionUnits",
  /** Between two patches of one connection. */
  "patchGapMs",
  /** From a connection's loss until its bot was seated again. */
  "reconnectMs",
  /** One request of a shopper, from its intended moment. */
  "shopMs",
] as const;
export type Measure = (typeof measures)[number];

/** What is counted. */
export const counters = [
  "joins",
  /** Bots that asked for a seat and never got one. */
  "joinsFailed",
  "inputsSent",
  "patches",
  /** From the socket's upgrade on, both of HTTP's answers excluded. */
  "bytesIn",
  /** Connections that ended and were not meant to. */
  "disconnects",
  "reconnects",
  "shopRequests",
  /** Hostile frames and requests by griefers. Their refusals are not errors. */
  "garbageSent",
  /** Clients' ticks: the time that bots were seated, times the room's tick rate. */
  "clientTicks",
] as const;
export type Counter = (typeof counters)[number];

/** Where bots say what they saw. One for each worker; the swarm merges them each second. */
export interface Recorder {
  record(measure: Measure, value: number): void;
  count(counter: Counter, by?: number): void;
  /** A request or a connection that failed, by its code (`ROOM_FULL`, `HTTP_502`, `CLOSE_1006`, `TIMEOUT`). */
  error(code: string): void;
  /** Something that must never be, seen from outside (FAULTS.md I1–I8), with words that a developer can act on. */
  violation(invariant: string, details: string): void;
  /** Bots that are seated now: +1 and -1. */
  seated(change: 1 | -1): void;
}
