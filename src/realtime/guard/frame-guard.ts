import { ClientState, getMessageBytes, Protocol } from "@colyseus/core";
import { AppError, type ErrorBody } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { type EngineClient, type EngineClientPrivate, PROTOCOL_CODE_MASK } from "../engine.ts";
import type { Admission } from "../room-supplies.ts";
import { Conduct } from "./conduct.ts";
import type { InputScan } from "./input-scan.ts";
import { readHeader } from "./message-header.ts";
import { type PayloadFlaw, PayloadScan } from "./payload-scan.ts";

/** What a client did that its budget or the protocol does not allow; the label of the metric. */
export type Offence = PayloadFlaw | "unknown message" | "unknown frame" | "too many";

interface FrameGuardParts {
  readonly clock: { monotonicMs(): number };
  readonly metrics: Metrics;
  readonly log: Log;
  readonly room: { readonly roomId: string; readonly roomName: string };
  /** Whether the room has a handler for messages of this type. */
  readonly hears: (type: string) => boolean;
  /** What may be shown of a refusal. */
  readonly show: (refusal: AppError) => ErrorBody;
  /** Ends the connection and the seat. */
  readonly condemn: (client: EngineClient) => void;
}

/** What offences weigh that an honest client may commit now and then. */
const MISTAKE = 2;
const SURPLUS = 1;
const STATUS_REJECTED = 1;
/** Before the type of a handler of raw bytes, in the engine's table of handlers. */
const BYTES_PREFIX = "_$b";

const scan = new PayloadScan();

/**
 * Looks at every frame before the engine does. A frame beyond its sender's budget is dropped, one that is not sound is
 * dropped and answered with a code, and both are held against the sender; a frame that no honest client can send ends the
 * connection at once. What passes is of bounded cost to decode and holds nothing but JSON. Inputs go into their sender's
 * lane, and the engine never sees them.
 */
export class FrameGuard {
  readonly #parts: FrameGuardParts;
  readonly #conducts = new WeakMap<object, Conduct>();
  #inputs: InputScan | undefined;
  #tickHz = 0;

  constructor(parts: FrameGuardParts) {
    this.#parts = parts;
  }

  /** From now on clients may send this kind of input, as many as the room plays. */
  expectInputs(inputs: InputScan, tickHz: number): void {
    this.#inputs = inputs;
    this.#tickHz = tickHz;
  }

  /** Whether the engine may have the frame. */
  admits(client: EngineClient, frame: Buffer): boolean {
    if (client.state === ClientState.LEAVING) return false;
    const conduct = this.#conductOf(client);
    if (conduct.isCondemned) return false;
    conduct.advance(this.#parts.clock.monotonicMs());
    const first = frame[0] ?? 0;
    const code = first & PROTOCOL_CODE_MASK;
    if (code === Protocol.ROOM_INPUT_RELIABLE) return this.#takeInput(client, conduct, frame);
    // Rings of inputs are for datagrams; on a stream three bytes can make their decoder loop for ever.
    if (code === Protocol.ROOM_INPUT_UNRELIABLE) return this.#admitsRing(client, conduct);
    // Only an input carries a modifier.
    if (first !== code) return this.#mistake(client, conduct, "unknown frame");
    switch (code) {
      case Protocol.ROOM_DATA:
      case Protocol.ROOM_REQUEST:
      case Protocol.ROOM_DATA_BYTES:
        return this.#admitsMessage(client, conduct, frame, code);
      case Protocol.JOIN_ROOM:
      case Protocol.LEAVE_ROOM:
      case Protocol.PING:
        if (frame.length !== 1) return this.#condemn(client, conduct, "broken");
        // Whoever wants to go may always go.
        return code === Protocol.LEAVE_ROOM || conduct.mayMessage(1, 1) || this.#surplus(client, conduct);
      default:
        return this.#mistake(client, conduct, "unknown frame");
    }
  }

  /** Kept with what the client was let in by, which a reconnection keeps: a new connection is no clean slate. */
  #conductOf(client: EngineClientPrivate): Conduct {
    if (client.conduct !== undefined) return client.conduct;
    const key: object = typeof client.auth === "object" && client.auth !== null ? client.auth : client;
    let conduct = this.#conducts.get(key);
    if (conduct === undefined) {
      conduct = new Conduct(this.#tickHz);
      this.#conducts.set(key, conduct);
    }
    client.conduct = conduct;
    return conduct;
  }

  /** Inputs are ours alone. The entity that one moves is the one of its sender's seat: an input names none. */
  #takeInput(client: EngineClientPrivate, conduct: Conduct, frame: Buffer): false {
    const lane = client._inputBuffer;
    if (this.#inputs === undefined || lane === undefined) return this.#mistake(client, conduct, "unknown frame");
    if (!conduct.mayInput()) return this.#surplus(client, conduct);
    if (!this.#inputs.isSound(frame, lane.stampMs)) return this.#condemn(client, conduct, "broken");
    lane.receive(frame);
    return false;
  }

  #admitsRing(client: EngineClient, conduct: Conduct): boolean {
    return client.rawUnreliable !== undefined || this.#condemn(client, conduct, "broken");
  }

  #admitsMessage(client: EngineClient, conduct: Conduct, frame: Buffer, code: number): boolean {
    const header = readHeader(frame, code === Protocol.ROOM_REQUEST);
    if (header === "broken") return this.#condemn(client, conduct, "broken");
    const { type, requestId, end } = header;
    const isWithin = conduct.mayMessage(frame.length, 1) && (requestId === undefined || conduct.mayRequest());
    if (!isWithin) return this.#surplus(client, conduct, requestId);
    const isBytes = code === Protocol.ROOM_DATA_BYTES;
    const flaw = isBytes || end === frame.length ? undefined : scan.flawOf(frame, end);
    if (flaw === "broken") return this.#condemn(client, conduct, flaw);
    if (!this.#isHeard(type, isBytes)) {
      const refusal = new AppError("ROOM_MESSAGE_UNKNOWN", { type: type ?? "" });
      return this.#mistake(client, conduct, "unknown message", { refusal, requestId });
    }
    if (flaw !== undefined) {
      const refusal = new AppError("ROOM_MESSAGE_INVALID", { problems: [flaw] });
      return this.#mistake(client, conduct, flaw, { refusal, requestId });
    }
    const isDear = !isBytes && end < frame.length && scan.shapeCount > 1;
    return !isDear || conduct.mayMessage(0, scan.shapeCount - 1) || this.#surplus(client, conduct, requestId);
  }

