import { ClientState, Protocol } from "@colyseus/core";
import { closeCodes } from "../../../schema/protocol.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { STAMP_BYTES, writeStamped } from "../door/direct-client.ts";
import { BEHIND_BEATS, type PulsingSocket, SILENT_BEATS } from "../door/heartbeat.ts";
import { type EngineClient, type EngineClientPrivate, PROTOCOL_CODE_MASK } from "../engine.ts";

export interface OutboxLimits {
  /** While more bytes than this wait in a client's socket, state for it is merged instead of queued. */
  readonly behindBytes: number;
  /** No more than this waits for one client, in its socket and here. */
  readonly bytesMax: number;
}

const LIMITS: OutboxLimits = { behindBytes: 64 * 1024, bytesMax: 1024 * 1024 };
/** A room in which nothing happens says so this often. Our client redials when it has heard nothing for five seconds. */
const QUIET_MS = 2_000;
/** What a message costs beside its bytes while it waits. */
const MESSAGE_BYTES = 128;

interface OutboxesParts {
  readonly room: { readonly roomName: string };
  readonly metrics: Pick<Metrics, "resyncs" | "slowReadersClosed">;
  readonly limits?: Partial<OutboxLimits>;
}

/** What waits to be sent to the clients of one room. */
export class Outboxes {
  readonly #parts: OutboxesParts;
  readonly #limits: OutboxLimits;

  constructor(parts: OutboxesParts) {
    this.#parts = parts;
    this.#limits = { ...LIMITS, ...parts.limits };
  }

