import { definePlugins, type Room, RoomPlugin } from "@colyseus/core";
import { StateView } from "@colyseus/schema";
import { z } from "zod";
import type { EngineClient, EngineClientPrivate } from "../../realtime/engine.ts";
import { GameRoom } from "../../realtime/game-room.ts";
import type { RoomTable } from "../../realtime/game-server.ts";
import type { InputSpec, Inputs } from "../../realtime/inputs.ts";
import type { RoomClass } from "../../realtime/supply-room.ts";
import type { WorldSetup } from "../../realtime/world.ts";
import {
  aStreamedBoard,
  Board,
  ITEMS,
  Item,
  SLOW_START_MS,
  STEPS_PER_SECOND,
  Stride,
  stepBoard,
  Warehouse,
} from "./boards.ts";
import { frameCodes } from "./messages.ts";

/** The rooms of stock-server.ts as a room author writes them on Umpire, as naive as those. */
abstract class SeatedRoom<World extends Board | Warehouse> extends GameRoom<World, Stride> {
  readonly tickHz = STEPS_PER_SECOND;
  readonly patchEvery: number = 2;
  readonly input: InputSpec<Stride> = { type: Stride, idle: { dx: 0 }, ranges: { dx: [-1, 1] } };
  override maxClients = 16;
  readonly #taken = new Set<number>();

  enter(): number {
    let slot = 0;
    while (this.#taken.has(slot)) slot += 1;
    this.#taken.add(slot);
    return slot;
  }
  drop(): void {}
  comeBack(): void {}
  exit(_world: World, slot: number): void {
    this.#taken.delete(slot);
  }
}

type Naive = { target: { x: number }; dx: number; value: number };

class YardRoom extends SeatedRoom<Board> {
  #isAdmin = false;
  #isStepBroken = false;

  override messages = {
    facts: (client: EngineClient) => client.send("facts", { isAdmin: this.#isAdmin, small: this.state.small }),
    alarm: (client: EngineClient, { ms }: { ms: number }) => void this.clock.setTimeout(() => client.send("rang"), ms),
    echo: (client: EngineClient, payload: unknown) => client.send("echo", payload),
    say: (client: EngineClient, payload: unknown) => this.broadcast("say", payload, { except: client }),
    hit: (_client: EngineClient, payload: Naive) => {
      this.state.x = payload.target.x;
    },
    move: (_client: EngineClient, payload: Naive) => {
      this.state.x += payload.dx;
    },
    set: (_client: EngineClient, payload: Naive) => {
      this.state.small = payload.value;
    },
    later: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw new Error("a rejection in a room");
    },
    break: () => {
      this.#isStepBroken = true;
    },
  };

  createWorld({ options }: WorldSetup<object>): Board {
    this.#isAdmin = (options as { isAdmin?: boolean }).isAdmin === true;
    return new Board();
  }
  step(world: Board): void {
    stepBoard(world, false);
    if (!this.#isStepBroken) return;
    this.#isStepBroken = false;
    throw new Error("a broken step");
  }
}

class SlowRoom extends YardRoom {
  override maxClients = 4;
  override async onCreate(options: object): Promise<void> {
    super.onCreate(options);
    await new Promise((resolve) => setTimeout(resolve, SLOW_START_MS));
  }
}

class WalkRoom extends SeatedRoom<Board> {
  createWorld(): Board {
    return new Board();
  }
  step(world: Board, inputs: Inputs<Stride>): void {
    stepBoard(world, false);
    for (let slot = 0; slot < this.maxClients; slot++) {
      for (const { dx } of inputs.of(slot)) world.x += dx;
    }
  }
}

class StreamRoom extends SeatedRoom<Board> {
  override readonly patchEvery: number = 1;
  createWorld(): Board {
    return aStreamedBoard();
  }
  step(world: Board): void {
    stepBoard(world, true);
  }
}

class WarehouseRoom extends SeatedRoom<Warehouse> {
  override messages = {
    reveal: (client: EngineClient) => client.view?.add(this.state.secrets.get("0") as Item),
  };

  createWorld(): Warehouse {
    const world = new Warehouse();
    for (let n = 0; n < ITEMS; n++) world.items.set(String(n), new Item({ n, words: `item number ${n}` }));
    world.secrets.set("0", new Item({ n: 0, words: "a secret" }));
    return world;
  }
  step(world: Warehouse): void {
    world.tick += 1;
  }
  override onJoin(client: EngineClient): void {
    super.onJoin(client);
    client.view = new StateView();
    client.view.add(this.state.secrets.get("0") as Item);
  }
}

/** Two players of one team look through the same view. */
class TeamRoom extends WarehouseRoom {
  readonly #view = new StateView();
  override onJoin(client: EngineClient): void {
    super.onJoin(client);
    client.view = this.#view;
  }
}

class LabelPlugin extends RoomPlugin<Room<{ state: Board }>> {
  protected override order = { onCreate: "after" } as const;

  protected override onCreate() {
    this.room.state.label = "plugged";
  }
}

class PluggedRoom extends WalkRoom {
  override plugins = definePlugins({ label: new LabelPlugin() });
}

/** What a chat room does: whatever is said goes to the others. */
class RelayRoom extends SeatedRoom<Board> {
  override messages = {
    say: (client: EngineClient, payload: unknown) => this.broadcast("say", payload, { except: client }),
  };
  createWorld(): Board {
    return new Board();
  }
  step(world: Board): void {
    stepBoard(world, false);
  }
}

/** What ends a connection. */
const ENDINGS: ReadonlySet<string | symbol> = new Set(["close", "pause", "terminate", "on", "once"]);

/**
 * The same room, whose guards refuse what they refuse everywhere but send nobody away for it and keep no account of it:
 * so that a fuzzer's bytes meet them at tens of thousands a second instead of one a connection. Who asks to leave leaves.
 */
function pardoning(room: RoomClass): RoomClass {
  const Pardoning = class extends (room as unknown as typeof WalkRoom) {
    override onCreate(options: object): void {
      super.onCreate(options);
      this.maxMessagesPerSecond = Number.POSITIVE_INFINITY;
    }
    override _onMessage(client: EngineClient, frame: Buffer): void {
      if (frame.length === 1 && frame[0] === frameCodes.leave) {
        super._onMessage(client, frame);
        return;
      }
      const socket = client.ref;
      // A client's record is kept with what it was let in by.
      client.auth = { ...client.auth };
      delete (client as EngineClientPrivate).conduct;
      client.ref = new Proxy(socket, {
        get(target, key) {
          if (ENDINGS.has(key)) return () => {};
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
      try {
        super._onMessage(client, frame);
      } finally {
        client.ref = socket;
      }
    }
    protected override kick(): void {}
  };
  return Pardoning as unknown as RoomClass;
}

const filters = (region: string) =>
  z.strictObject({ lane: z.string().max(20).default("main"), region: z.literal(region).default(region) });

export const umpireRooms: RoomTable = {
  yard: { room: YardRoom, filters },
  slow: { room: SlowRoom, filters },
  walk: { room: WalkRoom, filters },
  stream: { room: StreamRoom, filters },
  warehouse: { room: WarehouseRoom, filters },
  team: { room: TeamRoom, filters },
  plugged: { room: PluggedRoom, filters },
  relay: { room: RelayRoom, filters },
  "open-yard": { room: pardoning(YardRoom), filters },
  "open-walk": { room: pardoning(WalkRoom), filters },
  "open-relay": { room: pardoning(RelayRoom), filters },
};
