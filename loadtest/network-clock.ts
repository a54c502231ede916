/** The time a network lives by. The platform's Clock fits; a test may give one that runs faster. */
export interface NetworkClock {
  /** Milliseconds from an arbitrary origin, never stepping back. */
  monotonicMs(): number;
  /**
   * Runs `task` once after `delayMs`, which need not be whole, and never before. Returns a function that cancels it.
   * `isExact` asks for it within tenths of a millisecond, where a timer may be one late; a clock may ignore that.
   */
  after(delayMs: number, task: () => void, isExact?: boolean): () => void;
}

interface Alarm {
  readonly dueMs: number;
  /** Null once it has run or is cancelled. */
  task: (() => void) | null;
}

const timerMsMax = 2 ** 31 - 1;
/** From here on an exact alarm is waited for by turning the loop, because Node's timers know whole milliseconds only. */
const spinMs = 1.1;
/** The part of a thread that may be spent on turning. A crowd that asks for more is served by timers, up to 1 ms late. */
const spinShare = 0.2;
const spinCreditMsMax = 100;
const turnMsMax = 0.1;

/**
 * Real time. Every network of a thread waits for the same one timer of Node's, set for whatever is due first: what is due in
 * the same millisecond on hundreds of lines is delivered in one go.
 */
export function createNetworkClock(): NetworkClock {
  const clock = new SharedTimer();
  return {
    monotonicMs: () => performance.now(),
    after: (delayMs, task, isExact = false) => clock.add(delayMs, task, isExact),
  };
}

class SharedTimer {
  /** Binary heaps by `dueMs`; apart, so that an exact alarm does not wait for a timer that was set for another. */
  readonly #exact = new AlarmHeap();
  readonly #coarse = new AlarmHeap();
  #timer: NodeJS.Timeout | null = null;
  #turn: NodeJS.Immediate | null = null;
  #isRunning = false;
  #spinCreditMs = spinCreditMsMax;
  #creditedMs = performance.now();
  readonly #run = () => this.#runDue();

  add(delayMs: number, task: () => void, isExact: boolean): () => void {
    const heap = isExact ? this.#exact : this.#coarse;
    const alarm: Alarm = { dueMs: performance.now() + delayMs, task };
    heap.push(alarm);
    if (!this.#isRunning && heap.first() === alarm) this.#set();
    return () => {
      if (heap.cancel(alarm) && !this.#isRunning) this.#set();
    };
  }

  #runDue(): void {
    this.#isRunning = true;
    for (const heap of [this.#exact, this.#coarse]) {
      let head = heap.first();
      while (head !== undefined && head.dueMs <= performance.now()) {
        const { task } = head;
        heap.pop();
        // So that to cancel it now is to do nothing.
        head.task = null;
        task?.();
        head = heap.first();
      }
    }
    this.#isRunning = false;
    this.#set();
  }

  #set(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#timer = null;
    const nowMs = performance.now();
    const maySpin = this.#maySpin(nowMs);
    this.#turn = null;
    const exactMs = (this.#exact.first()?.dueMs ?? Number.POSITIVE_INFINITY) - nowMs;
    const coarseMs = (this.#coarse.first()?.dueMs ?? Number.POSITIVE_INFINITY) - nowMs;
    if (maySpin && exactMs < spinMs) {
      this.#turn = setImmediate(this.#run);
      return;
    }
    // Rounded up, because a timer that fires early only has to be set again; but down where turning does the rest.
    const wholeMs = Math.min(maySpin ? Math.floor(exactMs) : Math.ceil(exactMs), Math.ceil(coarseMs));
    if (wholeMs < Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(this.#run, Math.min(Math.max(wholeMs, 0), timerMsMax));
  }

  /** Credit grows with time and is spent by turning, which is known by the turn that was pending until now. */
  #maySpin(nowMs: number): boolean {
    const passedMs = nowMs - this.#creditedMs;
    this.#creditedMs = nowMs;
    // In a turn that takes longer, it was others who had the processor.
    const spentMs = this.#turn === null ? 0 : Math.min(passedMs, turnMsMax);
    this.#spinCreditMs = Math.min(this.#spinCreditMs + passedMs * spinShare - spentMs, spinCreditMsMax);
    return this.#spinCreditMs > 0;
  }
}

class AlarmHeap {
  #alarms: Alarm[] = [];
  /** Those that are not cancelled. */
  #pending = 0;

  first(): Alarm | undefined {
    return this.#alarms[0];
  }

  push(alarm: Alarm): void {
    this.#pending += 1;
    const alarms = this.#alarms;
    let index = alarms.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = alarms[parentIndex];
      if (parent === undefined || parent.dueMs <= alarm.dueMs) break;
      alarms[index] = parent;
      index = parentIndex;
    }
    alarms[index] = alarm;
  }

  /** Takes the first away. */
  pop(): void {
    const alarms = this.#alarms;
    if (alarms[0]?.task !== null) this.#pending -= 1;
    const last = alarms.pop();
    if (last === undefined || alarms.length === 0) return;
    let index = 0;
    for (;;) {
      const left = alarms[2 * index + 1];
      const right = alarms[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && right.dueMs < left.dueMs;
      const child = isRight ? right : left;
      if (child.dueMs >= last.dueMs) break;
      alarms[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    alarms[index] = last;
  }

  /** True if the first may be another now. A cancelled alarm stays until that would keep the process alive or the memory full. */
  cancel(alarm: Alarm): boolean {
    if (alarm.task === null) return false;
    alarm.task = null;
    this.#pending -= 1;
    if (this.#pending > 0 && this.#alarms.length < 2 * this.#pending + 100) return false;
    this.#alarms = this.#alarms.filter(({ task }) => task !== null).sort((a, b) => a.dueMs - b.dueMs);
    return true;
  }
}
