import { decodeFromCompressedBase64, encodeIntoCompressedBase64 } from "hdr-histogram-js";
import { emptyHistogram, Tally, type Window } from "./recorder.ts";

/** What one worker, or one machine, saw in one second, and how well it kept up itself. */
export interface Report {
  /** The second, from 1: the window ends `at` seconds after the run's beginning. */
  readonly at: number;
  readonly window: Window;
  /** Of one core, of the busiest worker. */
  readonly cpu: number;
  /** How late its timers were: a histogram as in a window. */
  readonly late: string;
  /** Part of the machine's time that its host gave to others, from 0 to 1. Null where nobody knows. */
  readonly steal: number | null;
}

/** Somebody who plays a share of the plan: the processes of this machine, or an agent on another machine. */
export interface Crew {
  /** Begins the run so many ms from now. */
  start(inMs: number): void;
  /** Everyone leaves at once. */
  abort(): void;
  /** Fulfilled when all bots have left, or the crew is lost. */
  readonly done: Promise<void>;
  /** Ends what is left of it. */
  end(): Promise<void>;
}

export interface CrewListener {
  onReport(report: Report): void;
  /** Part of the crew is gone: its bots stopped. */
  onLost(words: string): void;
}

/** Puts together what several report of the same second, as soon as all who are still there have. */
export class Muster {
  readonly #members: Set<string>;
  readonly #onSecond: (report: Report) => void;
  readonly #waiting = new Map<number, { from: Set<string>; reports: Report[] }>();

  constructor(members: Iterable<string>, onSecond: (report: Report) => void) {
    this.#members = new Set(members);
    this.#onSecond = onSecond;
  }

  add(member: string, report: Report): void {
    const second = this.#waiting.get(report.at) ?? { from: new Set(), reports: [] };
    second.from.add(member);
    second.reports.push(report);
    this.#waiting.set(report.at, second);
    this.#settle();
  }

  /** Nobody waits for this one any more. */
  remove(member: string): void {
    this.#members.delete(member);
    this.#settle();
  }

  #settle(): void {
    for (const [at, { from, reports }] of [...this.#waiting].sort(([one], [other]) => one - other)) {
      for (const member of this.#members) if (!from.has(member)) return;
      this.#waiting.delete(at);
      this.#onSecond(mergeReports(at, reports));
    }
  }
}

function mergeReports(at: number, reports: readonly Report[]): Report {
  const tally = new Tally();
  const late = emptyHistogram();
  for (const report of reports) {
    tally.add(report.window);
    late.add(decodeFromCompressedBase64(report.late, 32, false));
  }
  const steals = reports.flatMap(({ steal }) => steal ?? []);
  return {
    at,
    window: tally.window(),
    cpu: Math.max(...reports.map(({ cpu }) => cpu)),
    late: encodeIntoCompressedBase64(late),
    steal: steals.length === 0 ? null : Math.max(...steals),
  };
}
