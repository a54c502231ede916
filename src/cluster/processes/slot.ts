import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { ChildPorts } from "./child-messages.ts";
import type { Child, Ending } from "./child-process.ts";

export type SlotState = "starting" | "ready" | "stopping" | "stopped" | "waiting" | "given up";

/** What is known of a place among the processes. */
export interface SlotStatus {
  readonly process: number;
  readonly state: SlotState;
  readonly pid: number | null;
  readonly metricsPort: number | null;
  /** How often its process had to be started again because it had died. */
  readonly deaths: number;
}

interface SlotParts {
  readonly number: number;
  readonly launch: () => Child;
  /** It serves: sends players there, until what is returned is called. */
  readonly onServes: (child: Child) => () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a process may take to leave once it has been told to. */
  readonly leaveMs: number;
  /** The process has died too often, or its settings are wrong: it is not started again. */
  readonly onGivenUp: (ending: Ending) => void;
}

/** So many deaths within a minute are no accident. */
const DEATHS_MAX = 5;
const DEATHS_WITHIN_MS = 60_000;
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 10_000;
/** From BSD's sysexits: the configuration is wrong, so another try would fail alike. */
const EXIT_CONFIG = 78;

/** A place among the processes of one machine: there is one process in it, and when that dies, another. */
export class Slot {
  readonly #parts: SlotParts;
  #child: Child | null = null;
  #ports: ChildPorts | null = null;
  #state: SlotState = "stopped";
  #deaths = 0;
  #recentDeathsMs: readonly number[] = [];
  #cancelRestart = () => {};
  #sendNobody = () => {};

  constructor(parts: SlotParts) {
    this.#parts = parts;
  }

  get status(): SlotStatus {
    const metricsPort = this.#ports?.metricsPort ?? null;
    const process = this.#parts.number;
    return { process, state: this.#state, pid: this.#child?.pid ?? null, metricsPort, deaths: this.#deaths };
  }

  /** Returns where the process serves, or null when it has ended before it did. */
  async start(): Promise<ChildPorts | null> {
    const { number, log } = this.#parts;
    const child = this.#parts.launch();
    this.#child = child;
    this.#state = "starting";
    void child.ended.then((ending) => this.#hasEnded(child, ending));
    this.#ports = await child.ready;
    if (this.#ports === null) return null;
    if (this.#state === "starting") {
      this.#state = "ready";
      this.#sendNobody = this.#parts.onServes(child);
      void child.leaving.then(this.#sendNobody);
    }
    log.info({ process: number, pid: child.pid, ...this.#ports }, "process.ready");
    return this.#ports;
  }

  /** Lets matches end; returns when the process has. One that takes too long is killed. */
  async stop(): Promise<void> {
    this.#cancelRestart();
    const child = this.#child;
    const isRunning = this.#state === "starting" || this.#state === "ready" || this.#state === "stopping";
    this.#state = isRunning ? "stopping" : "stopped";
    if (child === null || !isRunning) return;
    this.#sendNobody();
    child.stop();
    const cancel = this.#parts.clock.after(this.#parts.leaveMs, child.kill);
    await child.ended;
    cancel();
    this.#state = "stopped";
  }

  /** Puts a fresh process in this place. Says whether it came to serve. */
  async roll(): Promise<boolean> {
    await this.stop();
    this.#recentDeathsMs = [];
    return (await this.start()) !== null;
  }

  /** Returns when the process has ended. */
  async kill(): Promise<void> {
    this.#state = "stopping";
    this.#cancelRestart();
    const child = this.#child;
    child?.kill();
    await child?.ended;
  }

  #hasEnded(child: Child, ending: Ending): void {
    if (this.#child === child) this.#child = null;
    if (this.#state === "stopping") return;
    const { clock, log, number } = this.#parts;
    const { code, signal, wasStuck } = ending;
    this.#deaths += 1;
    const nowMs = clock.monotonicMs();
    this.#recentDeathsMs = [...this.#recentDeathsMs, nowMs].filter((atMs) => nowMs - atMs < DEATHS_WITHIN_MS);
    const deaths = this.#recentDeathsMs.length;
    if (code === EXIT_CONFIG || deaths >= DEATHS_MAX) {
      this.#state = "given up";
      log.error({ process: number, code, signal, deaths, lastWords: ending.lastWords }, "process.given_up");
      this.#parts.onGivenUp(ending);
      return;
    }
    const backoffMs = Math.min(BACKOFF_MS_MIN * 2 ** (deaths - 1), BACKOFF_MS_MAX);
    log.error({ process: number, pid: child.pid, code, signal, wasStuck, backoffMs }, "process.died");
    this.#state = "waiting";
    this.#cancelRestart = clock.after(backoffMs, () => void this.start());
  }
}
