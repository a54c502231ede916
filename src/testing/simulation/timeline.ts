interface Entry {
  readonly dueMs: number;
  /** Of events that are due at once, the first that was entered comes first. */
  readonly order: number;
  readonly task: () => void;
}

/** Time that moves only from one event to the next. All that a task sets going in memory is done before the next one. */
export class Timeline {
  nowMs = 0;
  #orders = 0;
  readonly #heap: Entry[] = [];

  /** Runs the task after so long. Returns a function that cancels it. */
  after(delayMs: number, task: () => void): () => void {
    let isCancelled = false;
    const run = () => {
      if (!isCancelled) task();
    };
    this.#push({ dueMs: this.nowMs + Math.max(0, delayMs), order: this.#orders++, task: run });
    return () => {
      isCancelled = true;
    };
  }

  async runFor(durationMs: number): Promise<void> {
    const untilMs = this.nowMs + durationMs;
    await settled();
    for (let next = this.#heap[0]; next !== undefined && next.dueMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      this.nowMs = next.dueMs;
      next.task();
      await settled();
    }
    this.nowMs = untilMs;
  }

  /** Runs until the work is done, however long that takes on this clock: at most `longestMs`. */
  async runUntil<T>(work: Promise<T>, longestMs: number): Promise<T> {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    work.then(done, done);
    for (let waitedMs = 0; !isDone && waitedMs < longestMs; waitedMs += 20) await this.runFor(20);
    if (!isDone) throw new Error(`not done after ${longestMs} ms`);
    return work;
  }

  #push(event: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Entry;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      const other = heap[below + 1];
      if (other !== undefined && isBefore(other, heap[below] as Entry)) below += 1;
      const child = heap[below] as Entry;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}

/** Promises go on until none can: the loop's own turn, which comes after all of them and takes no time of this clock. */
function settled(): Promise<void> {
  return new Promise((settle) => setImmediate(settle));
}
