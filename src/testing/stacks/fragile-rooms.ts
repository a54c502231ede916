import { z } from "zod";
import type { EngineClient } from "../../realtime/engine.ts";
import { GameRoom } from "../../realtime/game-room.ts";
import type { RoomTable } from "../../realtime/game-server.ts";
import { Board, Stride } from "./boards.ts";

/** Every place in which a room's code can fail, at once or later. */
export const weaknesses = [
  "handler",
  "asyncHandler",
  "roomTimer",
  "bareTimer",
  "looseRejection",
  "step",
  "afterStep",
  "encode",
] as const;

const fail = (where: string): never => {
  throw new Error(`broken on purpose: ${where}`);
};

/** A room that fails wherever it is told to, once. */
class FragileRoom extends GameRoom<Board, Stride> {
  readonly tickHz = 20;
  readonly patchEvery = 1;
  readonly input = { type: Stride, idle: { dx: 0 }, ranges: { dx: [-1, 1] } } as const;
  override maxClients = 4;
  #next = "";

  override messages = {
    handler: () => fail("handler"),
    asyncHandler: async () => {
      await Promise.resolve();
      fail("asyncHandler");
    },
    roomTimer: () => void this.clock.setTimeout(() => fail("roomTimer"), 1),
    bareTimer: () => void setTimeout(() => fail("bareTimer"), 1),
    looseRejection: () => void Promise.resolve().then(() => fail("looseRejection")),
    step: (_client: EngineClient) => this.#arm("step"),
    afterStep: (_client: EngineClient) => this.#arm("afterStep"),
    encode: (_client: EngineClient) => this.#breakEncoding(),
    join: (_client: EngineClient) => this.#arm("enter"),
  };

  createWorld(): Board {
    return new Board();
  }
  step(world: Board): void {
    world.tick += 1;
    this.#failIfArmed("step");
  }
  enter(world: Board): number {
    this.#failIfArmed("enter");
    world.x += 1;
    return world.x;
  }
  drop(): void {}
  comeBack(): void {}
  exit(): void {}
  override afterStep(): void {
    this.#failIfArmed("afterStep");
  }

  #arm(where: string): void {
    this.#next = where;
  }

  #failIfArmed(where: string): void {
    if (this.#next !== where) return;
    this.#next = "";
    fail(where);
  }

  /** The next patch meets a state that cannot be encoded. */
  #breakEncoding(): void {
    const serializer = Reflect.get(this, "_serializer") as { applyPatches: unknown };
    const whole = serializer.applyPatches;
    serializer.applyPatches = () => {
      serializer.applyPatches = whole;
      fail("encode");
    };
  }
}

export const fragileRooms: RoomTable = {
  fragile: { room: FragileRoom, filters: () => z.strictObject({ lane: z.string().max(20).default("main") }) },
};
