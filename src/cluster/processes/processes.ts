/** A process as the others know it. */
export interface ProcessRecord {
  /** The engine's: `matchMaker.processId`. */
  readonly processId: string;
  /** `host:port` of its relay listener, for sockets that arrived elsewhere. */
  readonly relay: string;
  readonly region: string;
  /** `game` runs rooms and answers no players, `api` answers players and runs no rooms. */
  readonly role: "all" | "game" | "api";
  readonly isDraining: boolean;
  readonly load: ProcessLoad;
}

export interface ProcessLoad {
  readonly players: number;
  readonly playersMax: number;
  /** Those that are being made included. */
  readonly rooms: number;
  /** Without a limit where it is absent. */
  readonly roomsMax?: number;
  /** Share of the last second in which the event loop was busy, 0 to 1. */
  readonly loop: number;
  /** Share of the memory that the process may have, 0 to 1. */
  readonly memory: number;
}

/** Who is there, and how loaded. */
export interface Processes {
  readonly self: string;
  /** Of the last second, from memory: never waits. This process is always among them. */
  all(): readonly ProcessRecord[];
  find(processId: string): ProcessRecord | null;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What the processes of a game tell one another, as the process itself uses it. */
export interface OwnProcesses extends Processes {
  /** The clock that processes share, in ms: that of their Redis. */
  sharedMs(): number;
  /** By that clock, when what is known of this process's load was written. */
  writtenMs(processId: string): number;
  /** From now on it takes no rooms; the others hear of it at once. */
  drain(): Promise<void>;
  /** Nobody listens there any more: it is left out until it is heard of again. */
  lost(processId: string): void;
}

/** What this process says of itself, when asked. */
export type DescribeProcess = () => Omit<ProcessRecord, "processId" | "isDraining">;

interface LoneParts {
  readonly self: () => string;
  readonly describe: DescribeProcess;
  readonly nowMs: () => number;
}

/** A process that is alone. */
export function createLoneProcess({ self, describe, nowMs }: LoneParts): OwnProcesses {
  let isDraining = false;
  const record = (): ProcessRecord => ({ ...describe(), processId: self(), isDraining });
  return {
    get self() {
      return self();
    },
    all: () => [record()],
    find: (processId) => (processId === self() ? record() : null),
    sharedMs: nowMs,
    writtenMs: nowMs,
    async drain() {
      isDraining = true;
    },
    lost() {},
    async start() {},
    async stop() {},
  };
}
