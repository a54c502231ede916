import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { HopSeal } from "./hop.ts";
import type { Trunk } from "./trunk.ts";
import { type Dialled, dialTrunk } from "./trunk-dial.ts";

/** The trunks from this process to others, each made when it is needed. */
export interface Trunks {
  /** The trunk to a process, by the `host:port` of its relay listener. All who ask while it is made wait for the same. */
  to(relay: string): Promise<Dialled>;
  /** Breaks them all, and makes none any more. */
  stop(): void;
}

interface TrunksParts {
  readonly seal: HopSeal;
  readonly clock: Pick<Clock, "after" | "every">;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "relayTrunks">;
}

interface Entry {
  trunk: Trunk | null;
  dialled: Promise<Dialled>;
}

export function createTrunks(parts: TrunksParts): Trunks {
  const entries = new Map<string, Entry>();
  const open = new Set<Trunk>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const { metrics } = parts;

  const forget = (relay: string, entry: Entry) => {
    if (entries.get(relay) === entry) entries.delete(relay);
  };

  const dial = (relay: string): Entry => {
    const onOver = () => {
      if (entry.trunk !== null) open.delete(entry.trunk);
      metrics.relayTrunks.set(open.size);
      forget(relay, entry);
    };
    const dialling = async () => {
      const dialled = await dialTrunk({ ...parts, relay, signal, onOver });
      // What came of it holds for those who have waited for it, and for nobody else.
      if (typeof dialled === "string" || dialled.isOver) forget(relay, entry);
      if (typeof dialled === "string") return dialled;
      entry.trunk = dialled;
      if (signal.aborted) dialled.break("stop");
      else if (!dialled.isOver) open.add(dialled);
      metrics.relayTrunks.set(open.size);
      return dialled;
    };
    const entry: Entry = { trunk: null, dialled: dialling() };
    entries.set(relay, entry);
    return entry;
  };

  return {
    async to(relay) {
      if (signal.aborted) return "silent";
      const known = entries.get(relay);
      // One that has grown silent may have been left behind by a link that is well again: it is given its time, and nobody new.
      const isFit = known !== undefined && known.trunk?.isDoubtful !== true;
      return (isFit ? known : dial(relay)).dialled;
    },
    stop() {
      stopping.abort();
      for (const trunk of open) trunk.break("stop");
    },
  };
}
