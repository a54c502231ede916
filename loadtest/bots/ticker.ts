export interface Rhythm {
  readonly periodMs: number;
  /** The period's parts of equal length, from 1. */
  readonly phases: number;
}

/** Many that do something once in a period, spread over its phases and driven by one timer. */
export interface Ticker {
  /** Puts one more into the emptiest phase, until the returned function is called. */
  add(run: () => void): () => void;
}

const tickers = new Map<string, Ticker>();

/** The ticker of this rhythm, one for the whole process. Its timer runs while there is somebody to call. */
export function tickerOf(rhythm: Rhythm): Ticker {
  const name = `${rhythm.periodMs}/${rhythm.phases}`;
  const ticker = tickers.get(name) ?? createTicker(rhythm);
  tickers.set(name, ticker);
  return ticker;
}

/**
 * Calls `run` with 0, 1, … in turn, each at its due time: a late timer is made up for, so the rate holds. Returns a
 * function that ends it.
 */
export function everyPhase({ periodMs, phases }: Rhythm, run: (phase: number) => void): () => void {
  const phaseMs = periodMs / phases;
  const startedMs = performance.now();
  let done = 0;
  const timer = setInterval(
    () => {
      const due = Math.floor((performance.now() - startedMs) / phaseMs);
      // After a stall of more than a period the rest is left out: a real player's frames are not sent twice either.
      done = Math.max(done, due - phases);
      for (; done < due; done++) run(done % phases);
    },
    Math.max(1, Math.floor(phaseMs)),
  );
  return () => clearInterval(timer);
}

function createTicker(rhythm: Rhythm): Ticker {
  const members: Set<() => void>[] = Array.from({ length: rhythm.phases }, () => new Set());
  let count = 0;
  let stop = () => {};
  const callAll = (phase: number) => {
    for (const member of members[phase] ?? []) member();
  };
  return {
    add(run) {
      const phase = members.reduce((least, other) => (other.size < least.size ? other : least));
      // A function of its own, so that the same one may be added twice.
      const call = () => run();
      phase.add(call);
      if (count++ === 0) stop = everyPhase(rhythm, callAll);
      return () => {
        if (phase.delete(call) && --count === 0) stop();
      };
    },
  };
}
