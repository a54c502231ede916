import { totalmem } from "node:os";
import { type EventLoopUtilization, performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";

export interface LoadFigures {
  /** Shares, 0 to 1. */
  readonly loop: number;
  readonly memory: number;
}

/** What was worst of late. */
export interface Peak {
  add(value: number): void;
  /** 0 where there was nothing. */
  worst(): number;
}

const PEAK_MS = 15_000;

/** Two windows, one of which is being filled: the worst of the last half minute at most, of a quarter at least. */
export function createPeak(clock: Pick<Clock, "monotonicMs">): Peak {
  let [before, now, fromMs] = [0, 0, clock.monotonicMs()];
  const turn = () => {
    const passed = Math.floor((clock.monotonicMs() - fromMs) / PEAK_MS);
    if (passed <= 0) return;
    [before, now, fromMs] = [passed === 1 ? now : 0, 0, fromMs + passed * PEAK_MS];
  };
  return {
    add(value) {
      turn();
      now = Math.max(now, value);
    },
    worst() {
      turn();
      return Math.max(before, now);
    },
  };
}

const SAMPLE_MS = 1000;

/** How busy this process is, sampled each second; what is a second old counts half, so that one burst tips nothing. */
export function sampleLoad({ clock, metrics }: { clock: Clock; metrics: Pick<Metrics, "loopShare" | "memoryShare"> }) {
  let figures: LoadFigures = { loop: 0, memory: memoryShare() };
  let since: EventLoopUtilization = performance.eventLoopUtilization();
  const late = createPeak(clock);
  let sampledMs = clock.monotonicMs();
  const stop = clock.every(SAMPLE_MS, () => {
    late.add(Math.max(0, clock.monotonicMs() - sampledMs - SAMPLE_MS) / 1000);
    sampledMs = clock.monotonicMs();
    const { utilization } = performance.eventLoopUtilization(since);
    since = performance.eventLoopUtilization();
    figures = { loop: share((figures.loop + utilization) / 2), memory: memoryShare() };
    metrics.loopShare.set(figures.loop);
    metrics.memoryShare.set(figures.memory);
  });
  return { now: () => figures, lateSeconds: late.worst, stop };
}

/** Of what the machine or the container gives, and of what V8 allows itself: whichever ends first. */
function memoryShare(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  const given = process.constrainedMemory();
  const most = given > 0 ? Math.min(given, totalmem()) : totalmem();
  return share(Math.max(used / limit, process.memoryUsage.rss() / most));
}

function share(value: number): number {
  return Math.min(1, Math.max(0, Number.isFinite(value) ? value : 0));
}
