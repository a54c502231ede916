import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { type Failure, failureShape, thrownOf } from "./call-failures.ts";

/** Nobody there has begun with it, and nobody will any more: it may be tried elsewhere. */
export class ProcessAwayError extends Error {
  override readonly name = "ProcessAwayError";
  /** `gone` when nothing listens there, `silent` when whoever listens has not begun in time. */
  readonly reason: "gone" | "silent";

  constructor(processId: string, reason: "gone" | "silent") {
    super(`process ${processId} is ${reason}`);
    this.reason = reason;
  }
}

const nonce = z.string().length(22);

/** What processes say to one another. */
export const callShape = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("call"),
    method: z.string().max(64),
    args: z.unknown(),
    /** By the clock that processes share, in ms. */
    until: z.number().int(),
  }),
  z.strictObject({ kind: z.literal("begun"), call: nonce }),
  z.strictObject({ kind: z.literal("done"), call: nonce, answer: z.unknown() }),
  z.strictObject({ kind: z.literal("failed"), call: nonce, failure: failureShape }),
]);
export type CallBody = z.output<typeof callShape>;
type Answer = Exclude<CallBody, { kind: "call" }>;

/** Whoever has not begun by then does not begin any more. */
export const BEGIN_MS_MAX = 1000;
/** The answer of somebody who began at the last moment is on its way, and clocks differ a little. */
const GRACE_MS = 250;
/** A slow `onCreate` has this long. */
const DONE_MS_MAX = 10_000;
const RETRY_SECONDS = 2;

interface Waiting {
  readonly processId: string;
  cancel: () => void;
  resolve(answer: unknown): void;
  reject(failure: unknown): void;
}

/** Calls whose answer is waited for, by the nonce that they were sent with. */
export function createAnswers(clock: Pick<Clock, "after">) {
  const waiting = new Map<string, Waiting>();
  const take = (call: string): Waiting | undefined => {
    const asked = waiting.get(call);
    asked?.cancel();
    waiting.delete(call);
    return asked;
  };
  const fail = (call: string, failure: unknown) => take(call)?.reject(failure);
  return {
    fail,
    /** Settles with the answer. Fails with ProcessAwayError when nobody begins, with UNAVAILABLE when it takes too long. */
    wait(call: string, processId: string): Promise<unknown> {
      return new Promise((resolve, reject) => {
        const giveUp = () => fail(call, new ProcessAwayError(processId, "silent"));
        const cancel = clock.after(BEGIN_MS_MAX + GRACE_MS, giveUp);
        waiting.set(call, { processId, cancel, resolve, reject });
      });
    },
    /** Says whether anybody waits for this, from whom it comes. */
    take(answer: Answer, from: string): boolean {
      const { call } = answer;
      const asked = waiting.get(call);
      if (asked?.processId !== from) return false;
      if (answer.kind === "begun") {
        asked.cancel();
        asked.cancel = clock.after(DONE_MS_MAX, () => fail(call, tooLate()));
      } else if (answer.kind === "done") take(call)?.resolve(answer.answer);
      else fail(call, thrownOf(answer.failure as Failure));
      return true;
    },
    close() {
      for (const call of [...waiting.keys()]) fail(call, new AppError("UNAVAILABLE"));
    },
  };
}

function tooLate(): AppError {
  return new AppError("UNAVAILABLE", { reason: "process", retryAfterSeconds: RETRY_SECONDS });
}
