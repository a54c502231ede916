import type { Socket } from "node:net";
import type { Schedule } from "./network-schedule.ts";

/** The time a network lives by. The platform's Clock fits; a test may give one that runs faster. */
export interface NetworkClock {
  /** Milliseconds from an arbitrary origin, never stepping back. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`. Returns a function that cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** What has gone one way, summed over the connections that share it. */
export interface PipeTally {
  bytesIn: number;
  bytesOut: number;
  bytesWaiting: number;
  bytesWaitingMax: number;
  segments: number;
  segmentsLost: number;
  lateMsMax: number;
}

export interface NetworkPipeOptions {
  source: Socket;
  destination: Socket;
  schedule: Schedule;
  clock: NetworkClock;
  tally: PipeTally;
  /** More waiting bytes than this pause the source. */
  bufferBytesMax: number;
  /** Connects the destination, when an "open" arrives. */
  dial: () => void;
  /** Called once the bytes of `cutAfter` have reached the destination. */
  onCut: () => void;
}

/** What travels: bytes, the end of a handshake, the end of the stream (FIN), a reset (RST). */
type Load = Buffer | "open" | "end" | "reset";

interface Parcel {
  readonly dueMs: number;
  readonly load: Load;
}

/** The payload of an Ethernet frame less the headers of IP and TCP. */
const segmentBytesMax = 1460;
const timerMsMax = 2 ** 31 - 1;

/**
 * One direction of one connection: what the source sends is cut into segments, and each is handed to the destination when its
 * fate says so, never before the one ahead of it. So jitter and loss delay bytes but cannot reorder them, as in TCP.
 */
export class NetworkPipe {
  readonly #options: NetworkPipeOptions;
  /** In the order of sending. Only the first is ever looked at, so one that is late holds back all behind it. */
  readonly #queue: Parcel[] = [];
  #bytesWaiting = 0;
  /** When the link has sent all that it was given: the bandwidth limit. */
  #linkFreeMs = 0;
  #heldUntilMs = 0;
  #cutAfterBytes = Number.POSITIVE_INFINITY;
  /** `deaf` delivers what waits and hears no more from the source; `closed` delivers nothing. */
  #state: "open" | "deaf" | "closed" = "open";
  /** The destination takes no more for now. */
  #blocked = false;
  #cancelTimer: (() => void) | null = null;

