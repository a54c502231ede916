import { AppError, type AppErrorShown, type TranslateError } from "../platform/errors.ts";
import type { Metrics } from "../platform/metrics.ts";

/** A room whose step fails this often in a row is beyond help. */
const FAULTY_STEPS_MAX = 10;

interface FaultPorts {
  readonly translate: TranslateError;
  readonly metrics: Metrics;
  readonly room: { readonly roomId: string; readonly roomName: string };
  /** Closes the room with a coded reason. */
  readonly close: () => void;
}

/** Contains a room's exceptions: each is logged with its room and hook, counted, and goes no further. */
export class Faults {
  readonly #ports: FaultPorts;
  #faultySteps = 0;

  constructor(ports: FaultPorts) {
    this.#ports = ports;
  }

  /** Runs a hook and says whether it ran through. */
  contain(hook: string, run: () => void): boolean {
    try {
      run();
      return true;
    } catch (thrown) {
      this.report(hook, thrown);
      return false;
    }
  }

  /** Runs the step. A room that fails at every step would spin for ever, so it is closed after a few in a row. */
  containStep(run: () => void): void {
    this.#faultySteps = this.contain("step", run) ? 0 : this.#faultySteps + 1;
    if (this.#faultySteps === FAULTY_STEPS_MAX) this.#ports.close();
  }

  /** Logs and counts what was thrown, unless it was expected, and gives what may be shown of it. */
  report(hook: string, thrown: unknown): AppErrorShown {
    const { translate, metrics, room } = this.#ports;
    if (!(thrown instanceof AppError)) metrics.roomFaults.inc({ room: room.roomName, hook });
    return translate(thrown, { room: room.roomName, roomId: room.roomId, hook });
  }
}
