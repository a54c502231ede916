import type { Match } from "./match.ts";
import { between, cryptoFraction, type RandomFraction } from "./random.ts";

export interface LatencySettings {
  /** Added in each direction, in ms: 50 makes a round trip longer by 100. */
  readonly delayMs: number;
  /** Up to this much more, in ms, each frame by itself; frames keep their order, as on TCP. */
  readonly jitterMs: number;
}

export interface ArtificialLatency {
  /** Takes effect with the next frame. Zeros switch it off: then nothing lies between the match and its socket. */
  set(settings: LatencySettings): void;
}

/**
 * Makes the network of one match worse, for development. Frames under way when the connection drops are lost, as they
 * would be. Off until the first `set`.
 */
export function addLatency<State extends object>(
  match: Match<State>,
  { random = cryptoFraction }: { random?: RandomFraction } = {},
): ArtificialLatency {
  const { connection } = match.room;
  const { events } = connection;
  const outward = new DelayLine();
  const inward = new DelayLine();
  let settings: LatencySettings = { delayMs: 0, jitterMs: 0 };
  let uninstall: (() => boolean) | undefined;
  const isOn = () => settings.delayMs > 0 || settings.jitterMs > 0;
  const carry = (line: DelayLine, deliver: () => void) => {
    if (isOn()) line.push(settings.delayMs + between(random, 0, settings.jitterMs), deliver);
    else deliver();
  };

  /** Returns a function that takes everything out again, and says whether it could. */
  const install = () => {
    const sendNow = connection.send;
    const hearNow = events.onmessage;
    const sendLater = (frame: Uint8Array) => {
      // The engine writes its next frame into the same bytes.
      const kept = isOn() ? frame.slice() : frame;
      carry(outward, () => sendNow.call(connection, kept));
    };
    const hearLater = (event: unknown) => carry(inward, () => hearNow?.(event));
    connection.send = sendLater;
    events.onmessage = hearLater;
    return () => {
      // Somebody has wrapped what we wrapped: then ours stays, and delays nothing.
      if (connection.send !== sendLater || events.onmessage !== hearLater) return false;
      connection.send = sendNow;
      events.onmessage = hearNow ?? null;
      return true;
    };
  };
  const dropAll = () => {
    outward.clear();
    inward.clear();
  };
  match.room.onDrop(dropAll);
  match.onEnded(dropAll);
  return {
    set(wanted) {
      settings = wanted;
      if (isOn()) {
        uninstall ??= install();
        return;
      }
      outward.flush();
      inward.flush();
      if (uninstall?.()) uninstall = undefined;
    },
  };
}

interface Parcel {
  readonly dueMs: number;
  readonly deliver: () => void;
}

/** Delivers what is put in after its delay, and never before what was put in earlier: only the first is looked at. */
class DelayLine {
  #parcels: Parcel[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  push(delayMs: number, deliver: () => void): void {
    this.#parcels.push({ dueMs: performance.now() + delayMs, deliver });
    this.#arm();
  }

  /** Delivers everything now. */
  flush(): void {
    this.#deliverUntil(Number.POSITIVE_INFINITY);
    this.clear();
  }

  clear(): void {
    this.#parcels = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const [first] = this.#parcels;
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#deliverUntil(performance.now());
        this.#arm();
      },
      Math.max(0, first.dueMs - performance.now()),
    );
  }

  #deliverUntil(nowMs: number): void {
    for (let first = this.#parcels[0]; first !== undefined && first.dueMs <= nowMs; first = this.#parcels[0]) {
      this.#parcels.shift();
      first.deliver();
    }
  }
}
