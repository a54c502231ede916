import type { Socket } from "node:net";
import type { NetworkClock } from "./network-clock.ts";
import { Losses, type Underway } from "./network-losses.ts";
import { retryMs, type Schedule } from "./network-schedule.ts";

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
  /** More waiting bytes than this pause the source; asked again for every read. */
  bufferBytesMax: () => number;
  /** Connects the destination, when an "open" arrives. */
  dial: () => void;
  /** Called once the bytes of `cutAfter` have reached the destination. */
  onCut: () => void;
}

/** What travels: bytes, the end of a handshake, the end of the stream (FIN), a reset (RST). */
type Load = Buffer | "open" | "end" | "reset";

interface Parcel extends Underway {
  readonly load: Load;
}

/** The payload of an Ethernet frame less the headers of IP and TCP. */
const segmentBytesMax = 1460;
/** Below this latency a timer of whole milliseconds would be more than a tenth of it late. */
const exactBelowMs = 10;

/**
 * One direction of one connection: what the source sends is cut into segments, and each is handed to the destination when its
 * fate says so, never before the one ahead of it. So jitter and loss delay bytes but cannot reorder them, as in TCP.
 *
 * A lost segment is sent again when its timeout is over, or a round trip after the third segment behind it arrived. It does not
 * slow the sender: Mathis' MSS/RTT · 1.22/√p is above 40 kB/s for every named profile, which a game's traffic stays below, and
 * would make the bandwidth of a profile untrue. Losses are independent: in a stream that waits for the first of them anyway,
 * two in a row cost what one costs. What makes many at once is an outage.
 */
export class NetworkPipe {
  readonly #options: NetworkPipeOptions;
  /** In the order of sending. Only the first is ever looked at, so one that is late holds back all behind it. */
  readonly #queue: Parcel[] = [];
  #bytesWaiting = 0;
  /** When the link has sent all that it was given: the bandwidth limit. */
  #linkFreeMs = 0;
  #heldUntilMs = 0;
  #outageUntilMs = 0;
  readonly #losses = new Losses();
  #cutAfterBytes = Number.POSITIVE_INFINITY;
  /** `deaf` delivers what waits and hears no more from the source; `lost` delivers signals only; `closed` nothing. */
  #state: "open" | "deaf" | "lost" | "closed" = "open";
  /** Called when a source that is lost sends. */
  #onLostBytes: () => void = () => {};
  /** The destination takes no more for now. */
  #blocked = false;
  #cancelTimer: (() => void) | null = null;
  #timerDueMs = 0;
  readonly #ring = () => {
    const { clock, tally } = this.#options;
    this.#cancelTimer = null;
    tally.lateMsMax = Math.max(tally.lateMsMax, clock.monotonicMs() - this.#timerDueMs);
    this.#deliver();
  };

