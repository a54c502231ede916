import { ClientState, Protocol } from "@colyseus/core";
import type { Schema, StateView } from "@colyseus/schema";
import { SchemaSerializer as ClientSerializer } from "@colyseus/sdk";
import { createSeededRandom } from "../platform/random.ts";
import { Pulse } from "../realtime/door/heartbeat.ts";
import { type EngineClient, PROTOCOL_CODE_MASK } from "../realtime/engine.ts";
import type { Outboxes } from "../realtime/sync/outbox.ts";
import type { SafeSchemaSerializer } from "../realtime/sync/serializer.ts";

const STAMPED = 0x80;
const STAMP_BYTES = 8;

type Parcel = { readonly frame: Uint8Array; readonly asSent: Uint8Array } | { readonly question: Uint8Array };

const sizeOf = (parcel: Parcel) => ("frame" in parcel ? parcel.frame : parcel.question).length;

/** One player's connections, one after the other, and what the SDK makes of what comes through. */
export class SlowPlayer {
  readonly decoder = new ClientSerializer();
  readonly view: StateView | undefined;
  /** What the player heard beside the state. */
  readonly messages: number[] = [];
  /** Frames whose bytes were written to between their sending and their arrival. */
  damagedFrames = 0;
  client!: EngineClient;
  closeCode: number | undefined;
  /** Bytes that this player has not read yet. */
  waitingBytes = 0;
  #isStalled = false;
  #waiting: Parcel[] = [];
  readonly #random = createSeededRandom(1);

  constructor(view?: StateView) {
    this.view = view;
  }

  /** The state as the SDK has it. */
  get sees(): unknown {
    return (this.decoder.getState() as Schema).toJSON();
  }

  get pulse(): Pulse {
    return (this.client.ref as unknown as { pulse: Pulse }).pulse;
  }

  /** Takes a seat, or takes it again. */
  connect(serializer: SafeSchemaSerializer, outboxes: Outboxes, timing: { sNow: number } | undefined): void {
    const isReturning = this.client !== undefined;
    this.#waiting = [];
    this.waitingBytes = 0;
    this.closeCode = undefined;
    this.#isStalled = false;
    const pulse = new Pulse((question) => void this.#arrive({ question }), this.#random);
    const ref = Object.defineProperties({ pulse }, { bufferedAmount: { get: () => this.waitingBytes } });
    const client = {
      ref,
      state: ClientState.JOINED,
      view: this.view,
      raw: (frame: Uint8Array) => this.#arrive({ frame, asSent: frame.slice() }),
      leave: (code: number) => {
        this.closeCode = code;
      },
    };
    this.client = client as unknown as EngineClient;
    outboxes.admit(this.client, { isReturning });
    if (!isReturning) this.decoder.handshake(serializer.handshake().slice(), { offset: 0 });
    this.client.raw(serializer.getFullState(this.client, timing));
  }

  /** Sends the player a message with a number in it, and makes it `bytes` long. */
  tell(number: number, bytes = 5): void {
    const frame = Buffer.alloc(bytes);
    frame[0] = Protocol.ROOM_DATA;
    frame.writeUInt32LE(number, 1);
    this.client.raw(frame);
  }

  stall(): void {
    this.#isStalled = true;
  }

  /** Reads `count` of the frames that have piled up, by default all and what comes from now on. */
  read(count: number = Number.POSITIVE_INFINITY): void {
    if (count === Number.POSITIVE_INFINITY) this.#isStalled = false;
    for (const parcel of this.#waiting.splice(0, count)) {
      this.waitingBytes -= sizeOf(parcel);
      this.#hear(parcel);
    }
  }

  #arrive(parcel: Parcel): void {
    if (this.#isStalled) {
      this.#waiting.push(parcel);
      this.waitingBytes += sizeOf(parcel);
    } else this.#hear(parcel);
  }

  #hear(parcel: Parcel): void {
    if ("question" in parcel) {
      this.pulse.hear(parcel.question);
      return;
    }
    const { frame, asSent } = parcel;
    if (Buffer.compare(frame, asSent) !== 0) this.damagedFrames += 1;
    const first = frame[0] ?? 0;
    const at = { offset: 1 + (first & STAMPED ? STAMP_BYTES : 0) };
    if ((first & PROTOCOL_CODE_MASK) === Protocol.ROOM_STATE) this.decoder.setState(frame, at);
    else if ((first & PROTOCOL_CODE_MASK) === Protocol.ROOM_STATE_PATCH) this.decoder.patch(frame, at);
    else this.messages.push(Buffer.from(frame).readUInt32LE(1));
  }
}
