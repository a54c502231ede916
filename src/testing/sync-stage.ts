import type { Schema, StateView } from "@colyseus/schema";
import { SchemaSerializer as ClientSerializer } from "@colyseus/sdk";
import { createMetrics } from "../platform/metrics.ts";
import type { EngineClient } from "../realtime/engine.ts";
import { Outboxes, type OutboxLimits } from "../realtime/sync/outbox.ts";
import { SafeSchemaSerializer } from "../realtime/sync/serializer.ts";
import type { SlowPlayer } from "./slow-player.ts";

interface StageParts<World> {
  readonly world: World;
  readonly players: SlowPlayer[];
  /** Whether frames carry the room's time, as they do in every room that takes input. */
  readonly isStamped?: boolean;
  readonly limits?: Partial<OutboxLimits>;
}

/** A room as far as the serializer knows one: patches, and players that read when told to. */
export class SyncStage<World extends Schema> {
  readonly world: World;
  readonly players: SlowPlayer[];
  readonly metrics = createMetrics();
  readonly serializer: SafeSchemaSerializer;
  /** What the next patch stumbles over once some of the clients have it. */
  failure: Error | undefined;
  readonly #outboxes: Outboxes;
  readonly #timing: { sNow: number } | undefined;

  constructor({ world, players, isStamped = true, limits = {} }: StageParts<World>) {
    this.world = world;
    this.players = players;
    this.#timing = isStamped ? { sNow: 1 } : undefined;
    this.#outboxes = new Outboxes({ room: { roomName: "stage" }, metrics: this.metrics, limits });
    this.serializer = new SafeSchemaSerializer(this.#outboxes);
    this.serializer.reset(world);
    for (const player of players) this.join(player);
  }

  /** Seats a player, or seats it again on a new connection. */
  join(player: SlowPlayer): void {
    player.connect(this.serializer, this.#outboxes, this.#timing);
  }

  patch(): void {
    const clients = this.players.map(({ client }) => client);
    const { failure } = this;
    this.failure = undefined;
    // The engine goes through the clients from the last to the first.
    const raw = clients[0]?.raw;
    if (failure !== undefined) {
      Object.assign(clients[0] ?? {}, {
        raw: () => {
          throw failure;
        },
      });
    }
    try {
      this.serializer.applyPatches(clients, this.world, this.#timing);
    } catch (thrown) {
      if (thrown !== failure) throw thrown;
    } finally {
      Object.assign(clients[0] ?? {}, { raw });
    }
  }

  /** Everybody comes back who was sent away, and reads everything. */
  settle(): void {
    for (const player of this.players) {
      if (player.closeCode !== undefined) this.join(player);
      player.read();
    }
    for (let round = 0; round < 3; round++) this.patch();
  }

  /** What somebody would see who joined now. */
  seenByNewcomer(view?: StateView): unknown {
    const decoder = new ClientSerializer();
    decoder.handshake(this.serializer.handshake().slice(), { offset: 0 });
    decoder.setState(this.serializer.getFullState({ view } as unknown as EngineClient), { offset: 1 });
    return (decoder.getState() as Schema).toJSON();
  }
}
