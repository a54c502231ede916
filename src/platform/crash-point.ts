/**
 * Moments at which a test lets the process die, or the database under it. A point that is not armed costs one comparison.
 * `CRASH_POINT=once.kept#3` kills this process with SIGKILL when it comes to `once.kept` for the third time;
 * `CRASH_POINT=once.kept#3:postgres` tells the parent process and stands still until the parent, having killed Postgres,
 * lets it go on with SIGCONT.
 */
export const crashPoints = [
  /** `once` has claimed the key; nothing else has been done. */
  "once.claimed",
  /** The work is done, and its answer not kept. */
  "once.worked",
  /** Everything is in the transaction, and COMMIT not sent. */
  "once.kept",
  /** Committed, and nobody has been told. */
  "once.committed",
  /** A verb that is one statement is about to send it. */
  "statement.sending",
  /** Its answer is here, so it has committed, and nobody has been told. */
  "statement.answered",
  /** A provider's message is stored, and nothing has been done about it. */
  "event.stored",
  /** What follows from it is in the transaction, and COMMIT not sent. */
  "event.worked",
  /** Committed, and the provider has not been answered. */
  "event.applied",
  /** A match has been handed over to be recorded, and nothing has been sent. */
  "match.received",
  /** A match and all that it gives is in the transaction, and COMMIT not sent. */
  "match.written",
  /** A match is recorded, and its room has not been told. */
  "match.recorded",
  /** A job was taken from its queue, and its handler has not begun. */
  "job.taken",
  /** A job's handler is done, and the queue has not been told. */
  "job.done",
] as const;

export type CrashPoint = (typeof crashPoints)[number];

/**
 * What the parent is told, before the process stands still and again when it goes on. The first may arrive a moment before
 * it stands still, when SIGCONT does nothing: send that until the second arrives.
 */
export interface CrashPointReached {
  readonly crashPoint: CrashPoint;
  readonly is: "standing" | "going-on";
}

interface Armed {
  readonly name: CrashPoint;
  readonly victim: "server" | "postgres";
  hitsLeft: number;
}

let armed: Armed | null = null;

/** Dies here if a test has armed this point. */
export function crashPoint(name: CrashPoint): void {
  if (armed?.name === name) hit(armed);
}

/** Arms the point of the setting, if there is one. Nothing outside a test can be armed, whatever the settings say. */
export function armCrashPoint({ NODE_ENV, CRASH_POINT }: { NODE_ENV: string; CRASH_POINT: string | null }): void {
  armed = NODE_ENV === "test" && CRASH_POINT !== null ? parseCrashPoint(CRASH_POINT) : null;
}

/** Reads `name`, `name#hit` or `name#hit:postgres`; null for anything else. */
export function parseCrashPoint(text: string): Armed | null {
  const [, name = "", hit = "1", victim] = /^([a-z.]+)(?:#([1-9]\d{0,5}))?(:postgres)?$/.exec(text) ?? [];
  const known = crashPoints.find((point) => point === name);
  if (known === undefined) return null;
  return { name: known, hitsLeft: Number(hit), victim: victim === undefined ? "server" : "postgres" };
}

function hit(point: Armed): void {
  point.hitsLeft -= 1;
  if (point.hitsLeft > 0) return;
  armed = null;
  if (point.victim === "server") return void process.kill(process.pid, "SIGKILL");
  // The message is in the pipe before the process stands still.
  process.send?.({ crashPoint: point.name, is: "standing" } satisfies CrashPointReached);
  process.kill(process.pid, "SIGSTOP");
  process.send?.({ crashPoint: point.name, is: "going-on" } satisfies CrashPointReached);
}
