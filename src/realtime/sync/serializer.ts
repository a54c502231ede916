import { ClientState, Protocol, SchemaSerializer } from "@colyseus/core";
import type { Encoder, Schema, StateView } from "@colyseus/schema";
import type { EngineClient } from "../engine.ts";
import { encodeClearedFields } from "./cleared-fields.ts";
import type { Outboxes } from "./outbox.ts";

type Timing = Parameters<SchemaSerializer<Schema>["applyPatches"]>[2];

/**
 * The engine's serializer with its defects cured. What it hands to a socket is never written to again; a state larger
 * than its first buffer is whole for clients with views; clients that share a view share what happens to it; a client
 * that remembers an older state forgets what is gone. A client that is behind gets no patches but, once it has caught up,
 * the whole state: see `outbox.ts`.
 */
export class SafeSchemaSerializer extends SchemaSerializer<Schema> {
  readonly #outboxes: Outboxes;
  readonly #sharedViews = new Map<StateView, Uint8Array>();
  /** The engine copies a frame for each client to stamp it with the time; only what is not stamped needs a copy here. */
  #isStamped = false;

  constructor(outboxes: Outboxes) {
    super();
    this.#outboxes = outboxes;
  }

  override reset(state: Schema): void {
    super.reset(state);
    const { encoder } = this;
    const encode = encoder.encode.bind(encoder);
    const encodeAll = encoder.encodeAll.bind(encoder);
    const encodeView = encoder.encodeView.bind(encoder);
    encoder.encode = (at, view, ...rest) => {
      const bytes = encode(at, view, ...rest);
      // With a view the engine joins these to what all clients get, in new memory.
      return view === undefined && !this.#isStamped ? bytes.slice() : bytes;
    };
    encoder.encodeAll = (at, buffer) => {
      const bytes = encodeAll(at, buffer);
      // It grew, and the engine would go on to read the old buffer for the clients with views.
      if (bytes.buffer !== this.fullEncodeBuffer.buffer) this.fullEncodeBuffer = new Uint8Array(bytes.buffer);
      return bytes;
    };
    encoder.encodeView = (view, ...rest) => {
      // Encoding empties the view's list of changes, so the next client to share it would get nothing.
      const bytes = this.#sharedViews.get(view) ?? encodeView(view, ...rest);
      this.#sharedViews.set(view, bytes);
      return bytes;
    };
  }

  override getFullState(client?: EngineClient, timing?: Timing): Uint8Array {
    if (client === undefined) return super.getFullState(client, timing);
    // Its outbox then waits for the state as it is after the next patch.
    if (hasPendingArrays(this.encoder)) this.#outboxes.startOver([client]);
    return this.#wholeState(client, timing, { isReturning: this.#outboxes.isReturning(client) });
  }

  override applyPatches(clients: EngineClient[], state: unknown, timing?: Timing): boolean {
    const reading = this.#outboxes.reading(clients);
    this.#isStamped = timing !== undefined;
    this.#sharedViews.clear();
    let hasChanged: boolean;
    try {
      const isAlike = timing !== undefined && !this.hasFilters;
      hasChanged = isAlike ? this.#patchAlike(reading, timing.sNow) : super.applyPatches(reading, state, timing);
    } catch (thrown) {
      this.#startOver(clients);
      throw thrown;
    } finally {
      this.#isStamped = false;
    }
    if (reading !== clients) this.#resync(clients, timing);
    return hasChanged;
  }

  /** Without views everyone gets the same patch, and only its stamp differs. The engine makes a copy for each client. */
  #patchAlike(clients: EngineClient[], timeMs: number): boolean {
    const { encoder } = this;
    const hasChanged = encoder.hasChanges;
    if (hasChanged) this.needFullEncode = true;
    if (clients.length > 0) {
      encoder.sharedBuffer[0] = Protocol.ROOM_STATE_PATCH;
      const patch = hasChanged ? encoder.encode({ offset: 1 }) : encoder.sharedBuffer.subarray(0, 1);
      // From the last to the first, as the engine goes.
      for (let index = clients.length - 1; index >= 0; index--) {
        const client = clients[index] as EngineClient;
        if (client.state === ClientState.JOINED) this.#outboxes.patch(client, patch, timeMs);
      }
    }
    encoder.discardChanges();
    return hasChanged && clients.length > 0;
  }

  /** Half of the clients may have got half of the patch. What they miss will be in the whole state. */
  #startOver(clients: EngineClient[]): void {
    this.needFullEncode = true;
    this.encodedViews?.clear();
    this.#outboxes.startOver(clients);
  }

  #resync(clients: EngineClient[], timing: Timing): void {
    const failures: unknown[] = [];
    for (const client of this.#outboxes.caughtUp(clients)) {
      try {
        const whole = this.#wholeState(client, timing, { isReturning: true });
        // All of it is in what the view shows now.
        client.view?.changes.clear();
        this.#outboxes.resync(client, whole);
      } catch (thrown) {
        this.#outboxes.giveUp(client);
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #wholeState(client: EngineClient, timing: Timing, { isReturning }: { isReturning: boolean }): Uint8Array {
    const whole = super.getFullState(client, timing);
    if (isReturning) {
      const cleared = encodeClearedFields(this.encoder, this.hasFilters ? client.view : undefined);
      if (cleared.length > 0) return Buffer.concat([whole, cleared]);
    }
    return whole.buffer === this.fullEncodeBuffer.buffer ? whole.slice() : whole;
  }
}

/**
 * Whether the next patch moves elements of an array. A state that is sent before it shows them moved already, and who
 * has it must not be told to move them again.
 */
function hasPendingArrays({ root }: Encoder): boolean {
  for (let node = root.changes.next; node !== undefined; node = node.next) {
    if (node.changeTree.isArray && node.changeTree.has()) return true;
  }
  return false;
}
