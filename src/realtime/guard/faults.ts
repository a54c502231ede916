import type { AccountId } from "../../../schema/ids.ts";
import { AppError, type AppErrorShown, type TranslateError } from "../../platform/errors.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Activity, Errand } from "./activity.ts";
import { labelOf } from "./watchdog.ts";

/** A room whose step fails this often in a row is beyond help. */
const FAULTY_STEPS_MAX = 10;

/**
 * What a room does about an exception of its own: go on, send away the player whose message or join met it, or close
 * with FAULT. Whatever it says, nothing reaches another room, and a step that fails ten times in a row closes the room.
 */
export type FaultPolicy = "continue" | "kick" | "close";

/** On whose behalf a hook ran. */
export interface Offender {
  readonly accountId: AccountId | undefined;
  /** Sends the player away for good. */
  kick(): void;
}

interface FaultPorts {
  readonly translate: TranslateError;
  readonly metrics: Metrics;
  readonly activity: Activity;
  readonly room: { readonly roomId: string; readonly roomName: string; readonly onFault: FaultPolicy };
  /** Closes the room with a coded reason. */
  readonly close: () => void;
}

/** Contains a room's exceptions: each is logged with its room and hook, counted, and goes no further. */
export class Faults {
  readonly #ports: FaultPorts;
  readonly #errands = new Map<string, Errand>();
  #faultySteps = 0;

  constructor(ports: FaultPorts) {
    this.#ports = ports;
  }

  /**
   * Runs a hook in this room's name and gives its outcome, or what `fail` makes of its failure. A promise or timer that
   * it leaves behind still counts as this room's when it fails later.
   */
  attempt(hook: string, run: () => unknown, fail: (thrown: unknown) => unknown): unknown {
    try {
      const outcome = this.#ports.activity.run(this.#errand(hook), run);
      // A hook may be written as an async function without its type saying so.
      return outcome instanceof Promise ? outcome.catch(fail) : outcome;
    } catch (thrown) {
      return fail(thrown);
    }
  }

  /** Runs a hook and says whether it ran through. */
  contain(hook: string, run: () => unknown): boolean {
    let ranThrough = true;
    this.attempt(hook, run, (thrown) => {
      ranThrough = false;
      this.report(hook, thrown);
    });
    return ranThrough;
  }

  /** Runs the step. A room that fails at every step would spin for ever, so it is closed after a few in a row. */
  containStep(run: () => void): void {
    this.#faultySteps = this.contain("step", run) ? 0 : this.#faultySteps + 1;
    if (this.#faultySteps === FAULTY_STEPS_MAX) this.#ports.close();
  }

  /** Logs and counts what was thrown, acts by the room's policy unless it was expected, and gives what may be shown. */
  report(hook: string, thrown: unknown, offender?: Offender): AppErrorShown {
    const { translate, metrics, room, close } = this.#ports;
    if (!(thrown instanceof AppError)) {
      metrics.roomFaults.inc({ room: room.roomName, hook });
      if (room.onFault === "kick") offender?.kick();
      if (room.onFault === "close") close();
    }
    const { roomName, roomId } = room;
    return translate(thrown, { room: roomName, roomId, hook, accountId: offender?.accountId });
  }

  /** Made once per hook, of which a room has few. */
  #errand(hook: string): Errand {
    const known = this.#errands.get(hook);
    if (known !== undefined) return known;
    const { room } = this.#ports;
    const errand = {
      room,
      hook,
      label: labelOf({ room, hook }),
      report: (thrown: unknown) => this.report(hook, thrown),
    };
    this.#errands.set(hook, errand);
    return errand;
  }
}
