import type { OwnProcesses, ProcessRecord } from "../../cluster/processes/processes.ts";
import { REGION } from "./wishes.ts";

interface Written {
  readonly record: ProcessRecord;
  readonly writtenMs: number;
}

/** What the processes say of themselves once a second: see cluster/processes/redis-processes.ts. It is there for all at once. */
export type Board = Map<string, Written>;

export const SAY_MS = 1000;
const LEASE_MS = 8000;
const PLAYERS_MAX = 60;

export function write(
  board: Board,
  processId: string,
  { players, rooms, nowMs }: Record<"players" | "rooms" | "nowMs", number>,
): void {
  const load = { players, playersMax: PLAYERS_MAX, rooms, loop: 0.1, memory: 0.1 };
  const record: ProcessRecord = { processId, relay: "", region: REGION, role: "all", isDraining: false, load };
  board.set(processId, { record, writtenMs: nowMs });
}

/** The board as one of them reads it. */
export function readBoard(board: Board, self: string, nowMs: () => number): OwnProcesses {
  const read = () => [...board.values()].filter(({ writtenMs }) => nowMs() - writtenMs < LEASE_MS);
  return {
    self,
    all: () => read().map(({ record }) => record),
    find: (processId) => read().find(({ record }) => record.processId === processId)?.record ?? null,
    sharedMs: nowMs,
    writtenMs: (processId) => board.get(processId)?.writtenMs ?? Number.NEGATIVE_INFINITY,
    start: async () => {},
    stop: async () => {},
    drain: async () => {},
    lost() {},
  };
}
