import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { type Listing, MAKE_MS } from "./directory.ts";
import { decodeListing } from "./listing-query.ts";
import type { DirectoryScripts } from "./redis-directory-scripts.ts";

/** What is published when a room is there may go unheard. */
const LOOK_MS = 500;

const answerSchema = z.union([
  z.tuple([z.literal("made"), z.string()]),
  z.tuple([z.literal("waiting")]),
  z.tuple([z.literal("failed")]),
]);

/** Rooms that others are making, and that players of this process wait for. */
export class RedisPlans {
  readonly #scripts: Pick<DirectoryScripts, "plan">;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Promise<Listing | null>>();
  readonly #wake = new Map<string, () => void>();

  constructor(scripts: Pick<DirectoryScripts, "plan">, clock: Clock) {
    this.#scripts = scripts;
    this.#clock = clock;
  }

  /** The room once it is there; null when it has failed. However many wait, Redis is asked once. */
  wait(roomId: string): Promise<Listing | null> {
    const waiting = this.#waiting.get(roomId) ?? this.#watch(roomId).finally(() => this.#waiting.delete(roomId));
    this.#waiting.set(roomId, waiting);
    return waiting;
  }

  /** Something has become of it. */
  heard(roomId: string): void {
    this.#wake.get(roomId)?.();
  }

  async #watch(roomId: string): Promise<Listing | null> {
    const deadlineMs = this.#clock.monotonicMs() + MAKE_MS;
    try {
      while (this.#clock.monotonicMs() < deadlineMs) {
        // Made before asking, so that nothing goes unheard in between.
        const news = this.#news(roomId);
        const [state, row] = answerSchema.parse(await this.#scripts.plan([roomId]));
        if (state === "made") return decodeListing(row);
        if (state === "failed") return null;
        await news;
      }
      return null;
    } finally {
      this.#wake.get(roomId)?.();
      this.#wake.delete(roomId);
    }
  }

  #news(roomId: string): Promise<void> {
    return new Promise((settle) => {
      const cancel = this.#clock.after(LOOK_MS, settle);
      this.#wake.set(roomId, () => {
        cancel();
        settle();
      });
    });
  }
}
