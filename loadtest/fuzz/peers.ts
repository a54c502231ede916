import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Dialled } from "./peers-process.ts";

/** What honest players lived through: calm, or an attack. What comes in between counts for neither. */
export type Phase = "calm" | "attack" | "between";

/** How long one group of honest players waited for a patch. */
export interface Gaps {
  readonly group: string;
  readonly patches: number;
  readonly msP50: number;
  readonly msP99: number;
  readonly msMax: number;
}

export interface PeerReport {
  readonly calm: readonly Gaps[];
  readonly attack: readonly Gaps[];
  /** Honest players whose connection ended, with its close code. */
  readonly closed: readonly string[];
}

/**
 * Honest players in a process of their own: what the attackers' process is busy with must not count as a gap. Each holds
 * the seat that it is given, plays, and hears when patches come.
 */
export class Peers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(port: number, seats: readonly Dialled[]): Promise<Peers> {
    const child = fork(join(import.meta.dirname, "peers-process.ts"), {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      detached: true,
    });
    const peers = new Peers(child);
    await peers.#ask({ port, seats });
    return peers;
  }

  /** From now on gaps count as this phase's. */
  enter(phase: Phase): Promise<void> {
    return this.#ask({ phase });
  }

  report(): Promise<PeerReport> {
    return this.#ask({ report: true });
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #ask<T>(question: object): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error("the process of the honest players has ended"));
      this.#child.once("exit", onExit);
      this.#child.once("message", (answer) => {
        this.#child.off("exit", onExit);
        resolve(answer as T);
      });
      this.#child.send(question);
    });
  }
}
