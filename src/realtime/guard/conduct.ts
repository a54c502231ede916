/**
 * What one client may send, in units of play. A second of a player's link may hold ten seconds of play: a link that
 * stalls delivers it all at once, and the server's own pings end one that stalls for longer.
 */
const STALL_SECONDS = 10;
/** Inputs a second, in inputs of an honest client, which sends one a step. */
const INPUT_RATE = 2;
/** A game that sends a pointer's moves as messages sends one a frame of the screen. */
const MESSAGES_PER_SECOND = 60;
/** Handlers cost more than inputs: this many at once is what a stalled link may deliver of a game's ordinary talk. */
const MESSAGES_AT_ONCE = 24 * STALL_SECONDS;
const MESSAGE_BYTES_PER_SECOND = 32 * 1024;
/** A request is answered, and its handler may ask a service. */
const REQUESTS_PER_SECOND = 10;
/** Refusals that are answered; what is refused beyond that goes unanswered. */
const ANSWERS_PER_SECOND = 5;
/** A client that is merely out of date commits some of these all the time; 200 more than that at once end the connection. */
const OFFENCES_PER_SECOND = 20;
const OFFENCES_MAX = 200;

/** Fills with time up to a brim, and is drawn from. */
class Bucket {
  readonly #perMs: number;
  readonly #brim: number;
  #level: number;
  #filledAtMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, brim: number) {
    this.#perMs = perSecond / 1000;
    this.#brim = brim;
    this.#level = brim;
  }

  take(amount: number, nowMs: number): boolean {
    this.#level = Math.min(this.#brim, this.#level + (nowMs - this.#filledAtMs) * this.#perMs);
    this.#filledAtMs = nowMs;
    if (this.#level < amount) return false;
    this.#level -= amount;
    return true;
  }
}

/** How one client's frames and offences add up. All of it comes back with time. */
export class Conduct {
  /** Set once the connection is to end: nothing that still arrives is looked at. */
  isCondemned = false;
  readonly #inputs: Bucket;
  readonly #messages = new Bucket(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE);
  readonly #bytes = new Bucket(MESSAGE_BYTES_PER_SECOND, STALL_SECONDS * MESSAGE_BYTES_PER_SECOND);
  readonly #requests = new Bucket(REQUESTS_PER_SECOND, STALL_SECONDS * REQUESTS_PER_SECOND);
  readonly #answers = new Bucket(ANSWERS_PER_SECOND, 2 * ANSWERS_PER_SECOND);
  readonly #offences = new Bucket(OFFENCES_PER_SECOND, OFFENCES_MAX);
  #nowMs = 0;

  constructor(tickHz: number) {
    this.#inputs = new Bucket(INPUT_RATE * tickHz, STALL_SECONDS * tickHz);
  }

  /** Called for each frame, before it is judged. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  mayInput(): boolean {
    return this.#inputs.take(1, this.#nowMs);
  }

  /** `weight` is what a message costs compared to a plain one. */
  mayMessage(byteCount: number, weight: number): boolean {
    return this.#messages.take(weight, this.#nowMs) && this.#bytes.take(byteCount, this.#nowMs);
  }

  mayRequest(): boolean {
    return this.#requests.take(1, this.#nowMs);
  }

  mayBeAnswered(): boolean {
    return this.#answers.take(1, this.#nowMs);
  }

  /** Whether the client may go on after this offence. */
  mayOffend(weight: number): boolean {
    return this.#offences.take(weight, this.#nowMs);
  }
}
