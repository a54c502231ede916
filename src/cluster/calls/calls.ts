import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Random } from "../../platform/random.ts";
import type { Redis } from "../../platform/redis.ts";
import { BEGIN_MS_MAX, type CallBody, callShape, createAnswers, ProcessAwayError } from "./call-answers.ts";
import { failureOf, isCoded } from "./call-failures.ts";
import { createSignedMessages, type SignedMessage } from "./signed-messages.ts";

/** What other processes may ask of this one. Whatever is not in it is refused. */
export type CallHandlers = Readonly<Record<string, (args: never) => Promise<unknown>>>;

/** Calls from process to process: signed, each carried out once or not at all, and within its time. */
export interface Calls {
  /**
   * Asks another process. What it throws comes back with its code. Fails with ProcessAwayError when it is certain that
   * nothing was done and nothing will be; with UNAVAILABLE when it began and has not ended within ten seconds; with
   * REDIS_UNAVAILABLE at once when Redis is away.
   */
  ask(processId: string, method: string, args: unknown): Promise<unknown>;
  /** From now on this process answers. Until Redis is there, nobody reaches it. */
  start(): void;
  stop(): void;
}

interface CallParts {
  readonly redis: Redis;
  readonly secret: string;
  readonly clock: Clock;
  /** The clock that processes share, in ms. */
  readonly sharedMs: () => number;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "callsRefused" | "callSeconds">;
  readonly self: () => string;
  readonly handlers: CallHandlers;
}

type Call = Extract<CallBody, { kind: "call" }>;

/** The channel on which a process hears the others. It is gone when nobody listens to it any more. */
export function processChannel(redis: Pick<Redis, "key">, processId: string): string {
  return redis.key(`p:${processId}`);
}

export function createCalls(parts: CallParts): Calls {
  const { redis, clock, log, metrics, self, sharedMs } = parts;
  const messages = createSignedMessages({ ...parts, monotonicMs: clock.monotonicMs });
  const answers = createAnswers(clock);
  const subscriber = redis.subscriber();
  const refuse = (reason: string) => metrics.callsRefused.inc({ reason });
  /** How many heard it, and the name that the answer will have. */
  const say = (processId: string, body: CallBody) => {
    const to = processChannel(redis, processId);
    const { text, nonce } = messages.write({ to, from: self(), body });
    return { nonce, heard: redis.call((client) => client.publish(to, text)) };
  };
  // Whoever waits for an answer in vain finds out by itself.
  const reply = (processId: string, body: CallBody) => say(processId, body).heard.catch(() => {});

  async function carryOut({ from, nonce }: SignedMessage, call: Call): Promise<void> {
    const handler = Object.hasOwn(parts.handlers, call.method) ? parts.handlers[call.method] : undefined;
    if (handler === undefined) return refuse("method");
    if (sharedMs() > call.until) return refuse("late");
    void reply(from, { kind: "begun", call: nonce });
    try {
      const answer = await handler(call.args as never);
      void reply(from, { kind: "done", call: nonce, answer: answer === undefined ? null : answer });
    } catch (thrown) {
      if (!isCoded(thrown)) log.error({ err: thrown, method: call.method }, "calls.failed");
      void reply(from, { kind: "failed", call: nonce, failure: failureOf(thrown) });
    }
  }

  function hear(text: string): void {
    const message = messages.read(text, processChannel(redis, self()));
    if (typeof message === "string") {
      refuse(message);
      return;
    }
    const { success, data: body } = callShape.safeParse(message.body);
    if (!success) refuse("malformed");
    else if (body.kind === "call") void carryOut(message, body);
    else if (!answers.take(body, message.from)) refuse("unasked");
  }

  function ask(processId: string, method: string, args: unknown): Promise<unknown> {
    const until = Math.round(sharedMs()) + BEGIN_MS_MAX;
    const { nonce, heard } = say(processId, { kind: "call", method, args: args ?? null, until });
    const answer = answers.wait(nonce, processId);
    heard.then(
      (count) => count === 0 && answers.fail(nonce, new ProcessAwayError(processId, "gone")),
      // It may have been heard, but nobody here would hear the answer.
      (failure: unknown) => answers.fail(nonce, failure),
    );
    return answer;
  }

  let endListening = () => {};
  return {
    async ask(processId, method, args) {
      const startedMs = clock.monotonicMs();
      const count = (outcome: string) =>
        metrics.callSeconds.observe({ method, outcome }, (clock.monotonicMs() - startedMs) / 1000);
      try {
        const answer = await ask(processId, method, args);
        count("done");
        return answer;
      } catch (thrown) {
        count(outcomeOf(thrown));
        throw thrown;
      }
    },
    start() {
      endListening = subscriber.subscribe(processChannel(redis, self()), hear);
    },
    stop() {
      endListening();
      subscriber.close();
      answers.close();
    },
  };
}

function outcomeOf(thrown: unknown): string {
  if (thrown instanceof ProcessAwayError) return thrown.reason;
  return thrown instanceof AppError && thrown.status === 503 ? "unavailable" : "failed";
}
