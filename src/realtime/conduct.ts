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
  readonly #perSecond: number;
  readonly #brim: number;
  #level: number;

  constructor(perSecond: number, brim: number) {
    this.#perSecond = perSecond;
    this.#brim = brim;
    this.#level = brim;
  }

  fill(seconds: number): void {
    this.#level = Math.min(this.#brim, this.#level + seconds * this.#perSecond);
  }

  take(amount: number): boolean {
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
  readonly #buckets = [this.#messages, this.#bytes, this.#requests, this.#answers, this.#offences];
  #seenMs: number;

  constructor(tickHz: number, nowMs: number) {
    this.#inputs = new Bucket(INPUT_RATE * tickHz, STALL_SECONDS * tickHz);
    this.#buckets.push(this.#inputs);
    this.#seenMs = nowMs;
  }

  /** Time has passed. Called for each frame, so that a millisecond's worth is the least that is counted. */
  advance(nowMs: number): void {
    const elapsedMs = nowMs - this.#seenMs;
    if (elapsedMs < 1) return;
    this.#seenMs = nowMs;
    for (const bucket of this.#buckets) bucket.fill(elapsedMs / 1000);
  }

  mayInput(): boolean {
    return this.#inputs.take(1);
  }

  /** `weight` is what a message costs compared to a plain one. */
  mayMessage(byteCount: number, weight: number): boolean {
    return this.#messages.take(weight) && this.#bytes.take(byteCount);
  }

  mayRequest(): boolean {
    return this.#requests.take(1);
  }

  mayBeAnswered(): boolean {
    return this.#answers.take(1);
  }

  /** Whether the client may go on after this offence. */
  mayOffend(weight: number): boolean {
    return this.#offences.take(weight);
  }
}
