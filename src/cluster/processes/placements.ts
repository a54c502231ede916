import { AppError } from "../../platform/errors.ts";
import type { Random } from "../../platform/random.ts";
import { choosePlace } from "./placement.ts";
import type { OwnProcesses, ProcessRecord } from "./processes.ts";

/** A process that was chosen for a room. */
export interface Placement {
  readonly processId: string;
  /** The room is made, or is not going to be: from the process's next record on, it is counted there. */
  done(): void;
  /** The process did not answer: it is left out until it tells of itself again. */
  failed(): void;
}

interface Pending {
  readonly processId: string;
  endedMs: number | null;
  readonly lapsesMs: number;
}

/** Longer than any room takes to be made and told of. */
const PENDING_MS_MAX = 15_000;
const RETRY_SECONDS = 5;
/** Who has not told of itself for so many beats stands still, or cannot be heard: its rooms live on, new ones go elsewhere. */
const SILENT_MS_MAX = 3000;

/** Chooses by live load, and remembers what it has chosen until the processes' own records tell of it. */
export function createPlacements({ processes, random }: { processes: OwnProcesses; random: Random }) {
  const pending = new Set<Pending>();
  const failedMs = new Map<string, number>();
  const answers = ({ processId }: ProcessRecord) => {
    const writtenMs = processes.writtenMs(processId);
    if (writtenMs > (failedMs.get(processId) ?? 0)) failedMs.delete(processId);
    return !failedMs.has(processId) && processes.sharedMs() - writtenMs < SILENT_MS_MAX;
  };
  const prune = () => {
    const nowMs = processes.sharedMs();
    for (const each of pending) {
      const isCounted = each.endedMs !== null && processes.writtenMs(each.processId) > each.endedMs;
      if (isCounted || nowMs > each.lapsesMs) pending.delete(each);
    }
  };
  return {
    /** Fails with UNAVAILABLE and `retryAfterSeconds` when no process of the region has room. */
    place(region: string): Placement {
      prune();
      const counts = new Map<string, number>();
      for (const { processId } of pending) counts.set(processId, (counts.get(processId) ?? 0) + 1);
      const answering = processes.all().filter(answers);
      const processId = choosePlace({
        processes: answering,
        region,
        random,
        pending: (id) => counts.get(id) ?? 0,
      });
      if (processId === null) throw new AppError("UNAVAILABLE", { reason: "full", retryAfterSeconds: RETRY_SECONDS });
      const placed: Pending = { processId, endedMs: null, lapsesMs: processes.sharedMs() + PENDING_MS_MAX };
      pending.add(placed);
      return {
        processId,
        done() {
          placed.endedMs ??= processes.sharedMs();
        },
        failed: () => void failedMs.set(processId, processes.sharedMs()),
      };
    },
  };
}