  constructor(options: NetworkPipeOptions) {
    this.#options = options;
    const { source, destination } = options;
    source.on("data", (bytes: Buffer) => this.#accept(bytes));
    source.on("end", () => this.finish());
    source.on("close", (hadError: boolean) => {
      if (hadError) this.signal("reset", this.#latencyMs());
    });
    destination.on("drain", () => {
      this.#blocked = false;
      this.#deliver();
    });
    destination.on("close", () => this.close());
  }

  /** Sends something that is not bytes, in its place behind what was sent before. */
  signal(load: "open" | "end" | "reset", delayMs: number): void {
    this.#push(load, this.#options.clock.monotonicMs() + delayMs);
    this.#deliver();
  }

  /** Ends this direction behind what waits. The source may go on; nobody hears it, and nothing of it is kept. */
  finish(): void {
    if (this.#state !== "open") return;
    this.#state = "deaf";
    this.signal("end", this.#latencyMs());
    this.#regulate();
  }

  /** Delivers nothing before that moment; 0 lifts it. */
  hold(untilMs: number): void {
    this.#heldUntilMs = untilMs;
    this.#stopTimer();
    this.#deliver();
  }

  /** Lets exactly `byteCount` (1 or more) further bytes through, then calls `onCut`. */
  cutAfter(byteCount: number): void {
    this.#cutAfterBytes = byteCount;
  }

  /** Forgets what waits and delivers nothing more. */
  close(): void {
    this.#state = "closed";
    this.#stopTimer();
    this.#queue.length = 0;
    this.#options.tally.bytesWaiting -= this.#bytesWaiting;
    this.#bytesWaiting = 0;
    this.#regulate();
  }

  #latencyMs(): number {
    return this.#options.schedule.profile().latencyMs;
  }

  #accept(bytes: Buffer): void {
    if (this.#state !== "open") return;
    const { clock, schedule, tally } = this.#options;
    tally.bytesIn += bytes.length;
    this.#linkFreeMs = Math.max(this.#linkFreeMs, clock.monotonicMs());
    // What was read at once travelled together, so it shares one jitter: were each segment drawn for, a large message would
    // always take the latest of many latencies.
    let latencyMs: number | null = null;
    for (let start = 0; start < bytes.length; start += segmentBytesMax) {
      const segment = bytes.subarray(start, start + segmentBytesMax);
      const fate = schedule.next(segment.length);
      latencyMs ??= fate.latencyMs;
      this.#linkFreeMs += fate.sendMs;
      tally.segments += 1;
      if (fate.stallMs > 0) tally.segmentsLost += 1;
      this.#push(segment, this.#linkFreeMs + latencyMs + fate.stallMs);
    }
    this.#deliver();
  }

  #push(load: Load, dueMs: number): void {
    if (this.#state === "closed") return;
    this.#queue.push({ dueMs, load });
    if (typeof load === "string") return;
    const { tally } = this.#options;
    this.#bytesWaiting += load.length;
    tally.bytesWaiting += load.length;
    tally.bytesWaitingMax = Math.max(tally.bytesWaitingMax, this.#bytesWaiting);
  }

  /** Hands over everything that is due, in one write to the kernel, and sets the timer for the rest. */
  #deliver(): void {
    const { destination, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    let head = this.#queue[0];
    if (head !== undefined && this.#wakeMs(head) <= nowMs && !this.#blocked) {
      destination.cork();
      while (head !== undefined && this.#wakeMs(head) <= nowMs && !this.#blocked) {
        this.#queue.shift();
        this.#hand(head.load);
        head = this.#queue[0];
      }
      destination.uncork();
    }
    this.#setTimer();
    this.#regulate();
  }

  #hand(load: Load): void {
    const { destination, dial } = this.#options;
    if (typeof load !== "string") {
      this.#bytesWaiting -= load.length;
      this.#options.tally.bytesWaiting -= load.length;
      this.#write(load);
      return;
    }
    // Bytes that are due at the same moment must not be lost to a reset that comes behind them.
    destination.uncork();
    if (load === "open") dial();
    else if (load === "end") destination.end();
    else destination.resetAndDestroy();
  }

  #write(bytes: Buffer): void {
    const { destination, tally, onCut } = this.#options;
    if (!destination.writable) return;
    const passed = bytes.subarray(0, this.#cutAfterBytes);
    this.#cutAfterBytes -= passed.length;
    tally.bytesOut += passed.length;
    if (this.#cutAfterBytes > 0) {
      this.#blocked = !destination.write(passed);
      return;
    }
    // Only when the kernel has them may the reset follow: it would take back what is still ours.
    destination.write(passed, () => onCut());
    this.close();
  }

  #wakeMs(head: Parcel): number {
    return Math.max(head.dueMs, this.#heldUntilMs);
  }

  #setTimer(): void {
    const head = this.#queue[0];
    if (head === undefined || this.#blocked || this.#cancelTimer !== null) return;
    const { clock, tally } = this.#options;
    const wakeMs = this.#wakeMs(head);
    // Rounded up, because a timer of whole milliseconds that fires early only has to be set again.
    const waitMs = Math.min(Math.ceil(Math.max(wakeMs - clock.monotonicMs(), 0)), timerMsMax);
    this.#cancelTimer = clock.after(waitMs, () => {
      this.#cancelTimer = null;
      tally.lateMsMax = Math.max(tally.lateMsMax, clock.monotonicMs() - wakeMs);
      this.#deliver();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Stops reading above the limit and starts again at half of it; what nobody waits for any more is read and dropped. */
  #regulate(): void {
    const { source, bufferBytesMax } = this.#options;
    const wanted = this.#state !== "open" || this.#bytesWaiting <= bufferBytesMax / 2;
    if (wanted && source.isPaused()) source.resume();
    else if (this.#bytesWaiting > bufferBytesMax && !wanted) source.pause();
  }
}
