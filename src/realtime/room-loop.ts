import type { Clock } from "../platform/clock.ts";
import type { InputQueue } from "./engine.ts";
import { InputAllowance, type InputFrame, type Inputs } from "./inputs.ts";
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
  readonly onSkipped: (steps: number) => void;
  /** Tells of an input whose view time lies outside the rewind window. */
  readonly onStampClamped: () => void;
}

/**
 * The heartbeat of one room: steps at a fixed rate, each with the inputs that its players have earned, and a patch every
 * `patchEvery` steps, phase-locked. Room time is what clients and lag compensation count in: the tick in milliseconds,
 * plus the time that was skipped, so that it keeps pace with the players' clocks after a hitch.
 */
export class RoomLoop<Input extends object> {
  readonly #parts: LoopParts<Input>;
  readonly #stepMs: number;
  readonly #seats = new Map<number, { queue: () => InputQueue; allowance: InputAllowance<Input> }>();
  readonly #frames = new Map<number, readonly InputFrame<Input>[]>();
  readonly #inputs: Inputs<Input> = { of: (slot) => this.#frames.get(slot) ?? [] };
  #skippedMs = 0;
  #tick: Tick | undefined;

  constructor(parts: LoopParts<Input>) {
    this.#parts = parts;
    this.#stepMs = 1000 / parts.tickHz;
  }

  start(): void {
    const { clock, contain, patch, patchEvery, tickNow, onSkipped } = this.#parts;
    this.#tick = startTick({
      clock,
      stepMs: this.#stepMs,
      step: (behind) =>
        contain(() => {
          this.step();
          // When steps are caught up on, only the last patch of the waking is sent: the earlier ones are stale already.
          if (tickNow() % patchEvery === 0 && behind < patchEvery) patch();
        }),
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
  seat(slot: number, queue: () => InputQueue): void {
    const { idleInput, onStampClamped } = this.#parts;
    const view = { ticks: Math.ceil(MAX_REWIND_MS / this.#stepMs), onOutside: onStampClamped };
    this.#seats.set(slot, { queue, allowance: new InputAllowance(idleInput, view) });
  }

  unseat(slot: number): void {
    this.#seats.delete(slot);
    this.#frames.delete(slot);
  }

  /** Room time in ms at which `tick` was reached, by default the present one. */
  roomTimeMs(tick: number = this.#parts.tickNow()): number {
    return tick * this.#stepMs + this.#skippedMs;
  }

  /** One step. The tick calls it in time; whoever closes a room may call it once more. */
  step(): void {
    const tickNow = this.#parts.tickNow();
    const toTick = (roomTimeMs: number) => Math.round((roomTimeMs - this.#skippedMs) / this.#stepMs);
    for (const [slot, { queue, allowance }] of this.#seats) {
      this.#frames.set(slot, allowance.take(queue(), tickNow, toTick));
    }
    this.#parts.step(this.#inputs);
  }
}
