import type { BotPlan, BotWorld } from "./bot.ts";

/** The time from a bot's arrival to its leaving. Whatever waits in it ends with it. */
export interface Stay {
  readonly isOver: boolean;
  /** Fulfilled when the bot has to leave, as planned or because the run ends early. */
  readonly over: Promise<void>;
  /** Waits until this moment of the run, and says whether the bot is still to play then. */
  until(momentMs: number): Promise<boolean>;
  /** Runs `task` at this moment of the run; not at all if the bot has to leave before. */
  at(momentMs: number, task: () => void): void;
  /** Ends it now and clears all of its timers. May be called twice. */
  end(): void;
}

type Times = Pick<BotPlan, "leaveMs">;
type Run = Pick<BotWorld, "nowMs" | "signal">;

/** A timer's longest delay, which is that of a signed number of 32 bits. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export function createStay({ leaveMs }: Times, { nowMs, signal }: Run): Stay {
  const timers = new Set<NodeJS.Timeout>();
  const waiting = new Set<() => void>();
  let isOver = false;
  let onOver = () => {};
  const over = new Promise<void>((resolve) => {
    onOver = resolve;
  });
  const end = () => {
    if (isOver) return;
    isOver = true;
    signal.removeEventListener("abort", end);
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    onOver();
    for (const wake of waiting) wake();
  };
  const at = (momentMs: number, task: () => void) => {
    if (isOver) return;
    const run = () => {
      timers.delete(timer);
      task();
    };
    const timer = setTimeout(run, Math.min(DELAY_MS_MAX, Math.max(0, momentMs - nowMs())));
    timers.add(timer);
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end);
  at(leaveMs, end);
  return {
    get isOver() {
      return isOver;
    },
    over,
    at,
    end,
    async until(momentMs) {
      await new Promise<void>((resolve) => {
        if (isOver) return resolve();
        waiting.add(resolve);
        at(momentMs, () => {
          waiting.delete(resolve);
          resolve();
        });
      });
      return !isOver;
    },
  };
}
