import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import type { Clock } from "../../platform/clock.ts";
import { BEAT_MS, type ChildPorts, CONNECTION, fromChild, STOP } from "./child-messages.ts";
import type { Taker } from "./dealing.ts";

/** How to run a child. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** How long its loop may stand still; 10 s by default. */
  readonly stuckMs?: number;
}

/** How a child has ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Its last lines on standard error. */
  readonly lastWords: string;
  /** Its loop stood still, and it was killed for it. */
  readonly wasStuck: boolean;
}

/** A process that has been started, until it has ended. */
export interface Child extends Taker {
  readonly pid: number;
  /** Null when it has ended before it was ready. */
  readonly ready: Promise<ChildPorts | null>;
  /** It leaves, by itself or told to: nobody new is to be sent there. */
  readonly leaving: Promise<void>;
  readonly ended: Promise<Ending>;
  /** Lets its matches end. */
  stop(): void;
  kill(): void;
}

/** A loop that stands still for so long does not come back by itself. */
const STUCK_MS = 10_000;
/** Migrations and the building of the page come before it is ready, and hold up the loop for a while. */
const START_MS_MAX = 180_000;
const LAST_WORDS_CHARS = 2_000;

/** Starts a child in a process group of its own: Ctrl-C in a terminal is for its supervisor. */
export function launchChild({ file, args, environment, stuckMs = STUCK_MS }: Launch, clock: Clock): Child {
  const child = fork(file, args, { env: environment, detached: true, stdio: ["ignore", "inherit", "pipe", "ipc"] });
  const words = keepLastWords(child);
  let wasStuck = false;
  const kill = () => void child.kill("SIGKILL");
  const ended = new Promise<Ending>((resolve) => {
    const finish = (code: number | null, signal: NodeJS.Signals | null) =>
      resolve({ code, signal, lastWords: words(), wasStuck });
    child.once("exit", finish);
    child.once("error", () => child.pid === undefined && finish(1, null));
  });
  const beats = watchBeats({ clock, stuckMs }, () => {
    wasStuck = true;
    kill();
  });
  void ended.then(beats.stop);
  const ready = Promise.withResolvers<ChildPorts | null>();
  const leaving = Promise.withResolvers<void>();
  void ended.then(() => ready.resolve(null));
  void ended.then(() => leaving.resolve());
  child.on("message", (message) => {
    const said = fromChild.safeParse(message).data;
    beats.heard(said?.is === "ready");
    if (said?.is === "ready") ready.resolve({ metricsPort: said.metricsPort });
    if (said?.is === "leaving") leaving.resolve();
  });
  const stop = () => {
    if (child.connected) child.send(STOP, () => {});
  };
  const told = { ready: ready.promise, leaving: leaving.promise, ended };
  return { pid: child.pid ?? 0, ...told, stop, kill, take: passing(child, ended) };
}

/** Connections go through the channel one after the other; those that a child did not live to be sent are still ours. */
function passing(child: ChildProcess, ended: Promise<unknown>): Taker["take"] {
  const waiting = new Map<Socket, (connection: Socket) => void>();
  const giveBack = (connection: Socket) => {
    const onLeft = waiting.get(connection);
    waiting.delete(connection);
    onLeft?.(connection);
  };
  void ended.then(() => {
    for (const connection of [...waiting.keys()]) giveBack(connection);
  });
  return (connection, onLeft) => {
    waiting.set(connection, onLeft);
    child.send(CONNECTION, connection, {}, (failure) => {
      if (failure === null) waiting.delete(connection);
      else giveBack(connection);
    });
  };
}

/** Calls `onSilent` when a child that was ready has not been heard for too long, or one that starts never gets ready. */
function watchBeats({ clock, stuckMs }: { clock: Clock; stuckMs: number }, onSilent: () => void) {
  let lookedMs = clock.monotonicMs();
  let heardMs = lookedMs;
  let isReady = false;
  const stop = clock.every(BEAT_MS, () => {
    const nowMs = clock.monotonicMs();
    // The machine was asleep, or we were held up: whoever could not be heard is given its time again.
    if (nowMs - lookedMs > 3 * BEAT_MS) heardMs = nowMs;
    lookedMs = nowMs;
    if (nowMs - heardMs > (isReady ? stuckMs : START_MS_MAX)) onSilent();
  });
  return {
    stop,
    heard(nowReady: boolean) {
      heardMs = clock.monotonicMs();
      isReady ||= nowReady;
    },
  };
}

function keepLastWords(child: ChildProcess): () => string {
  let words = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    process.stderr.write(chunk);
    words = (words + chunk.toString()).slice(-LAST_WORDS_CHARS);
  });
  return () => words.trim();
}
