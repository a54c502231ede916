import { ClientState, SchemaSerializer, ServerError } from "@colyseus/core";
import { type CloseCode, closeCodes } from "../../../schema/protocol.ts";
import type { AppErrorShown } from "../../platform/errors.ts";
import { closeForGood } from "../door/socket-guard.ts";
import { type EngineClient, type EngineClientPrivate, EngineRoom, type InputOptions } from "../engine.ts";
import { createInputForm, InputLane } from "../input-lane.ts";
import type { Admission, Reservation, RoomSupplies } from "../room-supplies.ts";
import { Outboxes } from "../sync/outbox.ts";
import { SafeSchemaSerializer } from "../sync/serializer.ts";
import { makeWritesStrict } from "../sync/strict-writes.ts";
import { type FaultPolicy, Faults } from "./faults.ts";
import { FrameGuard } from "./frame-guard.ts";
import { createInputScan } from "./input-scan.ts";
import { refuseExtensions } from "./unpacking.ts";

refuseExtensions();

type Handler = (client: EngineClient, payload: unknown, channel: unknown) => unknown;

/** How a handler answers a `room.request`; a plain message comes with a channel without an id. */
interface ReplyChannel {
  readonly id: number;
  reject(reason: unknown): unknown;
}

function isReplyChannel(channel: unknown): channel is ReplyChannel {
  return typeof channel === "object" && channel !== null && "id" in channel && channel.id !== undefined;
}

/**
 * The engine's room with its defects cured: no byte of a client and no exception of a hook, handler, timer or patch
 * leaves it. `SPEC.md` lists each defect with its cure. A room author extends GameRoom and sees none of this.
 */
export abstract class GuardedRoom extends EngineRoom {
  /** What this room does about an exception of its own; whatever it says, other rooms do not notice. */
  readonly onFault: FaultPolicy = "continue";

  /** Set on the prototype by `supplyRoom`. */
  declare protected readonly supplies: RoomSupplies;
  protected faults!: Faults;
  #outboxes!: Outboxes;
  #frames!: FrameGuard;

  /** Ends a player's seat and connection for good. */
  protected abstract kick(client: EngineClient, code: CloseCode): void;

  override __init(): void {
    this.faults = new Faults({ ...this.supplies, room: this, close: () => this.close(closeCodes.FAULT) });
    this.#frames = new FrameGuard({
      ...this.supplies,
      room: this,
      hears: (type) => (this.onMessageEvents.events[type]?.length ?? 0) > 0,
      show: (refusal) => this.reportFault("message", refusal).body,
      condemn: (client) => this.#condemn(client),
    });
    this.#outboxes = new Outboxes({ ...this.supplies, room: this });
    super.__init();
  }

  override setSerializer(serializer: unknown): void {
    const isStock = serializer instanceof SchemaSerializer;
    super.setSerializer(isStock ? new SafeSchemaSerializer(this.#outboxes) : serializer);
  }

  /** A seat that the matchmaker has claimed counts once: as a claim until the room's own count has it. */
  override _reserveSeat(sessionId: string, options: unknown, auth: unknown, ...rest: unknown[]): Promise<boolean> {
    const { claim, ...bearer } = (auth ?? {}) as Partial<Reservation>;
    if (claim === undefined) return super._reserveSeat(sessionId, options, auth, ...rest);
    const reserve = () => super._reserveSeat(sessionId, options, bearer, ...rest);
    return this.supplies.directory.settle({ roomId: this.roomId, claim }, reserve);
  }

  override _onJoin(
    client: EngineClient,
    ...rest: [context: unknown, how?: { reconnectionToken?: string }]
  ): Promise<void> {
    this.#outboxes.admit(client, { isReturning: rest[1]?.reconnectionToken !== undefined });
    return super._onJoin(client, ...rest);
  }

  /** The engine tells the clients about the room's inputs; what they send is decoded and kept in lanes of ours. */
  override defineInput(type: new () => object, options: InputOptions): void {
    const form = createInputForm(type, options.sanitize);
    this.#frames.expectInputs(createInputScan(type), options.tickRate);
    super.defineInput(type, options);
    this._inputController.allocate = (client) => {
      client._inputBuffer = new InputLane(form, options.bufferMaxSize);
    };
  }

  /** Called once the room has its state: from then on what is written to it reaches the clients unchanged. */
  protected guardState(): void {
    makeWritesStrict(this.state, this.supplies.onWriteFault);
  }

  /** An offender need not read why: the connection ends soon after, and nothing of it is read any more. */
  #condemn(client: EngineClient): void {
    this.kick(client, closeCodes.OFFENCE);
    closeForGood(client.ref as never, closeCodes.OFFENCE, this.supplies.clock);
  }

  /** Logs and counts an exception of this room, and gives what may be shown of it. */
  reportFault(hook: string, thrown: unknown, offender?: EngineClient): AppErrorShown {
    const accountId = (offender?.auth as Admission | undefined)?.accountId;
    const kick = () => offender && this.kick(offender, closeCodes.FAULT);
    return this.faults.report(hook, thrown, { accountId, kick });
  }

  /**
   * A handler runs under its own name, which must be a constant and never a client's word. Its failure is answered with
   * `{ code, message, details, errorId }`: as the rejection of a `room.request`, or as a message of type `error`. The
   * engine would answer a request with the exception's own text, or not at all.
   */
  override onMessage(type: string | number, ...rest: unknown[]): () => void {
    const handler = rest.pop() as Handler;
    const hook = `message ${type}`;
    const answering: Handler = (client, payload, channel) =>
      this.faults.attempt(
        hook,
        () => handler.call(this, client, payload, channel),
        (thrown) => this.#answerFailure(this.reportFault(hook, thrown, client), client, channel),
      );
    return super.onMessage(type, ...rest, answering);
  }

  #answerFailure({ body }: AppErrorShown, client: EngineClient, channel: unknown): unknown {
    if (isReplyChannel(channel)) return channel.reject(body);
    client.send("error", body);
    return undefined;
  }

  override _onMessage(client: EngineClient, buffer: Buffer): void {
    if (!this.#frames.admits(client, buffer)) return;
    try {
      super._onMessage(client, buffer);
      if (client.state === ClientState.JOINED) (client as EngineClientPrivate)._enqueuedMessages = undefined;
    } catch (thrown) {
      this.reportFault("frame", thrown, client);
      // Half a join, or half an input, leaves the two ends apart: the connection is of no more use.
      client.leave(closeCodes.FAULT);
    }
  }

  override broadcastPatch(): boolean {
    return this.faults.contain("patch", () => super.broadcastPatch());
  }

  override onUncaughtException(error: Error & { cause?: unknown }, hook: string): void {
    const thrown = error.cause ?? error;
    if (!(thrown instanceof ServerError)) this.faults.report(hook, thrown);
  }

  /** Sends everyone away and disposes of the room. */
  protected close(code: CloseCode): void {
    try {
      this.disconnect(code).catch((thrown: unknown) => this.faults.report("close", thrown));
    } catch (thrown) {
      // The engine refuses to close a room that is still being made; its onCreate fails then anyway.
      this.faults.report("close", thrown);
    }
  }

  /** Turns a failure at the door, now or later, into the one thing the engine may tell a client: a number and a sentence. */
  guard(hook: string, run: () => unknown): unknown {
    return this.faults.attempt(hook, run, (thrown) => {
      if (thrown instanceof ServerError) throw thrown;
      const { status, body } = this.reportFault(hook, thrown);
      throw new ServerError(status, `${body.code}: ${body.message} (${body.errorId})`);
    });
  }
}
