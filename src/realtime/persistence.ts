import type { Clock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";

const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 5_000;
const TRIES_MAX = 60;

/**
 * A room's durable facts on their way to a service. A write is tried again while the failure may pass, about five
 * minutes in all, and the room is kept until its writes have settled. Each write must be idempotent by its own key,
 * because an attempt whose answer was lost may have been applied.
 */
export class Persistence {
  readonly #pending = new Set<Promise<void>>();
  readonly #clock: Clock;
  readonly #log: Log;

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  write(what: string, task: () => Promise<void>): void {
    const settled = this.#try(what, task).finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #try(what: string, task: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await task();
      } catch (err) {
        const isFinal = (err instanceof AppError && err.status < 500) || attempt === TRIES_MAX;
        if (isFinal) {
          this.#log.error({ what, attempt, err }, "room.write_lost");
          return;
        }
        this.#log.warn({ what, attempt, err }, "room.write_delayed");
        await this.#pause(Math.min(RETRY_FIRST_MS * 2 ** (attempt - 1), RETRY_MOST_MS));
      }
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(delayMs, resolve));
  }
}
