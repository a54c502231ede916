import { AsyncLocalStorage } from "node:async_hooks";
import type { Log } from "../../platform/log.ts";

/** What a process is doing for a room: which hook of which room, and where an exception of it is reported. */
export interface Errand {
  readonly room: { readonly roomId: string; readonly roomName: string };
  readonly hook: string;
  /** Room and hook as the watchdog's thread reads them. */
  readonly label: Uint8Array;
  report(thrown: unknown): void;
}

/** Shows the errand that runs now to whoever watches from outside the loop. */
type Show = (errand: Errand | undefined) => void;

/**
 * Whose code runs. Promises and timers that an errand leaves behind stay its own, so an exception nobody catches is
 * still reported to the room it came from.
 */
export class Activity {
  readonly #storage = new AsyncLocalStorage<Errand>();
  readonly #show: Show;
  #running: Errand | undefined;

  constructor(show: Show = () => {}) {
    this.#show = show;
  }

  run<T>(errand: Errand, task: () => T): T {
    const outer = this.#running;
    this.#set(errand);
    try {
      return this.#storage.run(errand, task);
    } finally {
      this.#set(outer);
    }
  }

  /** The errand that the running code belongs to, also in what it left behind. */
  get current(): Errand | undefined {
    return this.#storage.getStore();
  }

  #set(errand: Errand | undefined): void {
    this.#running = errand;
    this.#show(errand);
  }
}

/**
 * The last net under everything: an exception or rejection that nobody caught goes to the room it came from, or else
 * to the log as an error that somebody must act upon. Ending the process would end every match on it, and what a
 * package installed for these two events (`@pm2/io` ends the process when it finds itself alone) must not decide.
 * Returns a function that takes the net away.
 */
export function catchStrays({ activity, log }: { activity: Activity; log: Log }): () => void {
  const catcher = (event: string) => (thrown: unknown) => {
    const errand = activity.current;
    if (errand === undefined) log.error({ err: thrown }, event);
    else errand.report(thrown);
  };
  const onException = catcher("process.exception_uncaught");
  const onRejection = catcher("process.rejection_unhandled");
  process.on("uncaughtException", onException);
  process.on("unhandledRejection", onRejection);
  return () => {
    process.off("uncaughtException", onException);
    process.off("unhandledRejection", onRejection);
  };
}
