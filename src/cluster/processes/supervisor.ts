import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Child, Ending } from "./child-process.ts";
import type { Dealer } from "./dealing.ts";
import { Slot, type SlotStatus } from "./slot.ts";

/** Several processes on one machine that are one server. */
export interface Supervisor {
  readonly port: number;
  status(): readonly SlotStatus[];
  /** Replaces one process after the other by a fresh one, each only when the one before serves. */
  roll(): Promise<void>;
  /** Lets the matches of all of them end. */
  stop(): Promise<void>;
  /** Ends all at once; returns when they have ended. */
  kill(): Promise<void>;
}

interface SupervisorParts {
  readonly count: number;
  readonly dealer: Dealer;
  readonly launch: (number: number) => Child;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a process may take to leave. */
  readonly leaveMs: number;
  /** None of them can be kept alive. */
  readonly onGivenUp: (ending: Ending) => void;
}

/** Starts them, the first one alone: it brings the database up to date and builds the page. */
export async function startSupervisor(parts: SupervisorParts): Promise<Supervisor> {
  const { count, dealer, log, clock, leaveMs } = parts;
  let rolling: Promise<void> | null = null;
  let isStopping = false;
  const onGivenUp = (ending: Ending) => {
    const isOver = slots.every(({ status }) => status.state === "given up" || status.state === "stopped");
    if (isOver && !isStopping) parts.onGivenUp(ending);
  };
  const slots = Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    return new Slot({
      number,
      launch: () => parts.launch(number),
      onServes: dealer.add,
      clock,
      log,
      leaveMs,
      onGivenUp,
    });
  });
  const [first, ...rest] = slots;
  const ports = await first?.start();
  if (ports == null) {
    await first?.kill();
    throw new Error("The first process ended before it served anybody. What it said is above.");
  }
  await Promise.all(rest.map((slot) => slot.start()));

  const rollAll = async () => {
    for (const slot of slots) {
      if (isStopping) return;
      log.info({ process: slot.status.process }, "process.rolling");
      if (!(await slot.roll())) return log.error({ process: slot.status.process }, "process.roll_stopped");
    }
    log.info({ processes: count }, "process.rolled");
  };
  return {
    port: dealer.port,
    status: () => slots.map(({ status }) => status),
    roll() {
      rolling ??= rollAll().finally(() => {
        rolling = null;
      });
      return rolling;
    },
    async stop() {
      isStopping = true;
      await Promise.all(slots.map((slot) => slot.stop()));
    },
    async kill() {
      isStopping = true;
      await Promise.all(slots.map((slot) => slot.kill()));
    },
  };
}
