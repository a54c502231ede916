import type { Clock } from "../platform/clock.ts";
import { InputAllowance, type InputFrame, type InputQueue, type Inputs } from "./inputs.ts";
import { MAX_REWIND_MS } from "./past.ts";
import { startTick, type Tick } from "./tick.ts";

interface LoopParts<Input> {
  readonly clock: Clock;
  readonly tickHz: number;
  readonly patchEvery: number;
  readonly idleInput: Readonly<Input>;
  /** The tick that the world stands at. */
  readonly tickNow: () => number;
  /** One step of the world. */
  readonly step: (inputs: Inputs<Input>) => void;
  /** Keeps whatever a step or patch throws from ending the loop. */
  readonly contain: (run: () => void) => void;
  /** Sends what changed to the clients. */
  readonly patch: () => void;
  readonly onWoken: (lateMs: number) => void;
  readonly onSkipped: (steps: number) => void;
  /** Tells of an input whose view time lies outside the rewind window. */
  readonly onStampClamped: () => void;
}

interface SeatedInputs<Input extends object> {
  readonly queue: InputQueue<Input>;
  readonly allowance: InputAllowance<Input>;
  /** What is played in this step. */
  frames: readonly InputFrame<Input>[];
}

const NONE: readonly never[] = [];

/**
 * The heartbeat of one room: steps at a fixed rate, each with the inputs that its players have earned, and a patch every
 * `patchEvery` steps, phase-locked. Room time is what clients and lag compensation count in: the tick in milliseconds,
 * plus the time that was skipped, so that it keeps pace with the players' clocks after a hitch.
 */
export class RoomLoop<Input extends object> {
  readonly #parts: LoopParts<Input>;
  readonly #stepMs: number;
  readonly #seats = new Map<number, SeatedInputs<Input>>();
  readonly #inputs: Inputs<Input> = { of: (slot) => this.#seats.get(slot)?.frames ?? NONE };
  readonly #toTick = (roomTimeMs: number) => Math.round((roomTimeMs - this.#skippedMs) / this.#stepMs);
  #skippedMs = 0;
  #tick: Tick | undefined;

  constructor(parts: LoopParts<Input>) {
    this.#parts = parts;
    this.#stepMs = 1000 / parts.tickHz;
  }

  start(): void {
    const { clock, contain, patch, patchEvery, tickNow, onWoken, onSkipped } = this.#parts;
    this.#tick = startTick({
      clock,
      stepMs: this.#stepMs,
      step: (behind) =>
        contain(() => {
          this.step();
          // When steps are caught up on, only the last patch of the waking is sent: the earlier ones are stale already.
          if (tickNow() % patchEvery === 0 && behind < patchEvery) patch();
        }),
      onWoken,
      onSkipped: (steps) => {
        this.#skippedMs += steps * this.#stepMs;
        onSkipped(steps);
      },
    });
  }

  stop(): void {
    this.#tick?.stop();
  }

  /** From now on the player in `slot` plays what waits in the queue. */
  seat(slot: number, queue: InputQueue<Input>): void {
    const { idleInput, onStampClamped } = this.#parts;
    const view = { ticks: Math.ceil(MAX_REWIND_MS / this.#stepMs), onOutside: onStampClamped };
    this.#seats.set(slot, { queue, allowance: new InputAllowance(idleInput, view), frames: NONE });
  }

  unseat(slot: number): void {
    this.#seats.delete(slot);
  }

  /** Room time in ms at which `tick` was reached, by default the present one. */
  roomTimeMs(tick: number = this.#parts.tickNow()): number {
    return tick * this.#stepMs + this.#skippedMs;
  }

  /** One step. The tick calls it in time; whoever closes a room may call it once more. */
  step(): void {
    const tickNow = this.#parts.tickNow();
    for (const seat of this.#seats.values()) seat.frames = seat.allowance.take(seat.queue, tickNow, this.#toTick);
    this.#parts.step(this.#inputs);
  }
}