  /** The engine's own tables name other things as well: "*" whatever else is unknown, "_$b…" the takers of raw bytes. */
  #isHeard(type: string | undefined, isBytes: boolean): boolean {
    if (type === undefined || type === "*" || type.startsWith(BYTES_PREFIX)) return false;
    return this.#parts.hears(isBytes ? BYTES_PREFIX + type : type);
  }

  #surplus(client: EngineClient, conduct: Conduct, requestId?: number): false {
    this.#hold(client, conduct, "too many", SURPLUS);
    if (requestId !== undefined) this.#answer(client, conduct, { refusal: new AppError("RATE_LIMITED"), requestId });
    return false;
  }

  #mistake(client: EngineClient, conduct: Conduct, offence: Offence, answer?: Answer): false {
    this.#hold(client, conduct, offence, MISTAKE);
    if (answer !== undefined) this.#answer(client, conduct, answer);
    return false;
  }

  /** Holds an offence against a client; too many in too short a time end its connection. */
  #hold(client: EngineClient, conduct: Conduct, offence: Offence, weight: number): void {
    const { metrics, room } = this.#parts;
    if (!conduct.mayOffend(weight)) this.#condemn(client, conduct, offence);
    else metrics.offences.inc({ room: room.roomName, offence });
  }

  #condemn(client: EngineClient, conduct: Conduct, offence: Offence): false {
    const { metrics, log, room, condemn } = this.#parts;
    conduct.isCondemned = true;
    metrics.offences.inc({ room: room.roomName, offence });
    metrics.offendersClosed.inc({ room: room.roomName, offence });
    const { accountId } = (client.auth ?? {}) as Partial<Admission>;
    log.warn({ room: room.roomName, roomId: room.roomId, accountId, offence }, "offence.closed");
    condemn(client);
    return false;
  }

  /** Answers are rationed too: what is refused faster than that goes unanswered. */
  #answer(client: EngineClient, conduct: Conduct, { refusal, requestId }: Answer): void {
    if (conduct.isCondemned || !conduct.mayBeAnswered()) return;
    const body = this.#parts.show(refusal);
    if (requestId === undefined) client.send("error", body);
    else client.enqueueRaw(getMessageBytes[Protocol.ROOM_RESPONSE](requestId, STATUS_REJECTED, body));
  }
}

/** A refusal, of the request with this number or of a plain message. */
interface Answer {
  readonly refusal: AppError;
  readonly requestId: number | undefined;
}