  /** From here on the client's frames go through its outbox. `isReturning` says that it may remember an older state. */
  admit(client: EngineClient, { isReturning }: { isReturning: boolean }): void {
    const onClosed = (reason: CloseReason) => {
      this.#parts.metrics.slowReadersClosed.inc({ room: this.#parts.room.roomName, reason });
    };
    boxed(client).outbox = new Outbox({ client, limits: this.#limits, isReturning, onClosed });
  }

  /** The clients that get this patch: all but those that are behind. The very same list while nobody is. */
  reading(clients: EngineClient[]): EngineClient[] {
    let areAllReading = true;
    for (let index = 0; index < clients.length; index++) {
      const client = clients[index] as EngineClient;
      if (boxed(client).outbox?.isReading() === false) areAllReading = false;
    }
    if (areAllReading) return clients;
    return Array.from(clients).filter((client) => boxed(client).outbox?.isBehind !== true);
  }

  /** Sends a patch to a client that is reading, stamped with the room's time and with its inputs that the patch holds. */
  patch(client: EngineClient, patch: Uint8Array, timeMs: number): void {
    boxed(client).outbox?.patch(patch, timeMs);
  }

  /** The clients that were behind and have read all they had been sent: each is to get the whole state now. */
  caughtUp(clients: EngineClient[]): EngineClient[] {
    return Array.from(clients).filter((client) => boxed(client).outbox?.hasCaughtUp() === true);
  }

  /** Sends the whole state to a client that was behind, and after it the messages that it missed. */
  resync(client: EngineClient, state: Uint8Array): void {
    this.#parts.metrics.resyncs.inc({ room: this.#parts.room.roomName });
    boxed(client).outbox?.resync(state);
  }

  /** Nobody knows any more what the clients have: each gets the whole state with the next patch. */
  startOver(clients: EngineClient[]): void {
    for (const client of clients) boxed(client).outbox?.startOver();
  }

  /** Sends away a client for which no whole state can be made: it would be left behind for ever. */
  giveUp(client: EngineClient): void {
    boxed(client).outbox?.close("unwritable");
  }

  isReturning(client: EngineClient): boolean {
    return boxed(client).outbox?.isReturning === true;
  }
}

/**
 * Why a client was sent to redial: it stopped reading, so much waited for it that no more was to be kept, or its state
 * could not be written.
 */
type CloseReason = "stalled" | "full" | "unwritable";

interface OutboxParts {
  readonly client: EngineClient;
  readonly limits: OutboxLimits;
  readonly isReturning: boolean;
  readonly onClosed: (reason: CloseReason) => void;
}

/** Kept on the client itself: it is asked for twice for each patch of each client. */
const boxed = (client: EngineClient): EngineClientPrivate => client;

/** What waits to be sent to one client. */
export class Outbox {
  readonly isReturning: boolean;
  readonly #client: EngineClientPrivate;
  readonly #socket: PulsingSocket;
  readonly #send: EngineClient["raw"];
  readonly #bytesMax: number;
  readonly #onClosed: (reason: CloseReason) => void;
  #behindBytes: number;
  /** Messages that wait for the whole state, in order; undefined while the client is sent patches. */
  #messages: Uint8Array[] | undefined;
  #messagesBytes = 0;
  /** The question behind everything that was sent before the client fell behind; 0 when there is none to wait for. */
  #lastQuestion = 0;
  #isClosed = false;
  #inputsTold = -1;
  #toldAtMs = 0;

  constructor({ client, limits, isReturning, onClosed }: OutboxParts) {
    this.isReturning = isReturning;
    this.#client = client;
    this.#socket = client.ref as unknown as PulsingSocket;
    this.#send = client.raw.bind(client);
    this.#bytesMax = limits.bytesMax;
    this.#behindBytes = limits.behindBytes;
    this.#onClosed = onClosed;
    client.raw = (frame, options, done) => this.#take(frame, options, done);
  }

  get isBehind(): boolean {
    return this.#messages !== undefined;
  }

  /** Whether the client is sent this patch. One that does not keep up, or does not read at all, is found out here. */
  isReading(): boolean {
    const { pulse, bufferedAmount } = this.#socket;
    if (this.#messages === undefined) {
      if ((pulse?.behindBeats ?? 0) < BEHIND_BEATS && bufferedAmount <= this.#behindBytes) return true;
      // A client that is still joining is sent the whole state when it is through.
      if (this.#client.state !== ClientState.JOINED) return true;
      this.#fallBehind(pulse?.ask() ?? 0);
    }
    if (pulse !== undefined && pulse.silentBeats >= SILENT_BEATS) this.close("stalled");
    return false;
  }

  hasCaughtUp(): boolean {
    if (this.#messages === undefined || this.#isClosed || this.#client.state !== ClientState.JOINED) return false;
    const { pulse, bufferedAmount } = this.#socket;
    return (pulse?.answered ?? 0) >= this.#lastQuestion && bufferedAmount <= this.#behindBytes;
  }

  /** An empty patch tells the time and which inputs have been played; with nothing new to tell it is sent now and then. */
  patch(patch: Uint8Array, timeMs: number): void {
    const client = this.#client;
    const inputs = client._inputBuffer?.ackSeq ?? 0;
    if (patch.length === 1 && inputs === this.#inputsTold && timeMs - this.#toldAtMs < QUIET_MS) return;
    this.#inputsTold = inputs;
    this.#toldAtMs = timeMs;
    // The short way is for a client that nothing waits for; otherwise the frame has to fit in beside what does.
    const isFree =
      this.#messages === undefined && patch.length * 4 < this.#behindBytes && this.#socket.bufferedAmount === 0;
    if (!isFree || this.#isClosed || client.rawStamped === undefined) client.raw(stamp(patch, timeMs, inputs));
    else client.rawStamped(patch, timeMs, inputs);
  }

  resync(state: Uint8Array): void {
    const messages = this.#messages ?? [];
    this.#messages = undefined;
    this.#keep(0);
    this.#take(state);
    for (const message of messages) this.#take(message);
  }

  startOver(): void {
    if (this.#messages === undefined && this.#client.state === ClientState.JOINED) this.#fallBehind(0);
  }

  #fallBehind(lastQuestion: number): void {
    this.#messages = [];
    this.#lastQuestion = lastQuestion;
  }

  #keep(bytes: number): void {
    this.#messagesBytes = bytes;
    this.#socket.keptBytes = bytes;
  }

  /** Every frame for this client comes through here. */
  #take(
    frame: Uint8Array,
    options?: Parameters<EngineClient["raw"]>[1],
    done?: Parameters<EngineClient["raw"]>[2],
  ): void {
    if (this.#isClosed) return;
    const waitingBytes = this.#socket.bufferedAmount + this.#messagesBytes;
    if (waitingBytes > 0 && waitingBytes + frame.length > this.#bytesMax) {
      this.close("full");
      return;
    }
    // A state that is larger than the mark would put everyone who gets it behind for ever.
    if (frame.length * 2 > this.#behindBytes) this.#behindBytes = frame.length * 2;
    if (this.#messages === undefined || done !== undefined) {
      this.#send(frame, options, done);
      return;
    }
    // A newer one will come.
    if (((frame[0] ?? 0) & PROTOCOL_CODE_MASK) === Protocol.ROOM_STATE) return;
    this.#messages.push(frame);
    this.#keep(this.#messagesBytes + frame.length + MESSAGE_BYTES);
  }

  /** Sends the client to redial: into its seat, with the whole state. What waits here is lost to it. */
  close(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#messages = [];
    this.#keep(0);
    this.#onClosed(reason);
    this.#client.leave(closeCodes.REDIAL);
  }
}

/** A patch with its stamp, laid out as by the engine's SchemaSerializer: see `rawStamped`. */
function stamp(patch: Uint8Array, timeMs: number, inputs: number): Uint8Array {
  const frame = Buffer.allocUnsafe(patch.length + STAMP_BYTES);
  writeStamped(frame, 0, { patch, timeMs, inputs });
  return frame;
}
