import { Protocol, ServerError } from "@colyseus/core";
import { type CloseCode, closeCodes } from "../../schema/protocol.ts";
import { AppError, type AppErrorShown } from "../platform/errors.ts";
import { type EngineClient, EngineRoom, PROTOCOL_CODE_MASK } from "./engine.ts";
import { type FaultPolicy, Faults } from "./faults.ts";
import type { Admission, RoomSupplies } from "./room-supplies.ts";

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

  /** Ends a player's seat and connection for good. */
  protected abstract kick(client: EngineClient, code: CloseCode): void;

  override __init(): void {
    this.faults = new Faults({ ...this.supplies, room: this, close: () => this.close(closeCodes.FAULT) });
    super.__init();
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
    const hook = type === "*" ? "message" : `message ${type}`;
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

  /** Input rings are for datagram transports; on a stream their decoder can be made to loop for ever by three bytes. */
  override _onMessage(client: EngineClient, buffer: Buffer): void {
    const code = (buffer[0] ?? 0) & PROTOCOL_CODE_MASK;
    if (code === Protocol.ROOM_INPUT_UNRELIABLE && client.rawUnreliable === undefined) {
      client.leave(closeCodes.FAULT);
      return;
    }
    try {
      super._onMessage(client, buffer);
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

  protected refuseUnknown(client: EngineClient, type: string | number): void {
    const unknown = new AppError("ROOM_MESSAGE_UNKNOWN", { type: String(type).slice(0, 64) });
    client.send("error", this.reportFault("message", unknown, client).body);
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
