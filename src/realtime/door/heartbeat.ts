import type { WebSocketClient } from "@colyseus/ws-transport";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Random } from "../../platform/random.ts";

/** A socket of `ws`, with what is known of its reader. */
export type PulsingSocket = Pick<
  WebSocketClient["ref"],
  "bufferedAmount" | "readyState" | "OPEN" | "ping" | "terminate" | "on"
> & {
  pulse?: Pulse;
  /** Bytes that wait for the client outside the socket. */
  keptBytes?: number;
};

const BEAT_MS = 1000;
/** While every question is answered before the next beat, this many beats pass between two of them. */
const ASK_EVERY_BEATS = 2;
/** A client that has left a question unanswered for this many beats is behind: state for it is merged from then on. */
export const BEHIND_BEATS = 2;
/** A client that has answered nothing for this many beats does not read any more. It is found out within ten seconds. */
export const SILENT_BEATS = 8;
/** Its room goes first, with a code that the client may understand; this is for whoever is in no room. */
const TERMINATE_BEATS = SILENT_BEATS + 1;
/** A question that cannot be answered by whoever has not read it. */
const QUESTION_BYTES = 4;
/** Questions that wait for one client. */
const OPEN_MAX = 16;

/**
 * Asks every socket again and again whether the other end still reads, by a ping whose payload nobody can guess. An
 * answer proves that everything sent before the question has been read; a pong that answers nothing proves nothing. It
 * counts beats of this process and not time, so that a process that was held up does not blame its clients.
 */
export class Heartbeat {
  readonly #sockets = new Set<PulsingSocket>();
  readonly #random: Random;
  readonly #metrics: Pick<Metrics, "queuedBytes">;

  constructor({ random, metrics }: { random: Random; metrics: Pick<Metrics, "queuedBytes"> }) {
    this.#random = random;
    this.#metrics = metrics;
  }

  watch(socket: PulsingSocket): void {
    const pulse = new Pulse((question) => socket.ping(question), this.#random);
    socket.pulse = pulse;
    this.#sockets.add(socket);
    socket.on("pong", (payload: Buffer) => pulse.hear(payload));
    socket.on("close", () => void this.#sockets.delete(socket));
  }

  /** Begins to beat; returns a function that ends it. */
  start(clock: Clock): () => void {
    return clock.every(BEAT_MS, () => this.beat());
  }

  beat(): void {
    let queuedBytes = 0;
    for (const socket of this.#sockets) {
      queuedBytes += socket.bufferedAmount + (socket.keptBytes ?? 0);
      const { pulse } = socket;
      // A socket that is being closed has a deadline of its own.
      if (pulse === undefined || socket.readyState !== socket.OPEN) continue;
      pulse.beat();
      if (pulse.silentBeats >= TERMINATE_BEATS) socket.terminate();
    }
    this.#metrics.queuedBytes.set(queuedBytes);
  }
}

interface Question {
  readonly number: number;
  readonly payload: Uint8Array;
  beats: number;
}

/** Where one socket's reader has got to. Questions are answered in their order; a later answer stands for all before it. */
export class Pulse {
  /** Beats since the oldest question that has no answer yet; 0 while all are answered. */
  behindBeats = 0;
  /** Beats since the last answer, while one is due. */
  silentBeats = 0;
  /** The number of the last question that was answered. They count from 1. */
  answered = 0;
  readonly #send: (payload: Uint8Array) => void;
  readonly #random: Random;
  readonly #open: Question[] = [];
  #asked = 0;
  #idleBeats = 0;

  constructor(send: (payload: Uint8Array) => void, random: Random) {
    this.#send = send;
    this.#random = random;
  }

  /** Asks now; returns the question's number. */
  ask(): number {
    const question = { number: ++this.#asked, payload: this.#random.bytes(QUESTION_BYTES), beats: 0 };
    this.#open.push(question);
    this.#idleBeats = 0;
    this.#send(question.payload);
    return question.number;
  }

  hear(answer: Uint8Array): void {
    const index = this.#open.findIndex(({ payload }) => Buffer.compare(payload, answer) === 0);
    const question = this.#open[index];
    if (question === undefined) return;
    this.#open.splice(0, index + 1);
    this.answered = question.number;
    this.silentBeats = 0;
    this.behindBeats = this.#open[0]?.beats ?? 0;
  }

  beat(): void {
    const [oldest] = this.#open;
    if (oldest === undefined) {
      this.#idleBeats += 1;
      if (this.#idleBeats >= ASK_EVERY_BEATS) this.ask();
      return;
    }
    for (const question of this.#open) question.beats += 1;
    this.behindBeats = oldest.beats;
    this.silentBeats += 1;
    // One that takes its time is asked at every beat, so that whoever reads slowly can be told from whoever does not.
    if (this.#open.length < OPEN_MAX) this.ask();
  }
}