  constructor(options: NetworkPipeOptions) {
    this.#options = options;
    const { source, destination } = options;
    source.on("data", (bytes: Buffer) => this.#accept(bytes));
    source.on("end", () => this.finish());
    source.on("close", (hadError: boolean) => {
      if (hadError && this.#state !== "lost") this.signal("reset", this.#latencyMs());
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

  /** Delivers nothing before that moment; 0 lifts it, and an outage too. */
  hold(untilMs: number): void {
    this.#heldUntilMs = untilMs;
    this.#outageUntilMs = 0;
    this.#stopTimer();
    this.#deliver();
  }

  /**
   * Nothing passes before that moment, and what is sent or under way meanwhile only when its sender tries again: after one
   * timeout, and then after twice as long each time (RFC 6298).
   */
  lapse(untilMs: number): void {
    this.hold(Math.max(this.#heldUntilMs, this.#queue.length > 0 ? this.#retryMs(untilMs) : untilMs));
    this.#outageUntilMs = untilMs;
  }

  /** Forgets what waits and carries nothing more, not even an end. `onBytes` is called when the source sends all the same. */
  lose(onBytes: () => void = () => {}): void {
    if (this.#state === "closed") return;
    const { source } = this.#options;
    this.#forget();
    this.#state = "lost";
    this.#onLostBytes = onBytes;
    // Neither end hears of the other's going, so each socket goes by itself.
    if (source.readableEnded) source.destroy();
    else source.once("end", () => source.destroy());
    this.#regulate();
  }

  /** Lets exactly `byteCount` (1 or more) further bytes through, then calls `onCut`. */
  cutAfter(byteCount: number): void {
    this.#cutAfterBytes = byteCount;
  }

  /** Forgets what waits and delivers nothing more. */
  close(): void {
    this.#state = "closed";
    this.#forget();
    this.#regulate();
  }

  #forget(): void {
    this.#stopTimer();
    this.#queue.length = 0;
    this.#losses.clear();
    this.#options.tally.bytesWaiting -= this.#bytesWaiting;
    this.#bytesWaiting = 0;
  }

  /** When the sender of what is lost now tries again for the first time after the outage. */
  #retryMs(outageUntilMs: number): number {
    return retryMs(this.#options.schedule.profile(), this.#options.clock.monotonicMs(), outageUntilMs);
  }

  #latencyMs(): number {
    return this.#options.schedule.profile().latencyMs;
  }

  #accept(bytes: Buffer): void {
    if (this.#state === "lost") this.#onLostBytes();
    if (this.#state !== "open") return;
    const { clock, schedule, tally } = this.#options;
    tally.bytesIn += bytes.length;
    this.#linkFreeMs = Math.max(this.#linkFreeMs, clock.monotonicMs());
    // What was read at once travelled together, so it shares one jitter: were each segment drawn for, a large message would
    // always take the latest of many latencies.
    let latencyMs: number | null = null;
    for (let start = 0; start < bytes.length; start += segmentBytesMax) {
      const isWhole = bytes.length <= segmentBytesMax;
      const segment = isWhole ? bytes : bytes.subarray(start, start + segmentBytesMax);
      const fate = schedule.next(segment.length);
      latencyMs ??= fate.latencyMs;
      this.#linkFreeMs += fate.sendMs;
      tally.segments += 1;
      const parcel = this.#push(segment, this.#linkFreeMs + latencyMs + fate.stallMs);
      if (fate.stallMs > 0) {
        tally.segmentsLost += 1;
        this.#losses.add(parcel);
      } else if (this.#losses.follow(parcel.dueMs, 2 * this.#latencyMs())) this.#stopTimer();
    }
    this.#deliver();
  }

  #push(load: Load, dueMs: number): Parcel {
    const parcel: Parcel = { dueMs, load };
    if (this.#state === "closed") return parcel;
    if (this.#queue.length === 0 && this.#outageUntilMs > 0) this.#sendIntoOutage();
    this.#queue.push(parcel);
    if (typeof load === "string") return parcel;
    const { tally } = this.#options;
    this.#bytesWaiting += load.length;
    tally.bytesWaiting += load.length;
    tally.bytesWaitingMax = Math.max(tally.bytesWaitingMax, this.#bytesWaiting);
    return parcel;
  }

  #sendIntoOutage(): void {
    const isOver = this.#options.clock.monotonicMs() >= this.#outageUntilMs;
    if (isOver) this.#outageUntilMs = 0;
    else this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#retryMs(this.#outageUntilMs));
  }

  /** Hands over everything that is due, in one write to the kernel, and sets the timer for the rest. */
  #deliver(): void {
    const { destination, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    let head = this.#queue[0];
    if (head !== undefined && this.#wakeMs(head) <= nowMs && !this.#blocked) {
      // Corking costs more than it saves when there is but one.
      const next = this.#queue[1];
      const isCorked = next !== undefined && this.#wakeMs(next) <= nowMs;
      if (isCorked) destination.cork();
      while (head !== undefined && this.#wakeMs(head) <= nowMs && !this.#blocked) {
        this.#queue.shift();
        this.#hand(head.load);
        head = this.#queue[0];
      }
      if (isCorked) destination.uncork();
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
    const wakeMs = this.#wakeMs(head);
    // Nothing to wait for: somebody has to lift it.
    if (wakeMs === Number.POSITIVE_INFINITY) return;
    const latencyMs = this.#latencyMs();
    const isExact = latencyMs > 0 && latencyMs < exactBelowMs;
    const { clock } = this.#options;
    this.#timerDueMs = wakeMs;
    this.#cancelTimer = clock.after(Math.max(wakeMs - clock.monotonicMs(), 0), this.#ring, isExact);
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Stops reading above the limit and starts again at half of it; what nobody waits for any more is read and dropped. */
  #regulate(): void {
    const { source } = this.#options;
    const bufferBytesMax = this.#options.bufferBytesMax();
    const wanted = this.#state !== "open" || this.#bytesWaiting <= bufferBytesMax / 2;
    if (wanted && source.isPaused()) source.resume();
    else if (this.#bytesWaiting > bufferBytesMax && !wanted) source.pause();
  }
}
