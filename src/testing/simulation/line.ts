import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { RedisServer } from "./redis-server.ts";

/** What a link does to what is sent over it. */
export interface Weather {
  /** One way, for one message. */
  delayMs(): number;
  /** For how long nothing gets through from now on: it comes after that. */
  cutForMs(): number;
  /** Where the connection breaks: before the server has the command, after it has carried it out, or nowhere. */
  breaks(): "before" | "after" | null;
  /** Whether a published message is heard twice, as it is where a connection is made anew and the old one is not gone. */
  isHeardTwice(): boolean;
}

export interface LineParts {
  readonly server: RedisServer;
  /** Of the process: stands still while that does. */
  readonly clock: Pick<Clock, "after">;
  /** The network's own time, which goes on. */
  readonly after: (delayMs: number, task: () => void) => void;
  readonly nowMs: () => number;
  readonly deliver: (task: () => void) => void;
  readonly weather: Weather;
  readonly random: Random;
}

/** One connection: in order each way, and in no order with any other. */
export interface Wire {
  readonly runId: number;
  /** The client still has it. */
  isOpen: boolean;
  /** The server has closed it, or it broke on the way: nothing that is still under way arrives. */
  isClosed: boolean;
  sentMs: number;
  answeredMs: number;
}

const RETRY_MS_MIN = 25;
const RETRY_MS_MAX = 1000;
/** An idle connection is proved each second, and given up half a second later. */
const PROVE_MS = 1000;
const GIVE_UP_MS = 500;

/** A connection of a process to Redis, made again whenever it is lost. */
export class Line {
  wire: Wire | null = null;
  upSinceMs = Number.POSITIVE_INFINITY;
  readonly #parts: LineParts;
  readonly #on: { up(wire: Wire): void; down(wire: Wire): void; closed(wire: Wire): void };
  #isEnded = false;
  #tries = 0;

  /** `closed` is told when the server has closed it: that may be later than `down`, which is told to the client. */
  constructor(parts: LineParts, on: { up(wire: Wire): void; down(wire: Wire): void; closed(wire: Wire): void }) {
    this.#parts = parts;
    this.#on = on;
    this.#connect();
  }

  /** Towards the server. What was sent before the connection was given up arrives all the same. */
  send(wire: Wire, arrive: () => void): void {
    const { weather, nowMs, after, server } = this.#parts;
    wire.sentMs = Math.max(wire.sentMs, nowMs() + weather.cutForMs() + weather.delayMs());
    after(wire.sentMs - nowMs(), () => {
      if (!wire.isClosed && server.isUp && server.runId === wire.runId) arrive();
    });
  }

  /** Towards the process. */
  answer(wire: Wire, arrive: () => void): void {
    const { weather, nowMs, after, deliver } = this.#parts;
    wire.answeredMs = Math.max(wire.answeredMs, nowMs() + weather.cutForMs() + weather.delayMs());
    after(wire.answeredMs - nowMs(), () => deliver(() => wire.isOpen && arrive()));
  }

  /** It breaks on the way, and both ends see it. */
  break(wire: Wire): void {
    this.#close(wire);
    this.#parts.after(this.#parts.weather.delayMs(), () => this.#parts.deliver(() => this.giveUp(wire)));
  }

  /** The client takes it for dead. */
  giveUp(wire: Wire): void {
    if (!wire.isOpen) return;
    wire.isOpen = false;
    if (this.wire === wire) this.wire = null;
    this.upSinceMs = Number.POSITIVE_INFINITY;
    this.send(wire, () => this.#close(wire));
    this.#on.down(wire);
    this.#retry();
  }

  /** The server has ended, or nothing gets through for so long: an idle client notices by and by. */
  lost({ isAtOnce }: { isAtOnce: boolean }): void {
    const { wire } = this;
    if (wire === null) return;
    if (isAtOnce) {
      this.break(wire);
      return;
    }
    const noticedMs = GIVE_UP_MS + this.#parts.random.below(PROVE_MS);
    if (this.#parts.weather.cutForMs() > noticedMs) this.#parts.clock.after(noticedMs, () => this.giveUp(wire));
  }

  /** The process has ended, or does without it: the kernel closes it. */
  end(): void {
    this.#isEnded = true;
    const { wire } = this;
    this.wire = null;
    if (wire === null) return;
    wire.isOpen = false;
    this.send(wire, () => this.#close(wire));
  }

  #close(wire: Wire): void {
    if (wire.isClosed) return;
    wire.isClosed = true;
    this.#on.closed(wire);
  }

  #retry(): void {
    const longest = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#tries, 10));
    this.#tries += 1;
    this.#parts.clock.after(longest / 2 + this.#parts.random.below(longest / 2 + 1), () => this.#connect());
  }

  #connect(): void {
    const { server, weather, after, deliver } = this.#parts;
    if (this.#isEnded) return;
    after(weather.delayMs() + weather.delayMs(), () =>
      deliver(() => {
        if (this.#isEnded) return;
        if (!server.isUp || weather.cutForMs() > 0) {
          this.#retry();
          return;
        }
        this.#tries = 0;
        const wire = { runId: server.runId, isOpen: true, isClosed: false, sentMs: 0, answeredMs: 0 };
        this.wire = wire;
        this.upSinceMs = this.#parts.nowMs();
        this.#on.up(wire);
      }),
    );
  }
}
